//! Every refusal of the run: an OperationOutcome, and nothing of the patient in it.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::verdict::Findings;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    name: "errors",
    items: &["CH-154", "CH-155"],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

/// What a stack trace has in it, of whatever language.
const TRACES: [&str; 7] =
    ["Traceback (most", "stack backtrace", "\tat ", "    at ", ".rs:", "panicked at", "Exception in thread"];

async fn run(bench: &Bench, findings: &mut Findings) {
    let private = private_words(bench);
    for exchange in bench.sender.log().iter().filter(|exchange| exchange.status >= 400) {
        let name = &*exchange.name;
        if exchange.status != 401 {
            let seen = format!("{} without one", exchange.seen());
            findings.judge("CH-154", name, exchange.is_outcome(), "an OperationOutcome", seen);
        }
        let body = String::from_utf8_lossy(&exchange.body);
        let leak = if private.iter().any(|word| body.contains(&**word)) {
            Some("a name, birth date or id of the patient")
        } else {
            TRACES.iter().any(|trace| body.contains(trace)).then_some("a stack trace")
        };
        findings.judge("CH-155", name, leak.is_none(), "nothing of patient or program", leak.unwrap_or_default());
    }
}

/// Id, names and birth date, as far as they are long enough to be told from ordinary words.
fn private_words(bench: &Bench) -> Vec<String> {
    let chart = bench.chart();
    let patient = chart.patient_without(&[]).resources.into_iter().next().unwrap_or_default();
    let names = super::list(&patient, "name");
    let names = names.flat_map(|name| std::iter::once(&name["family"]).chain(super::list(name, "given")));
    let texts = names.chain([&patient["birthDate"], &patient["id"]]).filter_map(Value::as_str);
    texts.filter(|text| text.len() > 4).map(str::to_owned).collect()
}
