//! The twin's FHIR server as the chosen EHR keeps it: whose address it has, how it pages, how it is searched.

use super::quirks::with;
use super::stage::Stage;
use serde_json::{Value, json};

/// A token that outlives its call.
async fn token(stage: &Stage) -> String {
    stage.switch(json!({"revokes_tokens": false})).await;
    let body = stage.fired("patient-view").await;
    body["fhirAuthorization"]["access_token"].as_str().expect("a token").to_owned()
}

#[actix_web::test]
async fn oracle_has_the_tenant_in_its_address_and_refuses_another() {
    let stage = with(json!({"tenant": "ec2458f2-1e24"})).await;
    let token = token(&stage).await;
    let base = format!("{}/fhir/ec2458f2-1e24", stage.page);
    assert_eq!(stage.service.last().body["fhirServer"], base);
    let (status, found) = stage.fhir("ec2458f2-1e24/Condition?patient=ann", &token).await;
    assert_eq!((status, &found["total"]), (200, &json!(1)));
    let address = found["entry"][0]["fullUrl"].as_str().expect("an address");
    assert!(address.starts_with(&format!("{base}/Condition/")), "{address}");
    assert_eq!(stage.fhir("ec2458f2-1e24/Patient/ann", &token).await.1["id"], "ann");
    for other in ["Condition?patient=ann", "other/Condition?patient=ann", "ec2458f2-1e24x/Patient/ann", "metadata"] {
        let (status, said) = stage.fhir(other, &token).await;
        assert_eq!((status, &said["resourceType"]), (403, &json!("OperationOutcome")), "{other}");
    }
    let (status, said) = stage.page("/fhir/ec2458f2-1e24/.well-known/smart-configuration").await;
    assert!(status == 200 && said.contains("authorization_endpoint"), "{said}");
    let (status, _) = stage.send("PUT", "/control/behavior", Some(json!({"switches": {"tenant": "a/b"}}))).await;
    assert_eq!(status, 400, "no part of an address");
}

/// Every page of a search, from a first address on.
async fn pages(stage: &Stage, first: &str, token: &str) -> Vec<Value> {
    let (mut pages, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(query) = next {
        let (status, page) = stage.fhir(&query, token).await;
        assert_eq!(status, 200, "{query}: {page}");
        let links = page["link"].as_array().expect("links").iter();
        let link = links.filter(|link| link["relation"] == "next").find_map(|link| link["url"].as_str());
        next = link.map(|url| below(stage, url));
        pages.push(page);
    }
    pages
}

/// What an address of the FHIR server asks.
fn below(stage: &Stage, url: &str) -> String {
    let rest = url.strip_prefix(&format!("{}/fhir", stage.page)).expect("an address of the FHIR server");
    rest.trim_start_matches('/').to_owned()
}

#[actix_web::test]
async fn hapi_pages_at_its_own_address_and_by_twenty() {
    for (opaque, form) in [(true, "?_getpages="), (false, "/Observation?patient=ann&")] {
        let stage = with(json!({"page_size": 1, "getpages": opaque})).await;
        let prefetch = json!({"o": "Observation?patient={{context.patientId}}"});
        stage.service.lists(json!([{"id": "a", "hook": "patient-view", "description": "d", "prefetch": prefetch}]));
        let token = token(&stage).await;
        let sent = stage.service.last().body["prefetch"]["o"].clone();
        let next = sent["link"][1]["url"].as_str().expect("a next page").to_owned();
        assert!(next.starts_with(&format!("{}/fhir{form}", stage.page)), "{next}");
        let more = pages(&stage, &below(&stage, &next), &token).await;
        let ids: Vec<&Value> =
            [&sent].into_iter().chain(&more).map(|page| &page["entry"][0]["resource"]["id"]).collect();
        assert_eq!(ids, ["ann-o1", "ann-o2"]);
        assert_eq!(pages(&stage, "Observation?patient=ann", &token).await.len(), 2);
    }
    let stage = Stage::start().await;
    let token = token(&stage).await;
    for odd in ["", "_getpages=", "_getpages=%00", "_getpages=QQ"] {
        assert_eq!(stage.fhir(&format!("?{odd}"), &token).await.0, 400, "{odd}");
    }
}

#[actix_web::test]
async fn every_profile_is_searched_by_form_as_by_address_with_the_older_name_of_json() {
    for profile in ["plain", "epic", "oracle", "inferno", "public-sandbox"] {
        let stage = Stage::start().await;
        let token = token(&stage).await;
        stage.put("/control/behavior", json!({ "profile": profile })).await;
        let request = awc::Client::default().post(format!("{}/fhir/Observation/_search", stage.page));
        let request = request.bearer_auth(&token).insert_header(("accept", "application/json+fhir"));
        let mut answer = request.send_form(&[("patient", "ann")]).await.expect("an answer");
        let found: Value = serde_json::from_slice(&answer.body().await.expect("a body")).expect("JSON");
        assert_eq!((answer.status().as_u16(), &found), (200, &stage.fhir("Observation?patient=ann", &token).await.1));
        assert_eq!(found["total"], 2, "{profile}");
    }
}
