//! What a service reads from the mock EHR's FHIR server, and what it must not. A service reads only from servers
//! that it knows: where it has not been told of ours, most of this stays unseen.

use super::{Check, likeness, told};
use crate::conform::bench::{ACCESS_TOKEN, Bench, Shown};
use crate::conform::call::{changed, drop_member, with_access};
use crate::conform::mock_ehr::{Asked, Manner};
use crate::conform::verdict::Findings;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const CHECK: Check = Check {
    name: "read-back",
    items: &[
        "CH-103", "CH-105", "CH-110", "CH-112", "CH-113", "CH-114", "CH-141", "CH-143", "CH-144", "CH-145", "CH-147",
        "CH-148",
    ],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

const SCOPE: &str = "patient/*.rs";
/// A FHIR server this slow must not be waited for.
const SLOW: Duration = Duration::from_secs(5);
const BUDGET: Duration = Duration::from_secs(3);
/// Pages that lead to themselves may be asked for so often at most.
const MOST_PAGES: usize = 50;

async fn run(bench: &Bench, findings: &mut Findings) {
    let mut known = false;
    for shown in bench.answered() {
        let reads = whole_chart(bench, shown, findings).await;
        if reads {
            missing_key(bench, shown, findings).await;
            scopes(bench, shown, findings).await;
            refusals(bench, shown, findings).await;
            slowness(bench, shown, findings).await;
            redirects(bench, shown, findings).await;
            pages(bench, shown, findings).await;
        }
        if reads || bench.is_local() {
            strangers(bench, shown, findings).await;
        }
        known |= reads;
    }
    bench.ehr.behave(Manner::Serving, bench.chart());
    let why = match known {
        true => "no search in the prefetch, or no required data".to_owned(),
        false => {
            format!("no service read from {}: register it as a FHIR server (--ehr-bind keeps its port)", bench.ehr.fhir)
        }
    };
    CHECK.items.iter().for_each(|id| findings.unseen(id, &*why));
}

fn without_prefetch(shown: &Shown, server: &str, scope: &str) -> Value {
    changed(&shown.call, |call| {
        drop_member(call, "prefetch");
        with_access(call, server, ACCESS_TOKEN, scope);
    })
}

fn bears_token(asked: &Asked) -> bool {
    asked.authorization.as_deref() == Some(&format!("Bearer {ACCESS_TOKEN}"))
}

/// The kinds of resources that were asked for.
fn kinds(asked: &[Asked]) -> Vec<String> {
    let mut kinds: Vec<String> =
        asked.iter().filter_map(|one| one.query.split(['?', '/']).next().map(str::to_owned)).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// Without any prefetch; tells whether the service reads from us at all.
async fn whole_chart(bench: &Bench, shown: &Shown, findings: &mut Findings) -> bool {
    bench.ehr.behave(Manner::Serving, bench.chart());
    let body = without_prefetch(shown, &bench.ehr.fhir, SCOPE);
    let answer = bench.call("no prefetch, but a FHIR server", &shown.offer, &body).await;
    let asked = bench.ehr.asked();
    if asked.is_empty() {
        return false;
    }
    let bare = asked.iter().filter(|one| !bears_token(one)).count();
    let seen = format!("{bare} of {} calls without it", asked.len());
    findings.judge("CH-141", &answer.name, bare == 0, "the access token on every FHIR call", seen);
    let same = likeness(&answer) == likeness(&shown.exchange);
    findings.judge("CH-110", &answer.name, same, &format!("as prefetched: {}", told(&shown.exchange)), told(&answer));
    true
}

/// One key is missing, and its query is asked.
async fn missing_key(bench: &Bench, shown: &Shown, findings: &mut Findings) {
    let Some((key, template)) = shown.offer.templates.iter().find(|(key, _)| !shown.call["prefetch"][key].is_null())
    else {
        return;
    };
    bench.ehr.behave(Manner::Serving, bench.chart());
    let body = changed(&shown.call, |call| {
        drop_member(&mut call["prefetch"], key);
        with_access(call, &bench.ehr.fhir, ACCESS_TOKEN, SCOPE);
    });
    let answer = bench.call(&format!("no prefetch.{key}, but a FHIR server"), &shown.offer, &body).await;
    let kind = template.split(['?', '/']).next().unwrap_or_default();
    let read = kinds(&bench.ehr.asked()).iter().any(|asked| asked == kind);
    let seen = format!("{}, {}", told(&answer), if read { "asked for" } else { "not asked for" });
    findings.judge("CH-103", &answer.name, read && answer.status == 200, "a read of it and status 200", seen);
}

async fn scopes(bench: &Bench, shown: &Shown, findings: &mut Findings) {
    let mut asked = Vec::new();
    let mut name = String::new();
    for scope in ["patient/*.read", "patient/*.rs"] {
        bench.ehr.behave(Manner::Serving, bench.chart());
        let body = without_prefetch(shown, &bench.ehr.fhir, scope);
        name = bench.call(&format!("the scope {scope}"), &shown.offer, &body).await.name.clone();
        asked.push(kinds(&bench.ehr.asked()));
    }
    findings.judge("CH-143", &name, asked[0] == asked[1], "the same reads for both", "other reads");
}

async fn refusals(bench: &Bench, shown: &Shown, findings: &mut Findings) {
    let nothing = changed(&shown.call, |call| drop_member(call, "prefetch"));
    let requires = bench.call("no prefetch and no FHIR server", &shown.offer, &nothing).await.status == 412;
    for status in [401, 403, 500].into_iter().filter(|_| requires) {
        bench.ehr.behave(Manner::Refusing(status), bench.chart());
        let body = without_prefetch(shown, &bench.ehr.fhir, SCOPE);
        let answer = bench.call(&format!("a FHIR server that answers {status}"), &shown.offer, &body).await;
        findings.judge("CH-105", &answer.name, answer.status == 412, "412", answer.seen());
    }
}

async fn slowness(bench: &Bench, shown: &Shown, findings: &mut Findings) {
    bench.ehr.behave(Manner::Slow(SLOW), bench.chart());
    let answer = bench.call("a slow FHIR server", &shown.offer, &without_prefetch(shown, &bench.ehr.fhir, SCOPE)).await;
    let seen = format!("{} after {:.1} s", answer.seen(), answer.took.as_secs_f64());
    findings.judge("CH-147", &answer.name, answer.took < BUDGET && answer.status != 0, "an answer within 3 s", seen);
}

async fn redirects(bench: &Bench, shown: &Shown, findings: &mut Findings) {
    bench.ehr.behave(Manner::Redirecting(bench.ehr.elsewhere.clone()), bench.chart());
    let answer = bench
        .call("a FHIR server that redirects", &shown.offer, &without_prefetch(shown, &bench.ehr.fhir, SCOPE))
        .await;
    let followed = bench.ehr.asked().iter().any(|one| one.elsewhere && one.authorization.is_some());
    findings.judge("CH-145", &answer.name, !followed, "no token to another host", "the token went along");
}

/// A Bundle whose next page stands at our server, elsewhere, or at itself.
async fn pages(bench: &Bench, shown: &Shown, findings: &mut Findings) {
    let is_search = |key: &&String| shown.call["prefetch"][*key]["entry"].is_array();
    let Some(key) = shown.offer.templates.iter().map(|(key, _)| key).find(is_search) else { return };
    let kind = shown.call["prefetch"][key]["entry"][0]["resource"]["resourceType"].as_str().unwrap_or_default();
    let next = |base: &str| format!("{base}/{kind}?page=2");
    let empty = json!({"resourceType": "Bundle", "type": "searchset", "total": 1});
    let endless = linked(&empty, &next(&bench.ehr.fhir));
    for (what, id, url, page) in [
        ("a next page", "CH-112", next(&bench.ehr.fhir), empty.clone()),
        ("a next page elsewhere", "CH-113", next(&bench.ehr.elsewhere), empty),
        ("a next page that leads to itself", "CH-114", next(&bench.ehr.fhir), endless),
    ] {
        bench.ehr.behave(Manner::Saying(page), bench.chart());
        let body = changed(&shown.call, |call| {
            call["prefetch"][key] = linked(&call["prefetch"][key], &url);
            with_access(call, &bench.ehr.fhir, ACCESS_TOKEN, SCOPE);
        });
        let answer = bench.call(&format!("{what} in prefetch.{key}"), &shown.offer, &body).await;
        let asked = bench.ehr.asked();
        let followed = asked.iter().filter(|one| one.query.contains("page=2")).count();
        let with_token = asked.iter().any(|one| one.query.contains("page=2") && bears_token(one) && !one.elsewhere);
        let (good, expected) = match id {
            "CH-112" => (with_token, "the page is read with the token"),
            "CH-113" => (asked.iter().all(|one| !one.elsewhere), "nothing is asked for elsewhere"),
            _ => ((1..=MOST_PAGES).contains(&followed) && answer.status != 0, "an end after a few pages"),
        };
        findings.judge(id, &answer.name, good, expected, format!("{}, {followed} pages read", told(&answer)));
    }
}

fn linked(bundle: &Value, next: &str) -> Value {
    let mut bundle = bundle.clone();
    bundle["link"] = json!([{"relation": "next", "url": next}]);
    bundle
}

/// Servers and references that nobody registered.
async fn strangers(bench: &Bench, shown: &Shown, findings: &mut Findings) {
    bench.ehr.behave(Manner::Serving, bench.chart());
    let body = without_prefetch(shown, &bench.ehr.elsewhere, SCOPE);
    let answer = bench.call("a FHIR server that nobody registered", &shown.offer, &body).await;
    let asked = bench.ehr.asked().len();
    findings.judge("CH-144", &answer.name, asked == 0, "no call to it", format!("{asked} calls"));
    bench.ehr.behave(Manner::Serving, bench.chart());
    let reference = json!({"reference": format!("{}/Practitioner/1", bench.ehr.elsewhere)});
    let body = changed(&shown.call, |call| {
        for bundle in call["prefetch"].as_object_mut().into_iter().flat_map(|keys| keys.values_mut()) {
            for entry in bundle.get_mut("entry").and_then(Value::as_array_mut).into_iter().flatten() {
                if entry["resource"]["resourceType"] == "Condition" {
                    entry["resource"]["asserter"] = reference.clone();
                }
            }
        }
        with_access(call, &bench.ehr.fhir, ACCESS_TOKEN, SCOPE);
    });
    let answer = bench.call("references to another host", &shown.offer, &body).await;
    let asked = bench.ehr.asked().iter().filter(|one| one.elsewhere).count();
    findings.judge("CH-148", &answer.name, asked == 0, "no call to it", format!("{asked} calls"));
}
