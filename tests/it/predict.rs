//! `prodrome predict` from files to answers: the real reader, encoder and formats around a model whose figures
//! the tests can foresee.

use prodrome::cli::predict::{Format, Predict, predict};
use prodrome::patient_record::timeline::{Second, Timeline};
use prodrome::prediction::answer::{Abstention, Answer, Oracle, Question, Reason, Reasons, Risk};
use prodrome::prediction::model::Outcome;
use prodrome::prediction::phenotype::{DEFAULT, Phenotypes, Standing};
use prodrome::prediction::vocabulary::{EncodedChart, Vocabulary, encode_timeline};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Says that the risk of every outcome is events / (events + 10); the first event is the reason.
struct Counting {
    phenotypes: Phenotypes,
    vocabulary: Vocabulary,
    outcomes: Vec<Outcome>,
}

/// One in ten within a year.
fn average(horizon_days: u32) -> f64 {
    if horizon_days <= 365 { 0.1 } else { 0.2 }
}

impl Counting {
    fn new() -> Self {
        let phenotypes = Phenotypes::parse(DEFAULT).expect("the default outcomes");
        let outcomes = phenotypes.outcomes.iter().flat_map(|(name, outcome)| {
            phenotypes.horizons_days.iter().map(move |&horizon_days| Outcome {
                phenotype: name.as_str().into(),
                title: outcome.title.clone(),
                group: outcome.group,
                horizon_days,
                alert_threshold: 0.05,
                false_alerts: Vec::new(),
                silent: (name != "type-2-diabetes").then_some(Abstention::NoSkill),
            })
        });
        let outcomes = outcomes.collect();
        Self { outcomes, phenotypes, vocabulary: Vocabulary::default() }
    }

    fn one(&self, question: &Question) -> Answer {
        let events = question.chart.events_read as f64;
        let risk = |outcome: &Outcome| {
            let index = self.phenotypes.index(&outcome.phenotype).expect("known");
            let present = question.chart.standing[index] == Standing::Present;
            Risk {
                phenotype: outcome.phenotype.clone(),
                horizon_days: outcome.horizon_days,
                risk: events / (events + 10.0),
                interval: None,
                baseline_risk: average(outcome.horizon_days),
                abstained: if present { Some(Abstention::AlreadyPresent) } else { outcome.silent },
            }
        };
        let reason = Reason { event: 0, occurrences: 1, risk_without: 0.1 };
        let reasons = question.explain.iter().take(question.max_explained).map(|explain| Reasons {
            phenotype: explain.phenotype.as_str().into(),
            horizon_days: explain.horizon_days,
            reasons: vec![reason.clone()],
        });
        Answer {
            risks: self.outcomes.iter().map(risk).collect(),
            reasons: reasons.collect(),
            pairs: Vec::new(),
            abstained: question.chart.deceased.then_some(Abstention::Deceased),
        }
    }
}

impl Oracle for Counting {
    fn encode(&self, timeline: &Timeline, as_of: Second) -> EncodedChart {
        encode_timeline(timeline, &self.vocabulary, &self.phenotypes, as_of)
    }

    fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    fn answer(&self, batch: &[Question]) -> Vec<Answer> {
        batch.iter().map(|question| self.one(question)).collect()
    }

    fn tokens(&self, question: &Question) -> usize {
        question.chart.events.len()
    }

    fn identity(&self) -> &str {
        "counting@0123456789ab"
    }
}

/// A patient with one condition a year from 2001 on.
fn resources(patient: &str, conditions: u32) -> Vec<Value> {
    let mut all =
        vec![json!({"resourceType": "Patient", "id": patient, "gender": "female", "birthDate": "1960-05-06"})];
    all.extend((1..=conditions).map(|number| {
        json!({"resourceType": "Condition", "id": format!("{patient}-c{number}"),
            "subject": {"reference": format!("Patient/{patient}")},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": format!("{}", 100_000 + number), "display": "finding"}]},
            "recordedDate": format!("{}-03-04T10:00:00Z", 2000 + number)})
    }));
    all
}

fn bundle(resources: Vec<Value>, timestamp: Option<&str>) -> String {
    let entries: Vec<Value> = resources.into_iter().map(|resource| json!({ "resource": resource })).collect();
    let mut bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    if let Some(timestamp) = timestamp {
        bundle["timestamp"] = timestamp.into();
    }
    bundle.to_string()
}

