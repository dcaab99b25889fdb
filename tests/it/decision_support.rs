//! Hook calls through the spine itself: the worked examples of the shipped services, and what a card looks like.

use crate::database::TestDatabase;
use crate::oracle::AgeOracle;
use prodrome::decision_support::answer_hook::{CallFacts, HookAnswer, HookError, HookParts, answer_hook};
use prodrome::decision_support::prefetch::PrefetchError;
use prodrome::decision_support::read_back::FhirReader;
use prodrome::decision_support::service_definition::{Catalogue, Known};
use prodrome::governance::audit::Audit;
use prodrome::platform::database::Database;
use prodrome::platform::settings::FhirLimits;
use prodrome::platform::settings::Quirks;
use prodrome::prediction::answer::Oracle;
use prodrome::prediction::model::Model;
use prodrome::prediction::predictor::{CacheStatus, EngineSize, Predictor};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A spine on this database, answering the services of a folder.
async fn spine(services: &Path, database: &TestDatabase) -> Arc<HookParts> {
    spine_of(Arc::new(AgeOracle::new(Duration::ZERO)), services, database).await
}

async fn spine_of(oracle: Arc<dyn Oracle>, services: &Path, database: &TestDatabase) -> Arc<HookParts> {
    let catalogue = Catalogue::load(services, Known::of(&*oracle)).expect("valid services");
    let size = EngineSize { threads: 1, token_budget: 2048, queue_length: 8 };
    let database = Database::open(database.url()).await.expect("open");
    Arc::new(HookParts {
        catalogue: Arc::new(catalogue),
        predictor: Arc::new(Predictor::start(oracle, size, 100).expect("threads")),
        fhir: FhirReader::new(FhirLimits {
            patience: Duration::from_secs(1),
            chart_patience: Duration::from_secs(1),
            bytes: 1 << 20,
            pages: 2,
            requests: 2,
        }),
        audit: Audit::new(database),
        patience: Duration::from_secs(20),
        documentation_url: None,
        app_links: None,
    })
}

async fn ask(parts: &Arc<HookParts>, service: &str, request: &Value) -> Result<HookAnswer, HookError> {
    let arrived = prodrome::platform::clock::now();
    let facts = CallFacts { arrived, development: true, ..CallFacts::default() };
    answer_hook(parts, service, request.to_string().into_bytes(), facts).await
}

/// An old woman with a prediabetes of 2018, as of 2020; her Condition's id is given.
fn request(condition: &str) -> Value {
    json!({
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": { "userId": "Practitioner/u", "patientId": "p-1", "encounterId": "e-1" },
        "extension": { "org.prodrome.as-of": "2020-03-04T00:00:00Z" },
        "prefetch": {
            "patient": { "resourceType": "Patient", "id": "p-1", "birthDate": "1945-02-03", "gender": "female" },
            "conditions": { "resourceType": "Bundle", "type": "searchset", "entry": [{ "resource": {
                "resourceType": "Condition", "id": condition, "recordedDate": "2018-05-01",
                "subject": { "reference": "Patient/p-1" },
                "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "15777000", "display": "Prediabetes <b>(finding)</b>" }] }
            } }] }
        }
    })
}

fn shipped() -> &'static Path {
    Path::new("cds-services")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_says_risk_average_evidence_and_limits() {
    let database = TestDatabase::fresh();
    let parts = spine(shipped(), &database).await;
    let answer = ask(&parts, "early-detection", &request("c-1")).await.expect("an answer");
    assert_eq!(answer.response.cards.len(), 3);
    for card in &answer.response.cards {
        assert!(card.summary.chars().count() < 140 && !card.suggestions.is_empty(), "{}", card.summary);
        for suggestion in &card.suggestions {
            let resource = serde_json::to_vec(&suggestion.actions[0].resource).expect("json");
            let checked = fhir_fence::check(&resource).expect("R4 accepts the suggested order");
            assert!(checked.findings.is_empty() && checked.resource_type == "ServiceRequest");
        }
    }
    let mut card = answer.response.cards[0].clone();
    card.uuid = "[uuid]".into();
    card.suggestions.iter_mut().for_each(|suggestion| suggestion.uuid = "[uuid]".into());
    // Through text: a snapshot of the value itself would show how serde_json keeps its numbers.
    insta::assert_snapshot!(serde_json::to_string_pretty(&card).expect("json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_memory_cites_the_resources_of_its_own_chart() {
    let database = TestDatabase::fresh();
    let parts = spine(shipped(), &database).await;
    let first = ask(&parts, "early-detection", &request("c-1")).await.expect("an answer");
    let second = ask(&parts, "early-detection", &request("c-2")).await.expect("an answer");
    assert_eq!((first.cache, second.cache), (CacheStatus::Miss, CacheStatus::Hit));
    let detail = |answer: &HookAnswer| answer.response.cards[0].detail.clone().unwrap_or_default();
    assert!(detail(&first).contains("`Condition/c-1`") && detail(&second).contains("`Condition/c-2`"));
    assert_ne!(first.response.cards[0].uuid, second.response.cards[0].uuid);
    let again = ask(&parts, "early-detection", &request("c-2")).await.expect("an answer");
    assert_eq!(again.response, second.response);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_service_computes_and_shows_nothing() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), TestDatabase::fresh());
    let service = folder.path().join("services/quiet");
    std::fs::create_dir_all(&service).expect("a folder");
    let text = std::fs::read_to_string("cds-services/early-detection/service.toml").expect("the shipped service");
    let silent = text.replace("mode = \"live\"", "mode = \"silent\"");
    std::fs::write(service.join("service.toml"), silent).expect("written");
    let parts = spine(&folder.path().join("services"), &database).await;
    let answer = ask(&parts, "quiet", &request("c-1")).await.expect("an answer");
    assert!(answer.response.cards.is_empty());
    let again = ask(&parts, "quiet", &request("c-1")).await.expect("an answer");
    assert_eq!(again.cache, CacheStatus::Hit);
}

