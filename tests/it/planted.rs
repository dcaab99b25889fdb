//! `prodrome plant` from seed to judgement: the world is read whole, and the judge knows good models from bad ones.

use prodrome::learning::evaluate::labels::LabelFile;
use prodrome::learning::ingest::{Options, ingest};
use prodrome::learning::planted::asked::Subject;
use prodrome::learning::planted::judge::{Case, Change, Judgement, Task, judge};
use prodrome::learning::planted::plant::{Plan, plant};
use prodrome::learning::planted::report;
use prodrome::learning::planted::scores::Scores;
use prodrome::learning::shard::Dataset;
use prodrome::patient_record::timeline::{Second, Timeline};
use prodrome::prediction::answer::{Answer, Oracle, Question, Risk};
use prodrome::prediction::model::Outcome;
use prodrome::prediction::phenotype::Phenotypes;
use prodrome::prediction::vocabulary::{EncodedChart, Vocabulary, encode_timeline};
use std::path::Path;

/// A reader who knows one thing of the world: elm exposures of half a year to two years ago are followed by an echo.
/// Of tamerol it says what nobody planted: that it doubles the risk of everything.
struct KnowsElm {
    phenotypes: Phenotypes,
    vocabulary: Vocabulary,
    outcomes: Vec<Outcome>,
}

impl KnowsElm {
    fn new(phenotypes: Phenotypes, vocabulary: Vocabulary) -> Self {
        let outcomes = phenotypes.outcomes.iter().flat_map(|(name, outcome)| {
            phenotypes.horizons_days.iter().map(move |&horizon_days| Outcome {
                phenotype: name.as_str().into(),
                title: outcome.title.clone(),
                group: outcome.group,
                horizon_days,
                alert_threshold: 1.0,
                false_alerts: Vec::new(),
                silent: None,
            })
        });
        Self { outcomes: outcomes.collect(), phenotypes, vocabulary }
    }

    fn one(&self, chart: &EncodedChart) -> Answer {
        let key = |key: &str| self.vocabulary.key(key).expect("in the vocabulary");
        let (elm, tamerol) = (key("COND|X:elm-exposure"), key("MED|X:tamerol"));
        let last = |key: u32| chart.events.iter().rfind(|event| event.key == key).map(|e| chart.as_of_day - e.day);
        // A year is long: who was exposed lately will come into the window, who was exposed long ago will leave it.
        let days_due = last(elm).map_or(0, |since| (720 - since.max(180)).clamp(0, 365) - (180 - since).max(0));
        let factor = if last(tamerol) == Some(0) { 2.0 } else { 1.0 };
        let risk = |outcome: &Outcome| {
            let echo = &*outcome.phenotype == "echo";
            let risk = factor * if echo { 0.01 + 0.10 * f64::from(days_due) / 365.0 } else { 0.05 };
            let phenotype = outcome.phenotype.clone();
            Risk {
                phenotype,
                horizon_days: outcome.horizon_days,
                risk,
                interval: None,
                baseline_risk: 0.05,
                abstained: None,
            }
        };
        Answer {
            risks: self.outcomes.iter().map(risk).collect(),
            reasons: Vec::new(),
            pairs: Vec::new(),
            abstained: None,
        }
    }
}

impl Oracle for KnowsElm {
    fn encode(&self, timeline: &Timeline, as_of: Second) -> EncodedChart {
        encode_timeline(timeline, &self.vocabulary, &self.phenotypes, as_of)
    }

    fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    fn answer(&self, batch: &[Question]) -> Vec<Answer> {
        batch.iter().map(|question| self.one(&question.chart)).collect()
    }

    fn tokens(&self, question: &Question) -> usize {
        question.chart.events.len()
    }

    fn identity(&self) -> &str {
        "knows-elm@0123456789ab"
    }
}

/// A world and the dataset that is made of it, in folders of these names.
pub fn make(folder: &Path, patients: u64) -> Dataset {
    let bar = indicatif::ProgressBar::hidden();
    plant(Plan { patients, seed: 3, draws: 8 }, &folder.join("world"), &bar).expect("a world");
    let options = Options {
        sources: vec![folder.join("world/fhir")],
        out: folder.join("dataset"),
        split_by_folder: true,
        salt_file: None,
        export_date: Some(jiff::civil::date(2026, 1, 1)),
        identity: true,
        audit: false,
        jobs: 2,
        spill: None,
        bucket_bytes: 96 << 20,
    };
    ingest(&options).expect("a dataset")
}

fn task<'a>(judgement: &'a Judgement, outcome: &str) -> &'a Task {
    judgement.tasks.iter().find(|task| task.outcome == outcome && task.horizon_days == 365).expect("the outcome")
}

fn change<'a>(judgement: &'a Judgement, drug: &str, outcome: &str) -> &'a Change {
    let is =
        |change: &&Change| change.drug.starts_with(drug) && change.outcome == outcome && change.horizon_days == 365;
    judgement.what_if.iter().find(is).expect("the change")
}

