//! Habits of real EHRs, each switch seen from the service that meets it.

use super::stage::{CARD, LAUNCH, SUGGESTION, Stage};
use super::trust::verified;
use serde_json::{Value, json};

pub async fn with(switches: Value) -> Stage {
    let stage = Stage::start().await;
    stage.switch(switches).await;
    stage
}

pub async fn with_prefetch(switches: Value) -> Value {
    let stage = with(switches).await;
    let prefetch = json!({"conditions": "Condition?patient={{context.patientId}}", "none": "Procedure?patient={{context.patientId}}",
        "observations": "Observation?patient={{context.patientId}}&date=ge2000-01-01&date=le2030-01-01", "visit": "Encounter/{{context.encounterId}}",
        "gone": "Encounter/gone"});
    stage.service.lists(json!([{"id": "a", "hook": "patient-view", "description": "d", "prefetch": prefetch}]));
    stage.fired("patient-view").await["prefetch"].clone()
}

async fn claims(switches: Value) -> (jsonwebtoken::Header, Value) {
    let stage = with(switches).await;
    stage.fire("patient-view").await;
    let audience = format!("{}/cds-services/patient-view", stage.service.base);
    verified(&stage, stage.service.last().token(), &audience).await
}

#[actix_web::test]
async fn epic_typed_in_advisories_are_called_and_no_list_is_fetched() {
    let stage = with(json!({"discovery": "typed-in"})).await;
    let prefetch = json!({"-user": "{{context.userId}}"});
    stage.put("/control/advisories", json!([{"id": "x", "hook": "patient-view", "prefetch": prefetch}])).await;
    stage.fire("patient-view").await;
    let all = stage.service.all();
    assert_eq!((all.len(), all[0].path.as_str()), (1, "/a/b/cds-services/x"));
    assert_eq!(all[0].body["prefetch"]["-user"]["resourceType"], "Practitioner");
}

#[actix_web::test]
async fn epic_fires_three_hooks_and_others_as_patient_view_with_the_number_of_the_workflow() {
    let stage = Stage::start().await;
    stage.put("/control/behavior", json!({"profile": "epic"})).await;
    let trigger = "com.epic.cdshooks.request.bpa-trigger-action";
    for (hook, number) in [("patient-view", "60"), ("encounter-start", "26"), ("encounter-discharge", "27")] {
        let body = stage.fired(hook).await;
        assert_eq!((&body["hook"], &body["extension"][trigger]), (&json!("patient-view"), &json!(number)), "{hook}");
    }
    stage.drug("a").await;
    for (hook, number) in [("order-select", 18), ("order-sign", 23)] {
        stage.switch(json!({"trigger_as_number": true})).await;
        let body = stage.fired(hook).await;
        assert_eq!((&body["hook"], &body["extension"][trigger]), (&json!(hook), &json!(number)));
    }
    let calls = stage.service.calls().len();
    stage.draft(json!({"resourceType": "Appointment"})).await;
    stage.switch(json!({"native_triggers": false})).await;
    stage.fire("appointment-book").await;
    assert_eq!(stage.service.calls().len(), calls, "no hook of Epic's");
}

#[actix_web::test]
async fn epic_says_which_release_it_writes_and_things_that_nobody_knows_yet() {
    let stage = with(json!({"vendor_extension": true, "fhir_version": "STU3"})).await;
    let body = stage.fired("patient-view").await;
    assert_eq!(body["extension"]["com.epic.cdshooks.request.fhir-version"], "STU3");
    assert!(body["extension"]["com.epic.cdshooks.request.of-tomorrow"].is_object());
}

#[actix_web::test]
async fn epic_names_its_key_in_base64_and_signs_ahead_of_time_for_a_quarter_hour() {
    let (header, claims) = claims(
        json!({"signature": "RS384", "base64_kid": true, "nbf": true, "token_seconds": 900, "subject": "typed"}),
    )
    .await;
    let kid = header.kid.expect("a kid");
    assert!(kid.contains('+') && kid.ends_with('='), "{kid}");
    assert_eq!(header.alg, jsonwebtoken::Algorithm::RS384);
    let time = |name: &str| claims[name].as_i64().expect("a time");
    assert_eq!((time("iat") - time("nbf"), time("exp") - time("iat"), &claims["sub"]), (300, 900, &json!("typed")));
}

