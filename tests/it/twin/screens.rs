//! The screens, as a browser without scripts loads them.

use super::stage::{CARD, Stage, card};
use serde_json::json;

const SCREENS: [&str; 8] =
    ["orders", "appointment", "admission", "discharge", "problems", "allergies", "refill", "verification"];

#[actix_web::test]
async fn each_workflow_has_a_screen_with_nothing_inline_and_a_way_to_the_others() {
    let stage = Stage::start().await;
    let screens = SCREENS.map(|screen| format!("/patients/ann/do/{screen}"));
    for path in screens.iter().map(String::as_str).chain(["/patients/ann", "/behavior", "/exchanges"]) {
        let (status, text) = stage.page(path).await;
        assert_eq!(status, 200, "{path}");
        assert!(
            text.contains("Synthetic patients.") && !text.contains(" style=") && !text.contains("<script>"),
            "{path}"
        );
        assert!(!path.starts_with("/patients") || screens.iter().all(|other| text.contains(other)), "{path}");
    }
    for path in ["/patients/ann/do/tea", "/patients/nobody/do/orders", "/exchanges/7"] {
        assert_eq!(stage.page(path).await.0, 404, "{path}");
    }
}

#[actix_web::test]
async fn orders_are_drafted_selected_reviewed_signed_and_dispatched() {
    let stage = Stage::start().await;
    let orders = "/patients/ann/do/orders";
    let add = [("kind", "ServiceRequest"), ("text", "HbA1c <b>"), ("code", "http://loinc.org|4548-4")];
    assert_eq!(stage.form(&format!("{orders}/add"), &add).await.0, 303);
    assert!(stage.page(orders).await.1.contains("HbA1c &lt;b&gt;"));
    stage.service.shows(json!({}));
    for hook in ["order-select", "order-sign"] {
        let (_, drawn) = stage.form(&format!("{orders}/fire"), &[("hook", hook)]).await;
        assert!(drawn.contains("<article class=\"card info\""), "{drawn}");
        let order = stage.service.last().body["context"]["draftOrders"]["entry"][0]["resource"].clone();
        assert_eq!(order["code"]["coding"][0]["code"], "4548-4");
    }
    assert_eq!(stage.form(&format!("{orders}/sign"), &[]).await.0, 303);
    let (_, text) = stage.page(orders).await;
    assert!(text.contains("Signed: HbA1c &lt;b&gt;") && text.contains("No drafts."), "{text}");
    let dispatch = [("hook", "order-dispatch"), ("performer", "Organization/laboratory")];
    stage.form(&format!("{orders}/fire"), &dispatch).await;
    assert_eq!(stage.service.last().body["hook"], "order-dispatch");
}

#[actix_web::test]
async fn every_other_screen_fires_its_hook() {
    let stage = Stage::start().await;
    for (screen, kind, hook) in [
        ("appointment", Some("Appointment"), "appointment-book"),
        ("admission", None, "encounter-start"),
        ("discharge", None, "encounter-discharge"),
        ("problems", Some("Condition"), "problem-list-item-create"),
        ("allergies", Some("AllergyIntolerance"), "allergyintolerance-create"),
        ("refill", Some("MedicationRequest"), "medication-refill"),
        ("verification", None, "medication-verify"),
    ] {
        let at = format!("/patients/ann/do/{screen}");
        if let Some(kind) = kind {
            assert_eq!(stage.form(&format!("{at}/add"), &[("kind", kind), ("text", "one")]).await.0, 303, "{screen}");
        }
        assert!(stage.page(&at).await.1.contains(&format!("value=\"{hook}\"")), "{screen}");
        stage.form(&format!("{at}/fire"), &[("hook", hook)]).await;
        assert_eq!(stage.service.last().body["hook"], hook);
    }
}

#[actix_web::test]
async fn a_draft_is_removed_and_one_of_another_screen_is_not_added() {
    let stage = Stage::start().await;
    let drug = stage.drug("a").await;
    assert_eq!(stage.form("/patients/ann/do/orders/remove", &[("draft", &drug)]).await.0, 303);
    assert!(stage.drafts().await.is_empty());
    let other = [("kind", "Condition"), ("text", "x")];
    assert_eq!(stage.form("/patients/ann/do/orders/add", &other).await.0, 404);
}

#[actix_web::test]
async fn a_suggestion_of_a_card_becomes_a_draft_on_the_screen() {
    let stage = Stage::start().await;
    let action = json!({"type": "create", "description": "d", "resource": {"resourceType": "ServiceRequest", "code": {"text": "kidney panel"}}});
    stage.service.shows(json!({"suggestions": [{"label": "Order it", "uuid": "u", "actions": [action]}]}));
    stage.form("/patients/ann/open", &[]).await;
    let (_, said) = stage.form("/patients/ann/decisions", &[("card", CARD), ("suggestion", "u")]).await;
    assert!(said.contains("Accepted: Order it") && said.contains("Feedback stored"), "{said}");
    assert!(stage.page("/patients/ann/do/orders").await.1.contains("kidney panel"));
}

