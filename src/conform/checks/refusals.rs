//! HTTP itself: bodies that are no JSON, ids and methods that do not exist, media types, sizes, slashes.

use super::{Check, told};
use crate::conform::bench::{Bench, Shown};
use crate::conform::verdict::Findings;
use awc::http::Method;
use serde_json::json;

pub(super) const CHECK: Check = Check {
    name: "refusals",
    items: &["CH-014", "CH-015", "CH-016", "CH-017", "CH-018", "CH-019"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

const LARGE: usize = 50 << 20;

fn json_type() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/json".to_owned())]
}

async fn run(bench: &Bench, findings: &mut Findings) {
    let Some(good) = bench.shown.first() else { return };
    let path = format!("/cds-services/{}", good.offer.id);
    let broken = bench.send("broken JSON", Method::POST, &path, json_type(), b"{\"hook\":".to_vec()).await;
    let refused = broken.status == 400 && broken.is_outcome();
    findings.judge("CH-014", &broken.name, refused, "400 with an OperationOutcome", broken.seen());

    let nobody = bench.post("an id of nobody", "/cds-services/conform-does-not-exist", &good.call).await;
    findings.judge("CH-015", &nobody.name, nobody.status == 404, "404", nobody.seen());

    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let name = format!("{method} where POST belongs");
        let answer = bench.send(&name, method, &path, vec![], vec![]).await;
        let allow = answer.list("allow");
        let told = format!("{}, Allow: {allow}", answer.seen());
        findings.judge("CH-016", &name, answer.status == 405 && allow.contains("post"), "405, Allow with POST", told);
    }
    media_types(bench, good, &path, findings).await;
    size(bench, &path, findings).await;
    slashes(bench, good, &path, findings).await;
}

async fn media_types(bench: &Bench, good: &Shown, path: &str, findings: &mut Findings) {
    let body = || good.call.to_string().into_bytes();
    let types = [("text/xml", 415), ("application/json; charset=utf-8", 200), ("application/fhir+json", 200)];
    for (media, status) in types {
        let headers = vec![("content-type", media.to_owned())];
        let answer = bench.send(&format!("a body as {media}"), Method::POST, path, headers, body()).await;
        findings.judge("CH-017", &answer.name, answer.status == status, &format!("status {status}"), answer.seen());
    }
}

async fn size(bench: &Bench, path: &str, findings: &mut Findings) {
    let answer = bench.send("a body of 50 MiB", Method::POST, path, json_type(), vec![b' '; LARGE]).await;
    match answer.status {
        0 => findings.unseen("CH-018", "the connection was closed before an answer could be read"),
        status => findings.judge("CH-018", &answer.name, status == 413, "413", answer.seen()),
    }
}

async fn slashes(bench: &Bench, good: &Shown, path: &str, findings: &mut Findings) {
    let discovery = bench.send("discovery with a slash", Method::GET, "/cds-services/", vec![], vec![]).await;
    let same = discovery.status == bench.discovery.status && discovery.json() == bench.discovery.json();
    findings.judge("CH-019", &discovery.name, same, "the same as without it", discovery.seen());
    let call = bench.post("a call with a slash", &format!("{path}/"), &good.call).await;
    let same = super::likeness(&call) == super::likeness(&good.exchange);
    findings.judge("CH-019", &call.name, same, &told(&good.exchange), told(&call));
    let (plain, slash) = (format!("{path}/feedback"), format!("{path}/feedback/"));
    let broken = json!({"feedback": "none"});
    let plain = bench.post("feedback that is no batch", &plain, &broken).await;
    let slash = bench.post("feedback with a slash", &slash, &broken).await;
    findings.judge("CH-019", &slash.name, slash.status == plain.status, &plain.seen(), slash.seen());
}