fn ndjson(resources: &[Value]) -> String {
    resources.iter().map(|resource| format!("{resource}\n")).collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn arguments(charts: &[&Path], as_of: Option<&str>, format: Format) -> Predict {
    Predict {
        model: PathBuf::new(),
        chart: charts.iter().map(|path| path.to_path_buf()).collect(),
        as_of: as_of.map(|text| text.parse::<jiff::Timestamp>().expect("an instant").as_second()),
        format,
    }
}

fn run(charts: &[&Path], as_of: Option<&str>, format: Format) -> (String, usize) {
    let model = Counting::new();
    let mut out = Vec::new();
    let failed = predict(&model, &model.phenotypes, &arguments(charts, as_of, format), &mut out).expect("written");
    (String::from_utf8(out).expect("text"), failed)
}

fn lines(charts: &[&Path], as_of: Option<&str>) -> Vec<Value> {
    let (text, failed) = run(charts, as_of, Format::Jsonl);
    assert_eq!(failed, 0, "{text}");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_line_has_the_members_of_the_contract_and_every_outcome_and_horizon() {
    let folder = Folder::new();
    let chart = folder.put("a.json", bundle(resources("p1", 5), None).as_bytes());
    let [line] = &lines(&[&chart], Some("2019-03-04T23:59:59Z"))[..] else { panic!("one line") };
    assert_eq!(line["chart"], chart.to_string_lossy().as_ref());
    assert_eq!(line["patient"], "p1");
    assert_eq!(line["as_of"], "2019-03-04T23:59:59Z");
    assert_eq!(line["events_read"], 5);
    assert_eq!(line["skipped"], 0);
    let predictions = line["predictions"].as_array().expect("a list");
    assert_eq!(predictions.len(), Counting::new().outcomes.len());
    for prediction in predictions {
        assert!(prediction["phenotype"].is_string() && prediction["horizon_days"].is_u64());
        assert!((prediction["risk"].as_f64().expect("a number") - 5.0 / 15.0).abs() < 1e-12);
        let horizon = prediction["horizon_days"].as_u64().and_then(|days| u32::try_from(days).ok()).expect("days");
        assert_eq!(prediction["baseline_risk"].as_f64(), Some(average(horizon)));
        let silent = prediction["phenotype"] != "type-2-diabetes";
        assert_eq!(prediction["abstained"], if silent { json!("no-skill") } else { Value::Null });
    }
}

#[test]
fn nothing_known_after_the_as_of_moment_is_read() {
    let folder = Folder::new();
    let chart = folder.put("a.json", bundle(resources("p1", 9), None).as_bytes());
    for (as_of, events) in [("2003-03-04T09:59:59Z", 2), ("2003-03-04T10:00:00Z", 3), ("1999-01-01T00:00:00Z", 0)] {
        assert_eq!(lines(&[&chart], Some(as_of))[0]["events_read"], events, "{as_of}");
    }
}

#[test]
fn without_as_of_the_timestamp_of_the_bundle_decides_and_else_the_time_now() {
    let folder = Folder::new();
    let stamped = folder.put("a.json", bundle(resources("p1", 9), Some("2004-06-01T12:00:00+02:00")).as_bytes());
    let line = &lines(&[&stamped], None)[0];
    assert_eq!((&line["as_of"], &line["events_read"]), (&json!("2004-06-01T10:00:00Z"), &json!(4)));
    let bare = folder.put("b.json", bundle(resources("p1", 9), None).as_bytes());
    let line = &lines(&[&bare], None)[0];
    assert!(line["as_of"].as_str() > Some("2026-") && line["events_read"] == 9, "{line}");
}

#[test]
fn every_form_and_compression_of_a_chart_gives_the_same_answer() {
    let folder = Folder::new();
    let all = resources("p1", 7);
    let (json, ndjson) = (bundle(all.clone(), None), ndjson(&all));
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("compressed");
        encoder.finish().expect("compressed")
    };
    let zstd = |text: &str| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("zstd");
        encoder.window_log(27).expect("a window of 128 MiB");
        encoder.write_all(text.as_bytes()).expect("compressed");
        encoder.finish().expect("compressed")
    };
    folder.put("1.json", json.as_bytes());
    folder.put("2.json.gz", &gzip(&json));
    folder.put("3.json.zst", &zstd(&json));
    folder.put("deep/4.ndjson", ndjson.as_bytes());
    folder.put("deep/5.ndjson.gz", &gzip(&ndjson));
    folder.put("deep/6.ndjson.zst", &zstd(&ndjson));
    folder.put(
        "7.json",
        serde_json::to_string_pretty(&serde_json::from_str::<Value>(&json).unwrap()).unwrap().as_bytes(),
    );
    folder.put("notes.txt", b"not a chart");
    let lines = lines(&[folder.path()], Some("2019-03-04T23:59:59Z"));
    assert_eq!(lines.len(), 7);
    for line in &lines {
        assert_eq!((&line["patient"], &line["events_read"]), (&json!("p1"), &json!(7)), "{}", line["chart"]);
        assert_eq!(line["predictions"], lines[0]["predictions"]);
    }
}

