//! What browsers are told.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::exchange::Exchange;
use crate::conform::verdict::Findings;
use awc::http::Method;
use std::rc::Rc;

pub(super) const CHECK: Check = Check {
    name: "cors",
    items: &["CH-021", "CH-022", "CH-023"],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

const MADE_UP: &str = "https://ehr.conform.example";
const FOREIGN: &str = "https://evil.example";

async fn run(bench: &Bench, findings: &mut Findings) {
    let Some(offer) = bench.offers.first() else {
        CHECK.items.iter().for_each(|id| findings.unseen(id, "the service offers nothing to call"));
        return;
    };
    let path = format!("/cds-services/{}", offer.id);
    let origin = bench.options.origin.as_deref().unwrap_or(MADE_UP);
    let answer = preflight(bench, &path, origin).await;
    let allowed = answer.header("access-control-allow-origin").unwrap_or_default().to_owned();
    if allowed.is_empty() && bench.options.origin.is_none() {
        findings.unseen("CH-021", "the made-up page may not call; give --origin of one that may");
        findings.unseen("CH-023", "the made-up page may not call; give --origin of one that may");
    } else {
        let fault = fault_of(&answer, origin);
        findings.judge(
            "CH-021",
            &answer.name,
            fault.is_none(),
            "2xx with what was asked for",
            fault.unwrap_or_default(),
        );
        refusal(bench, &path, origin, findings).await;
    }
    foreign(bench, &path, findings).await;
}

async fn preflight(bench: &Bench, path: &str, origin: &str) -> Rc<Exchange> {
    let headers = vec![
        ("origin", origin.to_owned()),
        ("access-control-request-method", "POST".to_owned()),
        ("access-control-request-headers", "authorization,content-type".to_owned()),
    ];
    bench.send(&format!("preflight of {origin}"), Method::OPTIONS, path, headers, vec![]).await
}

/// What is wrong with the answer to a permitted page's preflight.
fn fault_of(answer: &Exchange, origin: &str) -> Option<String> {
    let allowed = answer.header("access-control-allow-origin").unwrap_or_default();
    let headers = answer.list("access-control-allow-headers");
    let has = |name: &str| headers.split(',').any(|header| header.trim() == name);
    let methods = answer.list("access-control-allow-methods");
    if !(200..300).contains(&answer.status) {
        Some(answer.seen())
    } else if allowed != "*" && allowed != origin {
        Some("Access-Control-Allow-Origin is another or missing".to_owned())
    } else if !methods.contains("post") {
        Some("Access-Control-Allow-Methods without POST".to_owned())
    } else if !has("authorization") || !has("content-type") {
        Some("Access-Control-Allow-Headers without authorization or content-type".to_owned())
    } else if allowed == origin && !answer.list("vary").contains("origin") {
        Some("no Vary: Origin, so a cache may serve it to others".to_owned())
    } else if answer.list("access-control-allow-credentials").contains("true") {
        Some("Access-Control-Allow-Credentials: true".to_owned())
    } else {
        None
    }
}

async fn refusal(bench: &Bench, path: &str, origin: &str, findings: &mut Findings) {
    let headers = vec![("origin", origin.to_owned()), ("content-type", "application/json".to_owned())];
    let answer = bench.send("broken JSON from a page", Method::POST, path, headers, b"{".to_vec()).await;
    let allowed = answer.header("access-control-allow-origin").unwrap_or_default();
    let readable = allowed == "*" || allowed == origin;
    findings.judge(
        "CH-023",
        &answer.name,
        readable,
        "Access-Control-Allow-Origin",
        format!("{} without", answer.seen()),
    );
}

async fn foreign(bench: &Bench, path: &str, findings: &mut Findings) {
    let answer = preflight(bench, path, FOREIGN).await;
    let credentials = answer.list("access-control-allow-credentials").contains("true");
    match answer.header("access-control-allow-origin") {
        Some("*") if !credentials => findings.unseen("CH-022", "every page may call, without credentials"),
        None => findings.judge("CH-022", &answer.name, true, "no permission", ""),
        Some(_) => {
            let seen = if credentials { "permission, with credentials" } else { "permission for any page by name" };
            findings.judge("CH-022", &answer.name, false, "no permission", seen);
        }
    }
}