#[test]
fn a_world_is_ingested_whole_and_a_model_is_held_against_its_truth() {
    let place = tempfile::tempdir().expect("a folder");
    let dataset = make(place.path(), 150);
    let world = place.path().join("world");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dataset.folder.join("report.json")).expect("the report")).expect("JSON");
    assert_eq!(report["skipped"], serde_json::json!([]), "a resource was not read");
    assert_eq!(report["unknown_units"], serde_json::json!({}));
    assert_eq!(dataset.patients.values().copied().collect::<Vec<u64>>(), [90, 15, 15, 30]);
    for leak in ["patients_in_two_splits", "patients_with_events_after_death", "events_after_export"] {
        assert_eq!(report["leaks"].get(leak).and_then(serde_json::Value::as_u64).unwrap_or(0), 0, "{leak}");
    }

    let definitions = std::fs::read_to_string(world.join("phenotypes.toml")).expect("the definitions");
    let phenotypes = Phenotypes::parse(&definitions).expect("read");
    let model = KnowsElm::new(phenotypes, dataset.vocabulary().expect("a vocabulary"));
    let subject = Subject { oracle: &model, vocabulary: &model.vocabulary, phenotypes: &model.phenotypes };
    let truth = || Scores::open(&world.join("truth.csv.gz")).expect("the truth");
    let labels = LabelFile::open(&world.join("labels/test.csv.gz")).expect("the labels");
    let beside = [("truth".to_owned(), truth())];
    let case = Case { truth: &truth(), labels: &labels, beside: &beside, draws: 20, seed: 1 };
    let judgement = judge(subject, &dataset, &case, &indicatif::ProgressBar::hidden()).expect("a judgement");

    assert_eq!(judgement.rows, labels.lines.len(), "every row of the world is found in the dataset");
    for task in judgement.tasks.iter().filter(|task| task.limit.is_some()) {
        let [_, itself] = task.models.as_slice() else { panic!("{} models", task.models.len()) };
        assert_eq!((itself.from_limit, itself.calibration_error), (Some(0.0), Some(0.0)), "{}", task.outcome);
    }
    // What it knows it knows well; of the rest nothing.
    let (echo, order) = (task(&judgement, "echo"), task(&judgement, "order"));
    assert!(echo.limit.expect("events") > 0.6 && echo.models[0].from_limit.expect("events").abs() < 0.08);
    assert!((order.models[0].auroc.expect("events") - 0.5).abs() < 0.1);
    assert!(order.limit.expect("events") > 0.65 && order.models[0].from_limit.expect("events") < -0.1);
    assert!(echo.models[0].calibration_error < Some(0.04) && order.models[0].calibration_error > Some(0.01));
    // It claims that tamerol doubles the risk of a crisis; the truth is the opposite.
    let crisis = change(&judgement, "tamerol", "treated");
    assert!(crisis.effect < 0.0 && crisis.association > 0.04 && crisis.bias > 0.04);
    assert_eq!(crisis.same_direction, Some(0.0));
    let idle = change(&judgement, "idlerol", "treated");
    assert_eq!((idle.effect, idle.association), (0.0, 0.0));
    let text = report::markdown(&judgement);
    assert!(text.contains("association, not an effect") && text.contains("machinery, not medicine"));
    assert!(!text.contains("planted-0"), "no patient is named");
    assert!(report::picture(&judgement).starts_with("<svg"));
}

#[test]
fn a_model_that_answered_only_some_rows_is_refused() {
    let place = tempfile::tempdir().expect("a folder");
    let dataset = make(place.path(), 30);
    let world = place.path().join("world");
    let definitions = std::fs::read_to_string(world.join("phenotypes.toml")).expect("the definitions");
    let model = KnowsElm::new(Phenotypes::parse(&definitions).expect("read"), dataset.vocabulary().expect("one"));
    let subject = Subject { oracle: &model, vocabulary: &model.vocabulary, phenotypes: &model.phenotypes };
    let truth = Scores::open(&world.join("truth.csv.gz")).expect("the truth");
    let labels = LabelFile::open(&world.join("labels/test.csv.gz")).expect("the labels");
    let line = labels.lines.first().expect("a row");
    let day = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(line.as_of_day);
    let some = format!("patient,as_of,coin-flip@365\n{},{day},0.2\n", line.patient);
    let beside = [("few".to_owned(), Scores::read(some.as_bytes()).expect("scores"))];
    let case = Case { truth: &truth, labels: &labels, beside: &beside, draws: 2, seed: 1 };
    let error = judge(subject, &dataset, &case, &indicatif::ProgressBar::hidden()).expect_err("must refuse");
    assert!(error.to_string().contains("few") && error.to_string().contains("coin-flip@365"), "{error}");
}

#[test]
fn two_worlds_of_one_seed_are_the_same_to_the_byte() {
    let place = tempfile::tempdir().expect("a folder");
    let bar = indicatif::ProgressBar::hidden();
    let plan = Plan { patients: 12, seed: 8, draws: 2 };
    for name in ["one", "two"] {
        plant(plan, &place.path().join(name), &bar).expect("a world");
    }
    for file in ["truth.csv.gz", "labels/test.csv.gz", "fhir/train/Observation.ndjson.zst", "planted.json"] {
        let read = |name: &str| std::fs::read(place.path().join(name).join(file)).expect("a file");
        assert_eq!(read("one"), read("two"), "{file}");
    }
    assert!(plant(plan, &place.path().join("one"), &bar).is_err(), "a world is not written over another");
}
