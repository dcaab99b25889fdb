//! The model package in the repository, asked about the demo's patients as an EHR and as a data scientist would. The
//! deadline is long: an unoptimised build on a busy machine is slow, and no time is judged here.

use crate::web::app::TestApp;
use prodrome::cli::predict::{Format, Predict, predict};
use prodrome::prediction::model::Model;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const PATH: &str = "/cds-services/early-detection";
/// The last second of a day, as a call states it and as `predict` counts it: the day on which the demo's records end,
/// and one years before.
pub const END: (&str, i64) = ("2026-01-01T23:59:59Z", 1_767_311_999);
const BEFORE: (&str, i64) = ("2016-06-30T23:59:59Z", 1_467_331_199);

pub fn charts() -> Vec<PathBuf> {
    let mut charts: Vec<PathBuf> = std::fs::read_dir("demo/patients")
        .expect("the demo's patients")
        .map(|entry| entry.expect("a file").path())
        .collect();
    charts.retain(|path| path.to_string_lossy().ends_with(".ndjson.zst"));
    charts.sort();
    charts
}

/// A whole chart as one prefetched Bundle.
pub fn call(chart: &Path, as_of: &str) -> Value {
    let file = std::fs::File::open(chart).expect("a chart");
    let mut bytes = Vec::new();
    let mut reader = zstd::Decoder::new(file).expect("zstd");
    reader.window_log_max(27).expect("a window");
    std::io::Read::read_to_end(&mut reader, &mut bytes).expect("readable");
    let text = String::from_utf8(bytes).expect("text");
    let resources: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a resource")).collect();
    let patient = resources.iter().find(|resource| resource["resourceType"] == "Patient").expect("a patient");
    json!({
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": patient["id"]},
        "extension": {"org.prodrome.as-of": as_of},
        "prefetch": {"chart": {"resourceType": "Bundle", "type": "collection",
            "entry": resources.iter().map(|resource| json!({"resource": resource})).collect::<Vec<_>>()}},
    })
}

/// What `predict` says of a chart: (phenotype, horizon) to risk.
fn predicted(model: &Model, charts: &[PathBuf], as_of: i64) -> Vec<Value> {
    let arguments = Predict {
        model: PathBuf::from("models/prodrome-s"),
        chart: charts.to_vec(),
        as_of: Some(as_of),
        format: Format::Jsonl,
    };
    let mut out = Vec::new();
    let failed = predict(model, &model.phenotypes, &arguments, &mut out).expect("written");
    assert_eq!(failed, 0, "every chart is read");
    String::from_utf8(out).expect("text").lines().map(|line| serde_json::from_str(line).expect("a line")).collect()
}

/// Every risk on a card is the one that `predict` gives for the same chart and moment.
fn assert_agreement(cards: &[Value], line: &Value) {
    for card in cards {
        let said = &card["extension"]["org.prodrome.assessment"];
        let figure = line["predictions"]
            .as_array()
            .expect("predictions")
            .iter()
            .find(|p| p["phenotype"] == said["phenotype"] && p["horizon_days"] == said["horizon_days"])
            .expect("every outcome is predicted");
        for what in ["risk", "baseline_risk"] {
            let (card, line) = (said[what].as_f64().expect("a number"), figure[what].as_f64().expect("a number"));
            assert!((card - line).abs() < 1e-4, "{what}: {card} on the card, {line} by predict");
        }
        assert_eq!(figure["abstained"], Value::Null);
    }
}

#[actix_web::test]
async fn some_patients_get_cards_some_get_none_and_cards_say_what_predict_says() {
    let app = TestApp::builder().shipped_model().setting("ENGINE__DEADLINE", "60 s").start().await;
    let charts = charts();
    let model = Model::load(Path::new("models/prodrome-s")).expect("the shipped package");
    let lines = predicted(&model, &charts, END.1);
    assert!(charts.len() >= 20 && lines.len() == charts.len());
    let (mut with, mut without) = (0, 0);
    for (chart, line) in charts.iter().zip(&lines) {
        let body = call(chart, END.0).to_string();
        let answer = app.post(PATH, body.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cards = answer.json()["cards"].as_array().expect("cards").clone();
        *if cards.is_empty() { &mut without } else { &mut with } += 1;
        assert_agreement(&cards, line);
        let again = app.post(PATH, body).await;
        assert_eq!(again.header("x-prodrome-cache"), Some("hit"));
    }
    assert!(with >= 5 && without >= 5, "{with} patients with a card, {without} without");
}

#[actix_web::test]
async fn a_chart_in_the_past_is_predicted_and_answered_alike() {
    let app = TestApp::builder().shipped_model().setting("ENGINE__DEADLINE", "60 s").start().await;
    let charts: Vec<PathBuf> = charts().into_iter().step_by(3).collect();
    let model = Model::load(Path::new("models/prodrome-s")).expect("the shipped package");
    let lines = predicted(&model, &charts, BEFORE.1);
    let mut cards_seen = 0;
    for (chart, line) in charts.iter().zip(&lines) {
        let answer = app.post(PATH, call(chart, BEFORE.0).to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cards = answer.json()["cards"].as_array().expect("cards").clone();
        cards_seen += cards.len();
        assert_agreement(&cards, line);
    }
    assert!(cards_seen > 0, "no chart of that year gives a card: nothing was compared");
}

#[actix_web::test]
async fn the_example_chart_of_the_api_gets_estimates() {
    let app = TestApp::builder().shipped_model().setting("ENGINE__DEADLINE", "60 s").start().await;
    let chart = std::fs::read_to_string("examples/api/chart.json").expect("the example");
    let chart: Value = serde_json::from_str(&chart).expect("JSON");
    let body = json!({"resourceType": "Parameters", "parameter": [
        {"name": "as-of", "valueDate": "2019-12-31"}, {"name": "chart", "resource": chart}]});
    let answer = app.post("/fhir/$assess-risk", body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let bundle = answer.json();
    let risks = bundle["entry"].as_array().expect("entries").iter().map(|entry| &entry["resource"]);
    let predictions = risks.filter_map(|one| one["prediction"].as_array()).flatten();
    let shown = predictions.filter(|one| one["probabilityDecimal"].is_number());
    let outcomes: Vec<&str> = shown.filter_map(|one| one["outcome"]["text"].as_str()).collect();
    assert!(outcomes.len() > 10 && outcomes.contains(&"chronic kidney disease"), "{outcomes:?}");
    let evidence = bundle.to_string();
    assert!(evidence.contains("\"basis\""), "no estimate says what moved it");
}
