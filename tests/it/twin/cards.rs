//! Cards on the screen: which are shown, how long, and where their links lead.

use super::stage::{CARD, LAUNCH, SUGGESTION, Stage, card};
use serde_json::{Value, json};

async fn on_screen(stage: &Stage) -> usize {
    stage.get("/control/cards").await.as_array().expect("cards").len()
}

fn linked(links: Value) -> Value {
    json!({ "links": links })
}

#[actix_web::test]
async fn ch_156_a_newer_answer_of_a_service_takes_its_earlier_cards_away() {
    let stage = Stage::start().await;
    let entry = |hook: &str| json!({"id": "orders", "hook": hook, "description": "d"});
    stage.service.lists(json!([entry("order-select"), entry("order-sign")]));
    stage.drug("a").await;
    stage.service.shows(json!({}));
    stage.fire("order-select").await;
    assert_eq!(on_screen(&stage).await, 1);
    stage.service.answers(200, json!({"cards": []}));
    stage.fire("order-sign").await;
    assert_eq!(on_screen(&stage).await, 0);
}

#[actix_web::test]
async fn ch_157_cards_go_when_another_chart_is_opened() {
    let stage = Stage::start().await;
    stage.service.shows(json!({}));
    stage.fire("patient-view").await;
    for patient in ["bob", "ann"] {
        stage.put("/control/desk", json!({ "patient": patient })).await;
        assert_eq!(on_screen(&stage).await, 0, "{patient}");
    }
    assert_eq!(stage.accept().await.0, 404);
}

#[actix_web::test]
async fn ch_174_a_card_with_an_unknown_selection_behavior_is_an_error_and_others_are_shown() {
    let stage = Stage::start().await;
    let other = card(json!({"uuid": "5b0f6a0e-1a4f-4d0e-9b7c-3d2a1c5e7f01", "selectionBehavior": "pick-two"}));
    stage.service.answers(200, json!({"cards": [other, card(json!({})), {"summary": "no card"}]}));
    let said = stage.fire("patient-view").await;
    assert_eq!(on_screen(&stage).await, 1);
    let problems = said["calls"][0]["problems"].as_array().expect("problems");
    assert!(problems.len() == 2 && problems[0].as_str().expect("a problem").contains("selectionBehavior"), "{said}");
    let journal = stage.get("/control/exchanges?kind=call").await;
    assert_eq!(journal[0]["problems"], said["calls"][0]["problems"]);
}

#[actix_web::test]
async fn ch_175_176_reasons_of_the_card_and_of_the_house_are_offered() {
    let stage = Stage::start().await;
    let reasons = json!([{"code": "r", "system": "http://example.org", "display": "Not now"}]);
    stage.service.shows(json!({"overrideReasons": reasons}));
    stage.switch(json!({"own_reasons": ["house-rule"]})).await;
    let (_, drawn) = stage.form("/patients/ann/open", &[]).await;
    assert!(drawn.contains("Not now") && drawn.contains("house-rule"), "{drawn}");
    let (status, _) =
        stage.send("POST", &format!("/control/cards/{CARD}/dismiss"), Some(json!({"reason": "other"}))).await;
    assert_eq!(status, 400, "nobody offered it");
    stage.post(&format!("/control/cards/{CARD}/dismiss"), json!({"reason": "house-rule"})).await;
}

