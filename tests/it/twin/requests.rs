//! Discovery, and the frame of every call.

use super::stage::{CARD, Stage, card};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[actix_web::test]
async fn ch_003_in_production_nothing_goes_to_a_plain_address_and_that_is_said() {
    let stage = Stage::start().await;
    stage.switch(json!({"production": true})).await;
    let said = stage.fire("patient-view").await;
    assert!(said["problems"][0].as_str().expect("a problem").contains("https"), "{said}");
    assert!(stage.service.all().is_empty());
    stage.switch(json!({"production": false})).await;
    stage.fire("patient-view").await;
    assert_eq!(stage.service.calls().len(), 1);
}

#[actix_web::test]
async fn ch_013_284_what_nobody_knows_in_documents_and_cards_is_ignored() {
    let stage = Stage::start().await;
    let odd = json!({"org.example.x": {"a": 1}});
    stage
        .service
        .lists(json!([{"id": "a", "hook": "patient-view", "description": "d", "tomorrow": [1], "extension": odd}]));
    let mut one = card(json!({"extension": odd, "tomorrow": {"a": null}, "source": {"label": "l", "extension": odd}}));
    one["suggestions"][0]["extension"] = odd.clone();
    stage.service.answers(200, json!({"cards": [one], "tomorrow": 1, "extension": odd}));
    let said = stage.fire("patient-view").await;
    assert_eq!(
        (&said["calls"][0]["cards"][0]["uuid"], &said["calls"][0]["problems"]),
        (&json!(CARD), &json!([])),
        "{said}"
    );
    assert_eq!(stage.accept().await.0, 200);
}

#[actix_web::test]
async fn ch_020_a_failing_service_hinders_neither_the_user_nor_other_services() {
    let stage = Stage::with_two().await;
    let second = stage.second.as_ref().expect("a second service");
    second.shows(json!({}));
    for status in [400, 401, 412, 429, 500, 503] {
        stage.service.answers(status, json!({"resourceType": "OperationOutcome"}));
        let said = stage.fire("patient-view").await;
        let calls = said["calls"].as_array().expect("calls");
        assert!(calls[0]["problems"][0].as_str().expect("a problem").contains(&status.to_string()), "{said}");
        assert_eq!(calls[1]["cards"][0]["uuid"], CARD);
    }
    let last = stage.get("/control/exchanges?kind=call").await;
    assert_eq!(last.as_array().expect("exchanges").len(), 12);
}

#[actix_web::test]
async fn a_failed_call_is_told_with_its_status_and_its_exchange() {
    let stage = Stage::start().await;
    for (switches, repeats) in [(json!({"trailing_slash": true}), 1), (json!({"repeats": true}), 2)] {
        stage.switch(switches).await;
        for (status, answer) in
            [(400, json!({})), (401, json!({})), (412, json!({})), (500, json!({})), (200, json!([]))]
        {
            stage.service.answers(status, answer);
            let before = stage.service.calls().len();
            let call = stage.fire("patient-view").await["calls"][0].clone();
            assert_eq!(stage.service.calls().len(), before + repeats);
            assert_eq!((&call["status"], &call["cards"], &call["applied"]), (&json!(status), &json!([]), &json!([])));
            assert_eq!(call["problems"].as_array().map(Vec::len), Some(1), "{call}");
            let all = stage.get("/control/exchanges?kind=call").await;
            let last = all.as_array().and_then(|all| all.last()).expect("an exchange");
            assert_eq!((&call["exchange"], &last["response"]["status"]), (&last["number"], &json!(status)));
        }
    }
    stage
        .put(
            "/control/advisories",
            json!([{"id": "a", "hook": "patient-view", "url": format!("{}/x", stage.service.base)}]),
        )
        .await;
    stage.switch(json!({"production": true, "discovery": "typed-in"})).await;
    let call = stage.fire("patient-view").await["calls"][0].clone();
    assert!(call["exchange"].is_u64() && call.get("status").is_none() && call["cards"] == json!([]), "{call}");
}

#[actix_web::test]
async fn a_round_in_which_nobody_was_called_says_so() {
    let stage = Stage::start().await;
    let fire = |body: Value| stage.post("/control/fire", body);
    let said = fire(json!({"hook": "patient-view", "service": "patient-veiw"})).await;
    assert_eq!(said["calls"], json!([]));
    assert!(said["problems"][0].as_str().is_some_and(|why| why.contains("no service named so")), "{said}");
    assert_eq!(fire(json!({"hook": "patient-view", "service": "patient-view"})).await["problems"], json!([]));
    stage.switch(json!({"hooks": ["encounter-start"]})).await;
    let said = fire(json!({"hook": "patient-view"})).await;
    assert!(said["problems"][0].as_str().is_some_and(|why| why.contains("`hooks`")), "{said}");
    stage.switch(json!({"hooks": []})).await;
    stage.service.lists(json!([]));
    let said = fire(json!({"hook": "patient-view"})).await;
    assert!(said["problems"][0].as_str().is_some_and(|why| why.contains("no service is listed")), "{said}");
}