#[actix_web::test]
async fn epic_publishes_its_keys_at_an_address_of_its_own() {
    let (header, _) = claims(json!({"jku": "epic"})).await;
    let jku = header.jku.expect("a jku");
    assert!(jku.ends_with("/api/epic/2019/Security/Open/PublicKeys/sandbox"), "{jku}");
    let mut answer = awc::Client::default().get(jku).send().await.expect("an answer");
    let keys: Value = serde_json::from_slice(&answer.body().await.expect("a body")).expect("JSON");
    let found = keys["keys"].as_array().expect("keys").iter().any(|key| key["kid"].as_str() == header.kid.as_deref());
    assert!(found, "{keys}");
    assert_eq!(claims(json!({"jku": "none"})).await.0.jku, None);
}

#[actix_web::test]
async fn issuer_and_audience_may_be_typed_in_by_hand() {
    let stage = with(json!({"issuer": "https://cds-hooks.cerner.com", "audience": "typed"})).await;
    stage.fire("patient-view").await;
    let (_, claims) = verified(&stage, stage.service.last().token(), "typed").await;
    assert_eq!(claims["iss"], "https://cds-hooks.cerner.com");
}

#[actix_web::test]
async fn epic_brings_two_tokens_and_scopes_of_its_own_words_without_a_patient() {
    let stage = with(json!({"vendor_scope": true, "names_patient": false, "revokes_tokens": false})).await;
    let body = stage.fired("patient-view").await;
    let leave = &body["fhirAuthorization"];
    assert!(
        leave.get("patient").is_none()
            && leave["scope"].as_str().is_some_and(|scope| scope.contains("Patient.Read (R4)") && scope.len() > 3000)
    );
    let token = leave["access_token"].as_str().expect("a token");
    assert_ne!(token, stage.service.last().token());
    assert_eq!(stage.fhir("Condition?patient=ann", token).await.0, 200);
}

#[actix_web::test]
async fn epic_users_are_roles() {
    let stage = with(json!({"user_as_role": true})).await;
    let prefetch = json!({"user": "{{context.userId}}", "id": "PractitionerRole?_id={{userPractitionerRoleId}}"});
    stage.service.lists(json!([{"id": "a", "hook": "patient-view", "description": "d", "prefetch": prefetch}]));
    let body = stage.fired("patient-view").await;
    assert_eq!(body["context"]["userId"], "PractitionerRole/sandbox");
    assert_eq!(
        (&body["prefetch"]["user"]["resourceType"], &body["prefetch"]["id"]["total"]),
        (&json!("PractitionerRole"), &json!(1))
    );
}

#[actix_web::test]
async fn a_visit_is_named_where_the_user_is_in_one() {
    for (within, visit) in [(false, Value::Null), (true, json!("ann-new"))] {
        let stage = with(json!({"in_encounter": within})).await;
        assert_eq!(stage.fired("patient-view").await["context"]["encounterId"], visit);
    }
}

#[actix_web::test]
async fn an_empty_search_is_a_bundle_or_null_or_a_bundle_with_an_outcome() {
    assert_eq!(with_prefetch(json!({"empty_search": "bundle"})).await["none"]["total"], 0);
    let null = with_prefetch(json!({"empty_search": "null"})).await;
    assert!(null.get("none").is_some_and(Value::is_null));
    let outcome = with_prefetch(json!({"empty_search": "outcome"})).await["none"].clone();
    assert_eq!((&outcome["total"], &outcome["entry"][0]["search"]["mode"]), (&json!(0), &json!("outcome")));
}

fn suggestion(label: &str, actions: Value) -> Value {
    json!({"label": label, "uuid": SUGGESTION, "actions": actions})
}

#[actix_web::test]
async fn epic_takes_one_action_a_suggestion_shows_its_description_and_orders_only_what_is_orderable() {
    let stage = with(json!({"one_action": true, "shows_action_description": true, "orderable_only": true})).await;
    let order = json!({"type": "create", "description": "Order HbA1c", "resource": {"resourceType": "ServiceRequest", "code": {"text": "HbA1c"},
        "priority": "urgent"}});
    let two = json!({"label": "two", "uuid": CARD, "actions": [order, order]});
    let behavior = json!("at-most-one");
    stage
        .service
        .shows(json!({"selectionBehavior": behavior, "suggestions": [two, suggestion("hidden", json!([order]))]}));
    let said = stage.fire("patient-view").await;
    let shown = said["calls"][0]["cards"][0]["suggestions"].as_array().expect("suggestions").clone();
    assert_eq!((shown.len(), &shown[0]["label"]), (1, &json!("Order HbA1c")), "{said}");
    assert_eq!(said["calls"][0]["problems"].as_array().map(Vec::len), Some(2), "{said}");
    stage.accept().await;
    let drafts = stage.drafts().await;
    assert!(drafts[0].get("priority").is_none() && drafts[0]["code"]["text"] == "HbA1c", "{drafts:?}");
}

