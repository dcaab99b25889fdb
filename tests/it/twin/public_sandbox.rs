//! Habits of the public CDS Hooks sandbox, a page in a browser, seen from the service that meets them. What our server
//! answers to that page itself: [`crate::public_sandbox`].

use super::quirks::{with, with_prefetch};
use super::stage::{LAUNCH, Received, Stage};
use serde_json::{Value, json};

#[actix_web::test]
async fn the_public_sandbox_keeps_the_last_entry_of_an_id() {
    let stage = with(json!({"last_entry_of_id": true})).await;
    let entry = |hook: &str| json!({"id": "x", "hook": hook, "description": "d"});
    stage.service.lists(json!([entry("patient-view"), entry("encounter-start")]));
    stage.fire("patient-view").await;
    assert!(stage.service.calls().is_empty());
}

#[actix_web::test]
async fn the_public_sandbox_joins_repeated_parameters_and_leaves_out_what_does_not_resolve() {
    let plain = with_prefetch(json!({})).await;
    assert!(plain["observations"]["total"] == 2 && plain.get("visit").is_some_and(Value::is_null), "{plain}");
    assert!(plain.get("gone").is_some_and(Value::is_null), "{plain}");
    let other = with_prefetch(json!({"joins_repeated_parameters": true, "unresolved_left_out": true})).await;
    for key in ["observations", "visit", "gone"] {
        assert!(other.get(key).is_none(), "{key}: {other}");
    }
    assert_eq!(other["conditions"]["total"], 1);
}

#[actix_web::test]
async fn the_public_sandbox_leaves_out_what_its_fhir_server_refuses() {
    for (leaves_out, kind) in [(false, json!("OperationOutcome")), (true, Value::Null)] {
        let stage = with(json!({"unresolved_left_out": leaves_out, "forbidden_types": ["Condition"]})).await;
        let prefetch = json!({"a": "Condition?patient={{context.patientId}}", "b": "Patient/{{context.patientId}}"});
        stage.service.lists(json!([{"id": "a", "hook": "patient-view", "description": "d", "prefetch": prefetch}]));
        let prefetch = stage.fired("patient-view").await["prefetch"].clone();
        assert_eq!((&prefetch["a"]["resourceType"], &prefetch["b"]["id"]), (&kind, &json!("ann")));
        assert_eq!(prefetch.get("a").is_none(), leaves_out);
    }
}

/// The service's calls, their methods first.
fn methods(all: &[Received]) -> Vec<&str> {
    all.iter().map(|one| one.method.as_str()).collect()
}

#[actix_web::test]
async fn a_page_in_a_browser_asks_before_each_call_and_is_barred_where_nobody_lets_it() {
    let stage = with(json!({"from_browser": true})).await;
    for (headers, word) in [(None, "Allow-Origin"), (Some("content-type, *"), "lacks authorization")] {
        if let Some(headers) = headers {
            stage.service.lets_pages_send(headers);
        }
        let said = stage.fire("patient-view").await;
        assert!(said["problems"][0].as_str().is_some_and(|why| why.contains(word)), "{said}");
    }
    assert_eq!(methods(&stage.service.all()), ["OPTIONS", "OPTIONS"]);
    stage.service.lets_pages_send("Authorization, Content-Type");
    stage.service.answers(200, json!({"cards": [super::stage::card(json!({}))]}));
    assert_eq!(stage.fire("patient-view").await["calls"][0]["status"], 200);
    assert_eq!(stage.accept().await.1["feedback"], 200);
    let all = stage.service.all().split_off(2);
    assert_eq!(methods(&all), ["OPTIONS", "GET", "OPTIONS", "POST", "OPTIONS", "POST"]);
    for (place, headers) in [(0, "authorization"), (2, "authorization,content-type"), (4, "authorization,content-type")]
    {
        let (asks, call) = (&all[place], &all[place + 1]);
        assert_eq!(asks.header("access-control-request-headers"), Some(headers));
        assert_eq!(asks.header("access-control-request-method"), Some(&*call.method));
        assert_eq!(asks.header("access-control-request-private-network"), Some("true"));
        assert!(asks.header("authorization").is_none() && asks.path == call.path);
        assert!(asks.header("origin") == Some(&*stage.page) && call.header("origin") == Some(&*stage.page));
    }
}

/// The profile, at a service that pages may call.
async fn public_sandbox() -> Stage {
    let stage = Stage::start().await;
    stage.service.lets_pages_send("authorization, content-type");
    stage.put("/control/behavior", json!({"profile": "public-sandbox"})).await;
    stage
}