#[actix_web::test]
async fn ch_042_047_a_call_is_a_post_of_json_to_the_base_with_its_path() {
    let stage = Stage::start().await;
    stage.fire("patient-view").await;
    let call = stage.service.last();
    assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", "/a/b/cds-services/patient-view"));
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert!(call.body.is_object());
}

#[actix_web::test]
async fn ch_043_an_empty_list_is_no_error() {
    let stage = Stage::start().await;
    stage.service.lists(json!([]));
    assert_eq!(stage.fire("patient-view").await["calls"], json!([]));
    assert_eq!(stage.get("/control/services").await["servers"][0]["services"], json!([]));
}

#[actix_web::test]
async fn ch_044_entries_of_one_id_and_different_hooks_are_kept_apart() {
    let stage = Stage::start().await;
    let entry = |hook: &str, key: &str| json!({"id": "x", "hook": hook, "description": "d", "prefetch": {key: "Patient/{{context.patientId}}"}});
    stage.service.lists(json!([entry("patient-view", "one"), entry("encounter-start", "two")]));
    for (hook, key) in [("patient-view", "one"), ("encounter-start", "two")] {
        let body = stage.fired(hook).await;
        let keys: Vec<&String> = body["prefetch"].as_object().expect("prefetch").keys().collect();
        assert_eq!(keys, [key]);
    }
}

#[actix_web::test]
async fn ch_045_what_action_selection_is_supported_is_published() {
    let stage = Stage::start().await;
    let supported = stage.get("/control").await["capabilities"]["actionSelectionBehavior"].clone();
    assert_eq!(supported, json!(["all", "any", "at-most-one"]));
}

#[actix_web::test]
async fn ch_049_050_051_every_call_has_a_random_uuid_of_its_own() {
    let stage = Stage::with_two().await;
    for _ in 0..10 {
        stage.fire("patient-view").await;
    }
    let all = [&stage.service, stage.second.as_ref().expect("a second service")];
    let calls = all.iter().flat_map(|service| service.calls());
    let ids: Vec<String> = calls.map(|call| call.body["hookInstance"].as_str().expect("an id").to_owned()).collect();
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (20, 20));
    for id in ids {
        let uuid = uuid::Uuid::parse_str(&id).expect("a uuid");
        assert_eq!((uuid.get_version_num(), uuid.hyphenated().to_string()), (4, id));
    }
}

#[actix_web::test]
async fn ch_053_136_without_a_server_there_is_no_token_and_without_a_token_no_member() {
    let stage = Stage::start().await;
    let body = stage.fired("patient-view").await;
    assert!(body["fhirServer"].is_string() && body["fhirAuthorization"].is_object());
    stage.switch(json!({"access_token": false})).await;
    let body = stage.fired("patient-view").await;
    assert!(body["fhirServer"].is_string() && body.get("fhirAuthorization").is_none());
    stage.switch(json!({"access_token": true, "fhir_server": false})).await;
    let body = stage.fired("patient-view").await;
    assert!(body.get("fhirServer").is_none() && body.get("fhirAuthorization").is_none());
}

#[actix_web::test]
async fn ch_056_a_hook_that_this_ehr_does_not_fire_reaches_nobody_and_is_no_error() {
    let stage = Stage::start().await;
    stage.switch(json!({"hooks": ["encounter-start"]})).await;
    assert_eq!(stage.fire("patient-view").await["calls"], json!([]));
    assert!(stage.service.all().is_empty());
    stage.fire("encounter-start").await;
    assert_eq!(stage.service.calls().len(), 1);
}

#[actix_web::test]
async fn ch_252_a_server_that_the_ehr_was_not_started_with_is_refused() {
    let stage = Stage::start().await;
    let elsewhere = super::stage::Recorder::start();
    for (method, path, body) in [
        ("POST", "/control/fire", json!({"hook": "patient-view", "server": elsewhere.base})),
        ("PUT", "/control/advisories", json!([{"base": elsewhere.base, "id": "a", "hook": "patient-view"}])),
        (
            "PUT",
            "/control/advisories",
            json!([{"url": format!("{}/x", elsewhere.base), "id": "a", "hook": "patient-view"}]),
        ),
    ] {
        assert_eq!(stage.send(method, path, Some(body)).await.0, 403, "{path}");
    }
    assert!(elsewhere.all().is_empty() && stage.service.all().is_empty());
}