#[test]
fn charts_are_never_merged_across_files_and_a_file_may_hold_several_patients() {
    let folder = Folder::new();
    let two = [resources("p1", 2), resources("p2", 4)].concat();
    folder.put("a.ndjson", ndjson(&two).as_bytes());
    folder.put("b.json", bundle(resources("p1", 3), None).as_bytes());
    let seen: Vec<(String, Value, Value)> = lines(&[folder.path()], None)
        .into_iter()
        .map(|line| {
            let chart = Path::new(line["chart"].as_str().expect("a path")).file_name().expect("a name").to_owned();
            (chart.to_string_lossy().into_owned(), line["patient"].clone(), line["events_read"].clone())
        })
        .collect();
    let expected = [("a.ndjson", "p1", 2), ("a.ndjson", "p2", 4), ("b.json", "p1", 3)];
    assert_eq!(seen, expected.map(|(chart, patient, events)| (chart.to_owned(), json!(patient), json!(events))));
}

#[test]
fn what_could_not_be_used_is_counted_with_its_reason() {
    let folder = Folder::new();
    let mut all = resources("p1", 2);
    all.push(json!({"resourceType": "Condition", "id": "x", "subject": {"reference": "Patient/p1"}, "recordedDate": "2001-01-01"}));
    all.push(json!({"resourceType": "Claim", "id": "y", "patient": {"reference": "Patient/p1"}}));
    let chart = folder.put("a.ndjson", (ndjson(&all) + "{broken\n").as_bytes());
    let line = &lines(&[&chart], None)[0];
    assert_eq!(line["events_read"], 2);
    assert_eq!(line["skipped"], 3, "{}", line["skipped_reasons"]);
    assert_eq!(line["skipped_reasons"]["Condition"]["no-code"], 1, "{}", line["skipped_reasons"]);
    assert_eq!(line["skipped_reasons"]["Claim"]["type-not-read"], 1, "{}", line["skipped_reasons"]);
}