/// Each example holds for any model: it states what must not be shown, or which data are missing.
#[tokio::test(flavor = "multi_thread")]
async fn the_worked_examples_hold_for_ages_alone() {
    let database = TestDatabase::fresh();
    check_examples(spine(shipped(), &database).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_examples_hold_for_the_shipped_model() {
    let database = TestDatabase::fresh();
    let model = Model::load(Path::new("models/prodrome-s")).expect("the shipped package");
    check_examples(spine_of(Arc::new(model), shipped(), &database).await).await;
}

async fn check_examples(parts: Arc<HookParts>) {
    let mut examples = 0;
    for service in parts.catalogue.services() {
        let files = std::fs::read_dir(shipped().join(&service.id).join("examples")).expect("examples");
        for file in files.map(|file| file.expect("a file").path()) {
            let text = std::fs::read_to_string(&file).expect("text");
            let example: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
            let answer = ask(&parts, &service.id, &example["request"]).await;
            check_example(&file, &example["expect"], answer);
            examples += 1;
        }
    }
    assert!(examples >= 5);
}

fn check_example(file: &Path, expect: &Value, answer: Result<HookAnswer, HookError>) {
    let words = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap_or_else(|| panic!("{file:?}: a list"));
        list.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
    };
    match answer {
        Err(HookError::Prefetch(PrefetchError::Missing { missing })) => {
            assert_eq!(missing, words(&expect["missing"]), "{file:?}");
        }
        Err(error) => panic!("{file:?}: {error}"),
        Ok(answer) => {
            assert!(expect["missing"].is_null(), "{file:?}: answered, but data should be missing");
            let topic = |card: &prodrome::decision_support::protocol::Card| {
                card.source.topic.as_ref().map(|topic| topic.code.clone()).unwrap_or_default()
            };
            let topics: Vec<String> = answer.response.cards.iter().map(topic).collect();
            if let Some(most) = expect["most_cards"].as_u64() {
                assert!(topics.len() as u64 <= most, "{file:?}: {topics:?}");
            }
            if !expect["never"].is_null() {
                assert!(words(&expect["never"]).iter().all(|never| !topics.contains(never)), "{file:?}: {topics:?}");
            }
        }
    }
}

/// A call of an Epic client.
async fn ask_as_epic(parts: &Arc<HookParts>, service: &str, request: &Value) -> Result<HookAnswer, HookError> {
    let arrived = prodrome::platform::clock::now();
    let facts = CallFacts { arrived, quirks: Quirks::Epic, client: Some("north".into()), ..CallFacts::default() };
    answer_hook(parts, service, request.to_string().into_bytes(), facts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epic_client_gets_an_answer_without_cards_where_others_are_told_what_is_missing() {
    let database = TestDatabase::fresh();
    let parts = spine(shipped(), &database).await;
    let mut without_patient = request("c-1");
    without_patient["prefetch"] = json!({});
    let mut without_orders = request("c-1");
    without_orders["hook"] = "order-sign".into();
    let mut of_another_release = request("c-1");
    of_another_release["extension"] = json!({"com.epic.cdshooks.request.fhir-version": "STU3"});
    for (service, call) in [
        ("early-detection", &without_patient),
        ("order-outlook", &without_orders),
        ("early-detection", &of_another_release),
    ] {
        let answer = ask_as_epic(&parts, service, call).await.unwrap_or_else(|error| panic!("{service}: {error}"));
        assert!(answer.response.cards.is_empty(), "{service}");
    }
    assert!(matches!(ask(&parts, "early-detection", &without_patient).await, Err(HookError::Prefetch(_))));
    assert!(matches!(ask(&parts, "order-outlook", &without_orders).await, Err(HookError::Request(_))));
    let mut of_r4 = request("c-1");
    of_r4["extension"] = json!({"com.epic.cdshooks.request.fhir-version": "R4"});
    assert!(!ask_as_epic(&parts, "early-detection", &of_r4).await.expect("an answer").response.cards.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epic_client_gets_one_action_a_suggestion() {
    let database = TestDatabase::fresh();
    let parts = spine(shipped(), &database).await;
    let text = std::fs::read_to_string("cds-services/order-outlook/examples/nsaid-started.json").expect("an example");
    let mut call = serde_json::from_str::<Value>(&text).expect("JSON")["request"].clone();
    call["prefetch"]["observations"]["entry"][0]["resource"]["effectiveDateTime"] =
        prodrome::platform::clock::now().to_string().into();
    let actions = |answer: HookAnswer| -> Vec<usize> {
        let suggestions = answer.response.cards.into_iter().flat_map(|card| card.suggestions);
        suggestions.map(|suggestion| suggestion.actions.len()).collect()
    };
    let plain = actions(ask(&parts, "order-outlook", &call).await.expect("an answer"));
    let epic = actions(ask_as_epic(&parts, "order-outlook", &call).await.expect("an answer"));
    assert!(plain.contains(&2), "{plain:?}");
    assert!(epic.iter().all(|actions| *actions == 1) && epic.len() > plain.len(), "{epic:?}");
}