#[actix_web::test]
async fn a_card_is_decided_on_once_and_leaves_the_screen() {
    let action = json!({"type": "create", "description": "d", "resource": {"resourceType": "ServiceRequest"}});
    let suggestion = json!({"label": "do", "uuid": SUGGESTION, "actions": [action]});
    let (accept, dismiss) = (format!("/control/cards/{CARD}/accept"), format!("/control/cards/{CARD}/dismiss"));
    for (first, body, drafts) in [(&dismiss, json!({}), 0), (&accept, json!({"suggestion": 0}), 1)] {
        let stage = Stage::start().await;
        stage
            .service
            .shows(json!({"suggestions": [suggestion], "links": [{"label": "l", "url": LAUNCH, "type": "smart"}]}));
        stage.fire("patient-view").await;
        for (path, odd) in [(&accept, json!({"suggestion": 7})), (&dismiss, json!({"reason": "nobody's"}))] {
            assert_eq!(stage.send("POST", path, Some(odd)).await.0, 400, "{path}");
            assert_eq!(on_screen(&stage).await, 1, "what is refused leaves the card");
        }
        stage.post(first, body).await;
        assert_eq!(on_screen(&stage).await, 0);
        for (path, again) in
            [(&accept, json!({"suggestion": 0})), (&dismiss, json!({})), (&accept, json!({"suggestion": 7}))]
        {
            let (status, said) = stage.send("POST", path, Some(again)).await;
            assert_eq!(status, 409, "{path}: {said}");
            assert!(said["error"].as_str().is_some_and(|why| why.contains("before")), "{said}");
        }
        let form = [("card", CARD), ("suggestion", SUGGESTION)];
        assert_eq!(stage.form("/patients/ann/decisions", &form).await.0, 409);
        assert_eq!((stage.drafts().await.len(), stage.service.feedback().len()), (drafts, 1));
        let link = format!("/patients/ann/launch?card={CARD}&link=0");
        assert_eq!(stage.page(&link).await.0, 303, "a link that is still drawn still opens its app");
        stage.fire("patient-view").await;
        assert_eq!((on_screen(&stage).await, stage.accept().await.0), (1, 200), "a new card may be decided on");
    }
}

#[actix_web::test]
async fn of_a_card_that_lets_any_be_chosen_each_suggestion_is_accepted_once() {
    let stage = Stage::start().await;
    let action = json!({"type": "create", "description": "d", "resource": {"resourceType": "ServiceRequest"}});
    let suggestion = |uuid: &str| json!({"label": format!("do {uuid}"), "uuid": uuid, "actions": [action]});
    stage.service.shows(json!({"selectionBehavior": "any", "suggestions": [suggestion("u"), suggestion("v")]}));
    stage.fire("patient-view").await;
    let (accept, dismiss) = (format!("/control/cards/{CARD}/accept"), format!("/control/cards/{CARD}/dismiss"));
    stage.post(&accept, json!({"suggestion": "u"})).await;
    assert_eq!(on_screen(&stage).await, 1, "the other one may still be wanted");
    let again = stage.send("POST", &accept, Some(json!({"suggestion": "u"}))).await;
    let late = stage.send("POST", &dismiss, Some(json!({}))).await;
    assert_eq!((again.0, late.0), (409, 409), "{again:?} {late:?}");
    let (status, drawn) = stage.form("/patients/ann/decisions", &[("card", CARD), ("suggestion", "v")]).await;
    assert_eq!((status, drawn.contains("More of this card")), (200, false), "{drawn}");
    assert_eq!((on_screen(&stage).await, stage.drafts().await.len(), stage.service.feedback().len()), (0, 2, 2));
}

#[actix_web::test]
async fn a_suggestion_is_named_by_its_uuid_or_by_its_place_as_text_or_number() {
    let path = format!("/control/cards/{CARD}/accept");
    let suggestions = json!([{"label": "a", "uuid": "1", "actions": []}, {"label": "b", "uuid": "u", "actions": []}]);
    for (suggestion, uuid) in
        [(json!(0), "1"), (json!(1), "u"), (json!("0"), "1"), (json!("1"), "1"), (json!("u"), "u")]
    {
        let stage = Stage::start().await;
        stage.service.shows(json!({ "suggestions": suggestions }));
        stage.fire("patient-view").await;
        for odd in [json!(2), json!(-1), json!(0.5), json!("v"), Value::Null, json!([0])] {
            let (status, said) = stage.send("POST", &path, Some(json!({ "suggestion": odd }))).await;
            assert!(status == 400 && said["error"].as_str().is_some_and(|why| why.contains("suggestion")), "{said}");
        }
        let said = stage.post(&path, json!({ "suggestion": suggestion })).await;
        assert_eq!(said["entry"]["acceptedSuggestions"], json!([{"id": uuid}]), "{suggestion}");
    }
}