#[actix_web::test]
async fn epic_wants_topics_of_letters_and_digits() {
    let stage = with(json!({"plain_topics": true})).await;
    for (code, problems) in [("ab12", 0), ("with-dash", 1), ("", 1)] {
        stage.service.shows(json!({"source": {"label": "l", "topic": {"system": "s", "code": code}}}));
        let said = stage.fire("patient-view").await;
        assert_eq!(said["calls"][0]["problems"].as_array().map(Vec::len), Some(problems), "{code}");
    }
}

#[actix_web::test]
async fn links_that_are_not_listed_vanish_without_a_word_and_a_lone_launch_opens_at_once() {
    let stage = with(json!({"drops_unlisted_links": true, "autolaunch": true})).await;
    let (unlisted, listed) = (json!({"label": "u", "url": "https://unknown.example/launch", "type": "smart"}), LAUNCH);
    for spelling in ["autolaunchable", "autoLaunchable"] {
        let link = json!({"label": "l", "url": listed, "type": "smart", spelling: true});
        stage.service.shows(json!({"links": [unlisted, link]}));
        let said = stage.fire("patient-view").await;
        let links = said["calls"][0]["cards"][0]["links"].as_array().expect("links").clone();
        assert_eq!(
            (links.len(), &links[0]["opensAtOnce"], &said["calls"][0]["problems"]),
            (1, &json!(true), &json!([])),
            "{said}"
        );
    }
}

#[actix_web::test]
async fn epic_shows_links_under_names_of_its_own() {
    let stage = with(json!({"own_link_labels": true, "link_hosts": ["page.example"]})).await;
    let link = |url: &str, kind: &str| json!({"label": "l", "url": url, "type": kind});
    let links = [(LAUNCH, "smart"), ("https://page.example/a?b", "absolute"), ("https://unknown.example/", "absolute")];
    stage.service.shows(json!({"links": links.map(|(url, kind)| link(url, kind))}));
    let said = stage.fire("patient-view").await;
    let links = said["calls"][0]["cards"][0]["links"].as_array().expect("links");
    let labels: Vec<&str> = links.iter().filter_map(|link| link["label"].as_str()).collect();
    assert_eq!(labels, ["app", "page.example", "l"]);
}

#[actix_web::test]
async fn epic_reads_what_kind_of_text_a_detail_is() {
    let kind = json!({"com.epic.cdshooks.card.detail.content-type": "text/plain"});
    for (on, drawn_as) in [(true, "**b**"), (false, "<strong>b</strong>")] {
        let stage = with(json!({"detail_content_type": on})).await;
        stage.service.shows(json!({"detail": "**b**", "extension": kind}));
        let (_, drawn) = stage.form("/patients/ann/open", &[]).await;
        let card = &drawn[..drawn.find("class=\"inspector\"").expect("an inspector")];
        assert!(card.contains(drawn_as), "{card}");
    }
}

#[actix_web::test]
async fn epic_feedback_is_plural_has_reasons_of_the_house_in_an_extension_and_comes_in_batches() {
    let stage = with(json!({"feedback_plural": true, "feedback_batch": true, "own_reasons": ["house"]})).await;
    stage.service.shows(json!({}));
    for _ in 0..2 {
        stage.fire("patient-view").await;
        let said = stage.post(&format!("/control/cards/{CARD}/dismiss"), json!({"reason": "house"})).await;
        assert_eq!(said["feedback"], "waits");
    }
    assert!(stage.service.feedback().is_empty());
    assert_eq!(stage.post("/control/feedback/send", json!({})).await, json!({"stored": 2, "failed": 0}));
    let sent = stage.service.feedback();
    let entries = sent[0].body["feedback"].as_array().expect("entries");
    assert_eq!((sent.len(), entries.len()), (1, 2));
    assert!(entries[0]["overrideReasons"]["extension"].is_object() && entries[0].get("overrideReason").is_none());
}