#[test]
fn a_chart_that_cannot_be_read_does_not_stop_the_others() {
    let folder = Folder::new();
    folder.put("1.json", bundle(resources("p1", 2), None).as_bytes());
    folder.put("2.json", b"{broken");
    folder.put("3.json", br#"{"resourceType":"Bundle","type":"collection","entry":[]}"#);
    folder.put("4.json.gz", &[0x1f, 0x8b, 1, 2, 3]);
    folder.put("5.json", b"");
    folder.put("6.json", bundle(resources("p6", 2), None).as_bytes());
    let missing = folder.path().join("missing.json");
    let (text, failed) = run(&[folder.path(), &missing], None, Format::Jsonl);
    assert_eq!((text.lines().count(), failed), (2, 5), "{text}");
    assert!(text.contains("\"p1\"") && text.contains("\"p6\""));
}

#[test]
fn who_has_died_or_has_the_disease_is_answered_with_a_number_and_the_reason() {
    let folder = Folder::new();
    let mut all = resources("p1", 2);
    all[1]["code"]["coding"][0]["code"] = "44054006".into();
    let living = folder.put("1.json", bundle(all.clone(), None).as_bytes());
    all[0]["deceasedDateTime"] = "2020-01-01".into();
    let dead = folder.put("2.json", bundle(all, None).as_bytes());
    let reason = |chart: &Path, phenotype: &str| {
        let line = lines(&[chart], None).remove(0);
        let list = line["predictions"].as_array().expect("a list").clone();
        let one = list.into_iter().find(|one| one["phenotype"] == phenotype).expect("it");
        assert!(one["risk"].is_f64());
        one["abstained"].clone()
    };
    assert_eq!(reason(&living, "type-2-diabetes"), "already-present");
    assert_eq!(reason(&living, "stroke"), "no-skill");
    assert_eq!(reason(&dead, "stroke"), "deceased");
}

#[test]
fn fhir_output_is_valid_r4_with_percentages_the_snomed_code_and_its_evidence() {
    let folder = Folder::new();
    let chart = folder.put("a.json", bundle(resources("p1", 5), None).as_bytes());
    let (text, failed) = run(&[&chart], Some("2019-03-04T23:59:59Z"), Format::Fhir);
    assert_eq!((text.lines().count(), failed), (1, 0));
    assert_eq!(fhir_fence::check(text.as_bytes()).expect("valid R4").resource_type, "RiskAssessment");
    let written: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(written["subject"]["reference"], "Patient/p1");
    assert_eq!(written["occurrenceDateTime"], "2019-03-04T23:59:59Z");
    assert_eq!(written["meta"]["security"][0]["code"], "AIAST");
    assert_eq!(written["basis"], json!([{"reference": "Condition/p1-c1"}]));
    let predictions = written["prediction"].as_array().expect("a list");
    let coded = |code: &str| {
        let has = |one: &&Value| {
            one["outcome"]["coding"].as_array().is_some_and(|all| all.iter().any(|coding| coding["code"] == code))
        };
        predictions.iter().find(has).unwrap_or_else(|| panic!("{code}"))
    };
    let diabetes = coded("44054006");
    assert_eq!(diabetes["outcome"]["text"], "type 2 diabetes");
    assert!(text.contains("\"probabilityDecimal\":33.3333,"), "percent, to four places");
    assert_eq!(diabetes["relativeRisk"].as_f64(), Some(3.333));
    assert_eq!(diabetes["whenPeriod"], json!({"start": "2019-03-04T23:59:59Z", "end": "2020-03-03T23:59:59Z"}));
    assert_eq!(diabetes["extension"].as_array().map(Vec::len), Some(1), "not abstained");
    assert_eq!(coded("stroke")["extension"][1]["valueCode"], "no-skill");
}

#[test]
fn a_patient_id_that_fhir_does_not_allow_fails_that_chart_alone() {
    let folder = Folder::new();
    folder.put("1.json", bundle(resources("p1", 2), None).as_bytes());
    folder.put("2.json", bundle(resources("", 2), None).as_bytes());
    let (text, failed) = run(&[folder.path()], None, Format::Fhir);
    assert_eq!((text.lines().count(), failed), (1, 1), "{text}");
}

#[test]
fn the_table_is_sorted_by_ratio_and_says_what_the_model_was_trained_on() {
    let folder = Folder::new();
    let chart = folder.put("a.json", bundle(resources("p\u{1b}[31m", 5), None).as_bytes());
    let (text, _) = run(&[&chart], Some("2019-03-04T23:59:59Z"), Format::Table);
    assert!(text.contains("type 2 diabetes") && text.contains("33.3%") && text.contains("10.0%"));
    assert!(text.contains("synthetic patients"));
    assert!(!text.contains('\u{1b}'), "a chart cannot steer the terminal");
    let rows: Vec<&str> = text.lines().filter(|line| line.contains('%')).collect();
    assert_eq!(rows.len(), Counting::new().outcomes.len());
    assert!(rows.iter().all(|row| row.chars().count() < 100), "fits a terminal");
    let ratios: Vec<f64> = rows
        .iter()
        .map(|row| {
            row.rsplit('%').next().and_then(|rest| rest.split_whitespace().next()?.parse().ok()).expect("a ratio")
        })
        .collect();
    assert!(ratios.is_sorted_by(|one, next| one >= next) && ratios[0] == 3.3 && ratios.ends_with(&[1.7]), "{ratios:?}");
}

#[test]
fn charts_beyond_one_batch_keep_their_order() {
    let folder = Folder::new();
    for number in 0..70u32 {
        folder.put(&format!("{number:03}.json"), bundle(resources(&format!("p{number}"), number % 7), None).as_bytes());
    }
    let lines = lines(&[folder.path()], None);
    let patients: Vec<String> = lines.iter().map(|line| line["patient"].as_str().unwrap_or("").to_owned()).collect();
    assert_eq!(patients, (0..70).map(|number| format!("p{number}")).collect::<Vec<_>>());
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(line["events_read"], number % 7);
    }
}