#[actix_web::test]
async fn ch_177_the_most_urgent_card_comes_first() {
    let stage = Stage::start().await;
    let of = |indicator: &str, uuid: &str| card(json!({"indicator": indicator, "uuid": uuid}));
    stage.service.answers(200, json!({"cards": [of("info", "1"), of("critical", "2"), of("warning", "3")]}));
    stage.fire("patient-view").await;
    let cards = stage.get("/control/cards").await;
    let order: Vec<&Value> = cards.as_array().expect("cards").iter().map(|one| &one["card"]["indicator"]).collect();
    assert_eq!(order, ["critical", "warning", "info"]);
}

#[actix_web::test]
async fn ch_178_markdown_of_a_card_is_inert() {
    let stage = Stage::start().await;
    stage.service.shows(json!({"detail": "**b** <script>alert(1)</script> [x](javascript:alert(1))"}));
    let (_, drawn) = stage.form("/patients/ann/open", &[]).await;
    assert!(drawn.contains("<strong>b</strong>") && drawn.contains("&lt;script&gt;"), "{drawn}");
    let card = &drawn[..drawn.find("class=\"inspector\"").expect("an inspector")];
    assert!(!card.contains("<script") && !card.contains("href=\"javascript"), "{card}");
}

#[actix_web::test]
async fn ch_215_216_a_smart_link_gets_iss_and_launch_and_keeps_its_context_to_the_token() {
    let stage = Stage::start().await;
    let url = format!("{LAUNCH}?tab=2#part");
    stage.service.shows(linked(json!([{"label": "l", "url": url, "type": "smart", "appContext": "secret words"}])));
    stage.fire("patient-view").await;
    let (status, address) = stage.page(&format!("/patients/ann/launch?card={CARD}&link=0")).await;
    assert_eq!(status, 303);
    let expected = format!("{LAUNCH}?tab=2&iss=http%3A%2F%2F");
    assert!(address.starts_with(&expected) && address.contains("&launch=") && address.ends_with("#part"), "{address}");
    assert!(!address.contains("secret"), "{address}");
    // That the token response has `appContext` is shown by `it::sandbox_ehr::cards`.
}

#[actix_web::test]
async fn ch_217_219_a_link_to_an_unlisted_host_is_disabled_and_a_listed_one_is_unchanged() {
    let stage = Stage::start().await;
    let url = "https://page.example/a?b=c&d=%20#e";
    stage.service.shows(linked(json!([{"label": "see", "url": url, "type": "absolute"}])));
    let (_, drawn) = stage.form("/patients/ann/open", &[]).await;
    assert!(drawn.contains("not opened") && !drawn.contains("href=\"https://page.example"), "{drawn}");
    stage.switch(json!({"link_hosts": ["page.example"]})).await;
    let (_, drawn) = stage.form("/patients/ann/open", &[]).await;
    assert!(drawn.contains(&format!("href=\"{}\"", url.replace('&', "&amp;"))), "{drawn}");
    assert_eq!(stage.get("/control/cards").await[0]["card"]["links"][0]["url"], url);
}

#[actix_web::test]
async fn ch_218_nothing_opens_by_itself_unless_the_ehr_lets_it() {
    let stage = Stage::start().await;
    stage.service.shows(linked(json!([{"label": "l", "url": LAUNCH, "type": "smart", "autolaunchable": true}])));
    for on in [false, true] {
        stage.switch(json!({"autolaunch": on})).await;
        let said = stage.fire("patient-view").await;
        assert_eq!(said["calls"][0]["cards"][0]["links"][0]["opensAtOnce"], on, "{said}");
    }
}