#[actix_web::test]
async fn oracle_asks_the_address_first_and_calls_any_address() {
    let stage = Stage::start().await;
    stage.put("/control/behavior", json!({"profile": "oracle"})).await;
    let url = format!("{}/any/place", stage.service.base);
    stage.put("/control/advisories", json!([{"id": "x", "hook": "patient-view", "url": url}])).await;
    stage.fire("patient-view").await;
    stage.fire("encounter-start").await;
    let all: Vec<(String, String)> = stage.service.all().into_iter().map(|one| (one.method, one.path)).collect();
    assert_eq!(all, [("GET", "/a/b/any/place"), ("POST", "/a/b/any/place")].map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[actix_web::test]
async fn inferno_objects_to_cards_that_its_kit_would_fail() {
    let stage = with(json!({"strict_cards": true})).await;
    let strict = json!({"summary": "s".repeat(140), "selectionBehavior": null, "overrideReasons": [{"code": "a", "system": "b"}],
        "links": [{"label": "l", "url": "https://a.example/", "type": "absolute", "appContext": "x"}]});
    stage.service.shows(strict);
    let said = stage.fire("patient-view").await;
    assert_eq!(said["calls"][0]["problems"].as_array().map(Vec::len), Some(6), "{said}");
    let action = json!({"type": "create", "description": "d", "resource": {"resourceType": "ServiceRequest"}});
    stage.service.shows(json!({"source": {"label": "l", "topic": {"system": "s", "code": "c"}}, "suggestions": [suggestion("do", json!([action]))]}));
    assert_eq!(stage.fire("patient-view").await["calls"][0]["problems"], json!([]));
}

#[actix_web::test]
async fn bodies_may_be_packed_typed_otherwise_and_go_to_an_address_with_a_slash() {
    let stage = with(json!({"gzip": true, "trailing_slash": true, "content_type": "application/fhir+json"})).await;
    stage.fire("patient-view").await;
    let call = stage.service.last();
    assert_eq!(
        (call.path.as_str(), call.header("content-type")),
        ("/a/b/cds-services/patient-view/", Some("application/fhir+json"))
    );
    assert_eq!(call.header("content-encoding"), Some("gzip"));
    stage.switch(json!({"trailing_slash": false, "accept": "application/json+fhir", "double_slash": true})).await;
    stage.fire("patient-view").await;
    let all = stage.service.all();
    let [.., list, call] = &*all else { panic!("no calls") };
    assert_eq!((list.path.as_str(), call.path.as_str()), ("/a/b/cds-services/", "/a/b/cds-services//patient-view"));
    assert_eq!(call.header("accept"), Some("application/json+fhir"));
}

#[actix_web::test]
async fn calls_may_repeat_share_their_instance_and_say_more_than_was_defined() {
    let stage = with(json!({"repeats": true, "unknown_context_member": true})).await;
    stage.fire("patient-view").await;
    let calls = stage.service.calls();
    assert!(calls.len() == 2 && calls[0].body == calls[1].body && calls[0].token() != calls[1].token());
    assert!(calls[0].body["context"]["com.example.fieldOfTomorrow"].is_object());
    stage.service.shows(json!({}));
    stage.fire("patient-view").await;
    stage.accept().await;
    let told = stage.service.feedback();
    assert!(told.len() == 2 && told[0].body == told[1].body, "{told:?}");
    let stage = Stage::with_two().await;
    stage.switch(json!({"shared_hook_instance": true})).await;
    stage.fire("patient-view").await;
    let second = stage.second.as_ref().expect("a second service").last();
    assert_eq!(stage.service.last().body["hookInstance"], second.body["hookInstance"]);
}

#[actix_web::test]
async fn clocks_may_differ_and_calls_may_be_unsigned() {
    let now = prodrome::platform::clock::now().as_second();
    let (_, claims) = claims(json!({"clock_skew_seconds": 600})).await;
    assert!(claims["iat"].as_i64().is_some_and(|at| (now + 590..now + 660).contains(&at)), "{claims}");
    let stage = with(json!({"signs": false})).await;
    stage.fire("patient-view").await;
    assert_eq!(stage.service.last().header("authorization"), None);
    let stage = with(json!({"signs_discovery": false})).await;
    stage.fire("patient-view").await;
    let all = stage.service.all();
    assert!(all[0].header("authorization").is_none() && all[1].header("authorization").is_some());
}

#[actix_web::test]
async fn a_profile_sets_many_switches_and_plain_sets_them_back() {
    let stage = Stage::start().await;
    let plain = stage.get("/control").await["switches"].clone();
    for profile in ["epic", "oracle", "inferno", "public-sandbox"] {
        let said = stage.put("/control/behavior", json!({ "profile": profile })).await;
        assert!(said["profile"] == profile && said["switches"] != plain, "{said}");
    }
    let said = stage.put("/control/behavior", json!({"profile": "plain"})).await;
    assert_eq!(said["switches"], plain);
}
