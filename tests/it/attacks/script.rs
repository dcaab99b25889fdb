//! Script in a chart's own words: names, displays, order texts, ids. Nothing of it may run where a card is shown.

use super::{CALL, INSTANCE, still_answers};
use crate::web::app::TestApp;
use crate::web::charts::{PATIENT, call, chart};
use serde_json::{Value, json};

const SCRIPTS: [&str; 8] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "[see here](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "<https://evil.example/login>",
    "| a | b |\n|---|---|\n\n# Heading\n\n[x]: https://evil.example\n\n[x]",
    "`</td></table>`\u{202e}\u{200b}https://evil.example",
];

/// Puts `script` wherever a resource holds words.
pub fn plant(value: &mut Value, script: &str) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    "display" | "text" | "family" | "title" if value.is_string() => *value = script.into(),
                    _ => plant(value, script),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| plant(value, script)),
        _ => {}
    }
}

/// The chart with `script` wherever it holds words.
fn planted(script: &str) -> Value {
    let mut bundle = chart();
    plant(&mut bundle, script);
    for entry in bundle["entry"].as_array_mut().expect("entries") {
        let resource = &mut entry["resource"];
        resource["text"] = json!({"status": "generated", "div": format!("<div>{script}</div>")});
        if resource["code"].is_object() {
            resource["code"]["text"] = script.into();
            if resource["code"]["coding"].is_array() {
                resource["code"]["coding"][0]["display"] = script.into();
            }
        }
    }
    bundle["entry"][0]["resource"]["name"] = json!([{"family": script, "given": [script]}]);
    bundle
}

/// What an EHR makes of a card's long text.
fn rendered(markdown: &str) -> String {
    let mut html = String::new();
    let parser = pulldown_cmark::Parser::new_ext(markdown, pulldown_cmark::Options::all());
    pulldown_cmark::html::push_html(&mut html, parser);
    html
}

fn check_cards(script: &str, cards: &Value) -> usize {
    let cards = cards.as_array().expect("cards");
    for card in cards {
        let html = rendered(card["detail"].as_str().expect("a text"));
        let summary = card["summary"].as_str().expect("a summary");
        for danger in ["<script", "<img", "<svg", "<h1", "<a "] {
            assert!(!html.contains(danger), "{script}: {html}");
        }
        assert!(!summary.contains('<') && !summary.contains("]("), "{summary}");
        let suggestions = card["suggestions"].to_string();
        assert!(!suggestions.contains("evil.example") && !suggestions.contains("<s"), "{suggestions}");
    }
    cards.len()
}

#[actix_web::test]
async fn words_of_a_chart_become_no_markup_of_a_card() {
    let app = TestApp::builder().shipped_model().start().await;
    let ages = TestApp::start().await;
    let mut shown = 0;
    for script in SCRIPTS {
        let body = call(INSTANCE, json!({"everything": planted(script)})).to_string();
        for app in [&app, &ages] {
            let answer = app.post(CALL, body.clone()).await;
            assert_eq!(answer.status, 200, "{script}: {}", answer.text());
            shown += check_cards(script, &answer.json()["cards"]);
        }
    }
    assert!(shown >= SCRIPTS.len(), "no card was looked at");
    still_answers(&ages).await;
}

#[actix_web::test]
async fn words_of_an_order_become_no_markup_of_a_card() {
    let app = TestApp::start().await;
    for script in SCRIPTS {
        let order = json!({"resourceType": "MedicationRequest", "id": "d1", "status": "draft", "intent": "order",
            "subject": {"reference": format!("Patient/{PATIENT}")}, "note": [{"text": script}],
            "medicationCodeableConcept": {"text": script, "coding": [{
                "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "849574", "display": script}]}});
        let mut body = call(INSTANCE, json!({"everything": planted(script)}));
        body["hook"] = "order-sign".into();
        body["context"]["draftOrders"] = json!({"resourceType": "Bundle", "entry": [{"resource": order}]});
        let answer = app.post("/cds-services/order-outlook", body.to_string()).await;
        assert_eq!(answer.status, 200, "{script}: {}", answer.text());
        for card in answer.json()["cards"].as_array().expect("cards") {
            let html = rendered(card["detail"].as_str().unwrap_or_default());
            assert!(!html.contains("<script") && !html.contains("<a ") && !html.contains("<img"), "{html}");
        }
    }
    still_answers(&app).await;
}