#[actix_web::test]
async fn ch_278_280_extensions_are_objects_with_names_of_a_domain() {
    let stage = Stage::start().await;
    stage.put("/control/desk", json!({"as_of": "2019-03-04"})).await;
    for vendor in [false, true] {
        stage.switch(json!({"vendor_extension": vendor})).await;
        let body = stage.fired("patient-view").await;
        let extension = body["extension"].as_object().expect("an object");
        assert!(
            extension.keys().all(|name| name.starts_with("org.prodrome.") || name.starts_with("com.epic.")),
            "{body}"
        );
        assert_eq!(extension["org.prodrome.as-of"], "2019-03-04T23:59:59Z");
    }
}

#[actix_web::test]
async fn what_the_api_does_not_know_is_refused_and_named() {
    let stage = Stage::start().await;
    for (method, path, body, word) in [
        ("PUT", "/control/behavior", json!({"switches": {"wings": true}}), "wings"),
        ("PUT", "/control/behavior", json!({"profile": "paper"}), "paper"),
        ("PUT", "/control/faults", json!({"fhir": "gone"}), "gone"),
        ("PUT", "/control/desk", json!({"mood": "x"}), "mood"),
        ("PUT", "/control/desk", json!({"as_of": "soon"}), "as_of"),
        ("PUT", "/control/desk", json!({"user": "Device/1"}), "user"),
        ("POST", "/control/fire", json!({"hook": "tea-time"}), "tea-time"),
        ("POST", "/control/drafts", json!({"a": 1}), "resourceType"),
        ("POST", "/control/drafts", json!({"resourceType": "Condition", "note": []}), "empty"),
        (
            "POST",
            "/control/drafts",
            json!({"resourceType": "Condition", "subject": {"reference": "Patient/bob"}}),
            "another patient",
        ),
    ] {
        let (status, said) = stage.send(method, path, Some(body)).await;
        assert_eq!(status, 400, "{path}: {said}");
        assert!(said["error"].as_str().expect("an error").contains(word), "{said}");
    }
    for (method, path) in [
        ("GET", "/control/exchanges/77"),
        ("DELETE", "/control/drafts/Condition/x"),
        ("POST", "/control/cards/x/dismiss"),
    ] {
        assert_eq!(stage.send(method, path, None).await.0, 404, "{path}");
    }
    assert_eq!(stage.send("PUT", "/control/desk", Some(json!({"patient": "nobody"}))).await.0, 404);
}

#[actix_web::test]
async fn another_sites_page_can_neither_fire_nor_switch() {
    let stage = Stage::start().await;
    for (method, path) in [
        ("PUT", "/control/faults"),
        ("POST", "/control/fire"),
        ("POST", "/control/drafts/sign"),
        ("DELETE", "/control/exchanges"),
    ] {
        let request =
            awc::Client::default().request(method.parse().expect("a method"), format!("{}{path}", stage.page));
        let answer =
            request.insert_header(("sec-fetch-site", "cross-site")).send_json(&json!({"hook": "patient-view"})).await;
        assert_eq!(answer.expect("an answer").status(), 403, "{path}");
    }
    let plain = awc::Client::default().post(format!("{}/control/fire", stage.page)).content_type("text/plain");
    assert_eq!(plain.send_body("{\"hook\":\"patient-view\"}").await.expect("an answer").status(), 415);
    assert!(stage.service.all().is_empty());
}

#[actix_web::test]
async fn the_journal_tells_what_was_sent_and_received_without_a_token_of_a_call() {
    let stage = Stage::start().await;
    stage.service.shows(json!({}));
    stage.fire("patient-view").await;
    let call = stage.service.last();
    let all = stage.get("/control/exchanges?kind=call").await;
    let [one] = all.as_array().expect("exchanges").as_slice() else { panic!("{all}") };
    assert_eq!(one["body"].as_str().map(str::as_bytes), Some(call.raw.as_slice()));
    assert_eq!(
        (&one["hook"], &one["service"], &one["patient"]),
        (&json!("patient-view"), &json!("patient-view"), &json!("ann"))
    );
    assert_eq!(one["response"]["status"], 200);
    assert!(one["response"]["body"].as_str().expect("a body").contains(CARD));
    assert_eq!(one["token"]["claims"]["iss"], stage.page.as_str());
    assert_eq!(one["token"]["header"]["alg"], "ES384");
    assert!(!all.to_string().contains(call.token()));
    let number = one["number"].as_u64().expect("a number");
    assert_eq!(stage.get(&format!("/control/exchanges/{number}/body")).await, call.body);
    stage.done("DELETE", "/control/exchanges", None).await;
    assert_eq!(stage.get("/control/exchanges").await, Value::Array(Vec::new()));
}