#[actix_web::test]
async fn the_public_sandbox_selects_before_a_drug_is_chosen() {
    let stage = public_sandbox().await;
    let (status, _) = stage.page("/patients/ann/do/orders").await;
    let context = stage.service.last().body["context"].clone();
    let [entry] = context["draftOrders"]["entry"].as_array().expect("entries").as_slice() else { panic!("{context}") };
    let expected = json!({"resourceType": "MedicationRequest", "id": "request-123", "status": "draft",
        "subject": {"reference": "Patient/ann"}});
    assert_eq!((status, &entry["resource"]), (200, &expected));
    assert_eq!(context["selections"], json!(["MedicationRequest/request-123"]));
    assert!(context["draftOrders"].get("type").is_none(), "{context}");
    stage.drug("warfarin").await;
    let calls = stage.service.calls().len();
    stage.page("/patients/ann/do/orders").await;
    assert_eq!(stage.service.calls().len(), calls, "something was chosen");
    stage.switch(json!({"selects_before_choosing": false})).await;
    stage.done("DELETE", "/control/drafts/MedicationRequest/request-123", None).await;
    let (status, _) = stage.send("POST", "/control/fire", Some(json!({"hook": "order-select"}))).await;
    assert_eq!(status, 400, "nothing to select");
}

#[actix_web::test]
async fn the_public_sandbox_signs_an_order_of_always_the_same_id_whose_category_is_no_list() {
    let stage = public_sandbox().await;
    for drug in ["warfarin", "naproxen"] {
        assert_eq!(stage.drug(drug).await, "MedicationRequest/request-123");
        let order = stage.fired("order-sign").await["context"]["draftOrders"]["entry"][0]["resource"].clone();
        assert_eq!((&order["id"], &order["intent"]), (&json!("request-123"), &json!("order")));
        assert_eq!(order["category"]["coding"][0]["code"], "community");
        stage.post("/control/drafts/sign", json!({})).await;
    }
    let listed = json!({"resourceType": "ServiceRequest", "code": {"text": "a"}, "category": [{"text": "laboratory"}]});
    assert_eq!(stage.draft(listed).await, "ServiceRequest/request-123");
    let order = stage.fired("order-sign").await["context"]["draftOrders"]["entry"][0]["resource"].clone();
    assert_eq!(order["category"], json!({"text": "laboratory"}));
    let (status, said) = stage.send("PUT", "/control/behavior", Some(json!({"switches": {"order_id": "a/b"}}))).await;
    assert!(status == 400 && said["error"].as_str().is_some_and(|why| why.contains("letters")), "{said}");
}

#[actix_web::test]
async fn the_public_sandbox_launches_with_an_issuer_that_is_not_encoded() {
    let stage = public_sandbox().await;
    let link = json!({"label": "l", "url": format!("{LAUNCH}?a=b"), "type": "smart"});
    stage.service.shows(json!({"uuid": "u", "links": [link]}));
    stage.fire("patient-view").await;
    for (plain, iss) in
        [(true, format!("{}/fhir", stage.page)), (false, stage.page.replace(':', "%3A").replace('/', "%2F"))]
    {
        stage.switch(json!({"plain_iss": plain})).await;
        let (status, address) = stage.page("/patients/ann/launch?card=u&link=0").await;
        assert!(status == 303 && address.starts_with(&format!("{LAUNCH}?a=b&iss={iss}")), "{address}");
    }
}

#[actix_web::test]
async fn the_public_sandbox_would_draw_html_and_says_so() {
    let stage = public_sandbox().await;
    for (detail, problems) in [("a < b, **c**, &lt;i&gt;", 0), ("a <i>b</i>", 1), ("<table>", 1)] {
        stage.service.shows(json!({ "detail": detail }));
        let said = stage.fire("patient-view").await;
        assert_eq!(said["calls"][0]["problems"].as_array().map(Vec::len), Some(problems), "{detail}");
    }
}

#[actix_web::test]
async fn the_public_sandbox_brings_no_token_and_fires_three_hooks() {
    let stage = public_sandbox().await;
    let body = stage.fired("patient-view").await;
    assert!(body["fhirServer"].is_string() && body.get("fhirAuthorization").is_none(), "{body}");
    assert_eq!(stage.fire("encounter-discharge").await["calls"], json!([]));
}