#[actix_web::test]
async fn the_panel_changes_profile_and_faults() {
    let stage = Stage::start().await;
    let form = [("profile", "epic"), ("fhir", "failing"), ("prefetch_withheld", "on")];
    assert_eq!(stage.form("/behavior", &form).await.0, 303);
    let state = stage.get("/control").await;
    assert_eq!((&state["profile"], &state["faults"]["prefetch_withheld"]), (&json!("epic"), &json!(true)));
    assert_eq!(state["faults"]["fhir"], json!({"failing": {"status": 503}}));
    let (_, text) = stage.page("/behavior").await;
    assert!(text.contains("base64_kid") && text.contains("value=\"epic\" checked"), "{text}");
    stage.form("/behavior", &[("profile", "plain"), ("fhir", "well")]).await;
    assert_eq!(stage.get("/control").await["faults"]["fhir"], json!(null));
}

#[actix_web::test]
async fn a_call_is_shown_in_full_and_copied_as_curl() {
    let stage = Stage::start().await;
    stage.fire("patient-view").await;
    let (_, list) = stage.page("/exchanges").await;
    assert!(list.contains("/exchanges/2") && list.contains("patient-view"), "{list}");
    let (_, text) = stage.page("/exchanges/2").await;
    for part in ["Copy as curl", "/control/exchanges/2/body", "hookInstance", "Token of the call", "ES384"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[actix_web::test]
async fn forms_of_other_sites_change_nothing() {
    let stage = Stage::start().await;
    for path in
        ["/behavior", "/patients/ann/do/orders/add", "/patients/ann/do/orders/sign", "/patients/ann/do/orders/fire"]
    {
        let request = awc::Client::default().post(format!("{}{path}", stage.page));
        let request = request.insert_header(("sec-fetch-site", "cross-site"));
        let form =
            [("profile", "epic"), ("fhir", "well"), ("kind", "ServiceRequest"), ("text", "x"), ("hook", "order-sign")];
        assert_eq!(request.send_form(&form).await.expect("an answer").status(), 403, "{path}");
    }
    assert!(stage.drafts().await.is_empty() && stage.get("/control").await["profile"] == "plain");
}

const PENICILLIN: &str = "http://snomed.info/sct|91936005";

#[actix_web::test]
async fn what_a_screen_records_is_given_by_the_fhir_server_after_its_hook_and_told_on_that_screen_alone() {
    let stage = Stage::start().await;
    stage.switch(json!({"revokes_tokens": false})).await;
    let token = stage.fired("patient-view").await["fhirAuthorization"]["access_token"].clone();
    let token = token.as_str().expect("a token").to_owned();
    let count = async |query: &str| stage.fhir(query, &token).await.1["total"].as_u64().expect("a total");
    for (screen, kind, hook, query, fields, told) in [
        (
            "allergies",
            "AllergyIntolerance",
            "allergyintolerance-create",
            "AllergyIntolerance?patient=ann",
            vec![("code", PENICILLIN)],
            "Recorded: Allergy to penicillin",
        ),
        (
            "problems",
            "Condition",
            "problem-list-item-create",
            "Condition?patient=ann&code=59621000",
            vec![("code", "essential hypertension"), ("text", "high pressure")],
            "Recorded: high pressure",
        ),
        (
            "appointment",
            "Appointment",
            "appointment-book",
            "Appointment?patient=ann",
            vec![("text", "visit"), ("when", "2030-05-06T09:30")],
            "Booked: visit, 2030-05-06 09:30 UTC",
        ),
    ] {
        let at = format!("/patients/ann/do/{screen}");
        let form: Vec<_> = [("kind", kind)].into_iter().chain(fields).collect();
        assert_eq!(stage.form(&format!("{at}/add"), &form).await.0, 303, "{screen}");
        assert_eq!(count(query).await, 0, "{screen}: a draft is no part of the chart");
        let (_, said) = stage.form(&format!("{at}/fire"), &[("hook", hook)]).await;
        assert!(said.contains("Part of the chart") && said.contains("data-replaces=\"#basket\""), "{said}");
        assert_eq!(stage.service.last().body["hook"], hook);
        assert_eq!(count(query).await, 1, "{screen}: {query}");
        let (_, text) = stage.page(&at).await;
        assert!(text.contains(told) && text.contains("No drafts."), "{screen}: {text}");
        for other in SCREENS.iter().filter(|other| **other != screen) {
            let (_, text) = stage.page(&format!("/patients/ann/do/{other}")).await;
            assert!(!text.contains(told), "{other} tells of {screen}");
        }
    }
    let order = [("kind", "ServiceRequest"), ("text", "a test")];
    stage.form("/patients/ann/do/orders/add", &order).await;
    stage.form("/patients/ann/do/orders/sign", &[]).await;
    let dispatch = [("hook", "order-dispatch"), ("performer", "Organization/laboratory")];
    stage.form("/patients/ann/do/orders/fire", &dispatch).await;
    let dispatched = stage.service.last().body["context"]["dispatchedOrders"].clone();
    assert_eq!(dispatched.as_array().map(Vec::len), Some(1), "orders alone are dispatched: {dispatched}");
}

#[actix_web::test]
async fn each_screen_offers_its_own_codes_and_refuses_what_is_none() {
    let stage = Stage::start().await;
    for (screen, kind, own) in [
        ("orders", "MedicationRequest", "|849574"),
        ("problems", "Condition", "|44054006"),
        ("allergies", "AllergyIntolerance", "|91936005"),
        ("appointment", "Appointment", "|185349003"),
    ] {
        let at = format!("/patients/ann/do/{screen}");
        let (_, text) = stage.page(&at).await;
        let offered = text.split_once("<datalist").expect("choices").1;
        assert!(offered.contains(own) && !text.contains("placeholder=\"http://loinc.org"), "{screen}: {text}");
        for wrong in ["garbage", "http://loinc.org", "loinc|4548-4", "http://loinc.org|", "http://a b|c", "|4548-4"] {
            let form = [("kind", kind), ("text", "x"), ("code", wrong)];
            let (status, said) = stage.form(&format!("{at}/add"), &form).await;
            assert!(status == 400 && said.contains("neither `system|code`"), "{screen}, {wrong}: {status}");
        }
        let (status, said) = stage.form(&format!("{at}/add"), &[("kind", kind), ("text", " ")]).await;
        assert!(status == 400 && said.contains("Say what it is"), "{screen}");
    }
    for wrong in ["tomorrow", "2030-05-06", "9999-12-31T23:59"] {
        let form = [("kind", "Appointment"), ("text", "x"), ("when", wrong)];
        assert_eq!(stage.form("/patients/ann/do/appointment/add", &form).await.0, 400, "{wrong}");
    }
    assert!(stage.drafts().await.is_empty());
}

#[actix_web::test]
async fn several_cards_are_counted_and_all_but_the_first_are_folded_to_summary_and_buttons() {
    let stage = Stage::start().await;
    let one = card(json!({"summary": "first", "detail": "all of the first", "indicator": "warning"}));
    stage.service.answers(200, json!({"cards": [one]}));
    let (_, text) = stage.form("/patients/ann/open", &[]).await;
    assert!(!text.contains("class=\"jumps\"") && !text.contains("class=\"more\""), "{text}");
    let other = card(json!({"uuid": "another", "summary": "second", "detail": "all of the second"}));
    stage.service.answers(200, json!({"cards": [other, one]}));
    let (_, text) = stage.form("/patients/ann/open", &[]).await;
    let (jumps, cards) = text.split_once("</nav>").expect("the way to each card");
    assert!(jumps.contains("2 cards") && jumps.contains("href=\"#card-another\""), "{jumps}");
    let (first, second) = cards.split_once("id=\"card-another\"").expect("the less urgent card");
    assert!(first.contains(&format!("id=\"card-{CARD}\"")) && first.contains("all of the first"), "{first}");
    assert!(!first.contains("class=\"more\"") && second.contains("<details class=\"more\">"), "{second}");
    assert!(second.contains("all of the second") && second.contains("class=\"suggest") && second.contains("Dismiss"));
}

#[actix_web::test]
async fn no_cards_are_no_all_clear_and_a_drug_without_a_code_is_named_as_a_reason() {
    let stage = Stage::start().await;
    let orders = "/patients/ann/do/orders";
    let said = async |code: &str| {
        stage
            .form(&format!("{orders}/add"), &[("kind", "MedicationRequest"), ("text", "Warfarin 5 mg"), ("code", code)])
            .await;
        let (_, said) = stage.form(&format!("{orders}/fire"), &[("hook", "order-select")]).await;
        let drafts = stage.drafts().await;
        for draft in drafts {
            let name = format!("MedicationRequest/{}", draft["id"].as_str().expect("an id"));
            stage.form(&format!("{orders}/remove"), &[("draft", &name)]).await;
        }
        said
    };
    let uncoded = said("").await;
    assert!(uncoded.contains("No cards came back.") && uncoded.contains("A drug without a code"), "{uncoded}");
    let coded = said("http://www.nlm.nih.gov/research/umls/rxnorm|855332").await;
    assert!(coded.contains("No cards came back.") && !coded.contains("without a code"), "{coded}");
    assert!(!coded.contains("nothing worth saying"), "{coded}");
}
