//! A whole evaluation on a small made-up population whose truth is known.

use super::cohort::Draw;
use super::faithfulness::{faithfulness, page};
use super::labels::LabelFile;
use super::panel::{Panel, Source, WHOLE_LIFE, gather};
use super::run::{Evaluation, NOTICE, Plan, Subject, evaluate};
use super::{plot, report, stress};
use crate::learning::shard::{Dataset, EventRow, PatientRow, SHARD_FORMAT, Shard, Split};
use crate::learning::truncate::Sent;
use crate::patient_record::timeline::{Kind, Second, Sex, Timeline};
use crate::prediction::answer::{Answer, Oracle, Question, Reason, Reasons, Risk};
use crate::prediction::calibration::{AgeSexTable, Line};
use crate::prediction::false_alerts::FalseAlerts;
use crate::prediction::interval::Spread;
use crate::prediction::model::Outcome;
use crate::prediction::package::FittedPair;
use crate::prediction::pairs::KnownPair;
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::{EncodedChart, Fact, KeyEntry, Vocabulary, encode_timeline};
use indicatif::ProgressBar;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// An illness that follows an exposure, and a wound that follows nothing.
const OUTCOMES: &str = r#"
format = 1
gap_days = 30
horizons_days = [365, 1825]
[outcome.severe-anxiety]
title = "severe anxiety"
group = "disease"
rule = "condition"
codes = ["S:7"]
[outcome.laceration]
title = "laceration"
group = "control"
rule = "condition"
codes = ["S:8"]
[occasion.discharge]
title = "discharge"
rule = "discharge"
classes = ["IMP"]
[pair.anxiety-90]
title = "severe anxiety within 90 days of discharge"
occasion = "discharge"
outcome = "severe-anxiety"
within_days = 90
"#;

const EXPOSURE: &str = "COND|S:1";

/// Facts: visit, exposure, illness, wound, and the end of a stay.
fn facts() -> Vec<Fact> {
    let fact = |kind, code: &str| Fact { kind, code: code.into(), value: None, display: String::new() };
    vec![
        fact(Kind::Encounter, "AMB"),
        fact(Kind::Condition, "S:1"),
        fact(Kind::Condition, "S:7"),
        fact(Kind::Condition, "S:8"),
        fact(Kind::EncounterEnd, "IMP"),
    ]
}

/// One life from 20 to 60: visits, a stay every 200 days from 38 on, perhaps an exposure at 29, illnesses more often after it, wounds at random.
fn life(number: u16, split: Split, rng: &mut ChaCha8Rng) -> PatientRow {
    let exposed = rng.random::<bool>();
    let mut days: Vec<(i32, u32)> = (0..80).map(|visit| (20 * 365 + visit * 180, 0)).collect();
    if exposed {
        days.push((29 * 365, 1));
    }
    let often = if exposed { 0.02 } else { 0.004 };
    for month in 0..480 {
        let day = 20 * 365 + month * 30;
        if rng.random::<f64>() < often {
            days.push((day, 2));
        }
        if rng.random::<f64>() < 0.008 {
            days.push((day, 3));
        }
    }
    days.extend((0..30).map(|stay| (38 * 365 + stay * 200, 4)));
    days.sort_unstable();
    let mut before = 0;
    let events = days
        .into_iter()
        .map(|(day, fact)| {
            let event = EventRow { after_days: day - before, fact, number: None };
            before = day;
            event
        })
        .collect();
    let mut key = [0; 16];
    key[..2].copy_from_slice(&number.to_le_bytes());
    let sex = if number.is_multiple_of(2) { Sex::Female } else { Sex::Male };
    PatientRow { key, split, sex, follow_up_end: 21_900 / 28 * 28, death: None, events }
}

/// A dataset of 240 lives, half for training, with its identity list.
fn population(folder: &Path) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let patients: Vec<PatientRow> = (0..240)
        .map(|number| life(number, if number % 4 < 2 { Split::Train } else { Split::Test }, &mut rng))
        .collect();
    let mut identity = String::from("patient,key,birth_date,split\n");
    for (number, patient) in patients.iter().enumerate() {
        let key = crate::learning::shard::hex(&patient.key);
        writeln!(identity, "p{number},{key},1960-01-{:02},{}", number % 28 + 1, patient.split.as_str()).unwrap();
    }
    std::fs::write(folder.join("identity.csv"), identity).unwrap();
    std::fs::create_dir_all(folder.join("shards")).unwrap();
    let shards = patients.chunks(120).enumerate().map(|(number, patients)| {
        let shard = Shard { format: SHARD_FORMAT, facts: facts(), units: Vec::new(), patients: patients.to_vec() };
        let name = format!("{number:04}.zst");
        std::fs::write(folder.join("shards").join(&name), shard.to_bytes().unwrap()).unwrap();
        name
    });
    let dataset = Dataset {
        format: SHARD_FORMAT,
        patients: [(Split::Train, 120), (Split::Test, 120)].into(),
        events: patients.iter().map(|patient| patient.events.len() as u64).sum(),
        shards: shards.collect(),
        sha256: "0123456789abcdef".into(),
        folder: folder.to_owned(),
    };
    std::fs::write(folder.join("dataset.json"), serde_json::to_string(&dataset).unwrap()).unwrap();
    Dataset::open(folder).unwrap()
}

fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    vocabulary.keys = facts()[..4]
        .iter()
        .map(|fact| KeyEntry { key: fact.key(), kind: fact.kind, display: String::new(), patients: 100 })
        .collect();
    vocabulary.indexed()
}

/// Reads one thing from a chart: whether a key is in it (or, without a key, the age), as a risk for every outcome.
struct OneThing {
    vocabulary: Vocabulary,
    phenotypes: Phenotypes,
    outcomes: Vec<Outcome>,
    pairs: Vec<KnownPair>,
    key: Option<u32>,
}

impl OneThing {
    fn new(key: Option<&str>) -> Self {
        let (vocabulary, phenotypes) = (vocabulary(), Phenotypes::parse(OUTCOMES).unwrap());
        let outcomes = phenotypes.outcomes.iter().flat_map(|(name, phenotype)| {
            phenotypes.horizons_days.iter().map(move |&horizon_days| Outcome {
                phenotype: Arc::from(name.as_str()),
                title: phenotype.title.clone(),
                group: phenotype.group,
                horizon_days,
                alert_threshold: 0.15,
                false_alerts: vec![FalseAlerts { alpha: 0.55, threshold: Some(0.2), by_stratum: vec![Some(0.2); 4] }],
                silent: None,
            })
        });
        let outcomes = outcomes.collect();
        let key = key.map(|key| vocabulary.key(key).unwrap());
        let fitted = FittedPair {
            pair: "anxiety-90".into(),
            line: Line::UNCHANGED,
            spread: Spread { slope: 0.0, intercept: 0.0, both: 0.0 },
            baseline: AgeSexTable::fit([].into_iter()),
            silent: None,
            skill: None,
        };
        let pairs = KnownPair::new(fitted, &phenotypes).into_iter().collect();
        Self { vocabulary, phenotypes, outcomes, pairs, key }
    }

    fn risk(&self, chart: &EncodedChart) -> f64 {
        match self.key {
            Some(key) if chart.events.iter().any(|event| event.key == key) => 0.22,
            Some(_) => 0.05,
            None => f64::from(chart.as_of_day) / 365.25 / 100.0,
        }
    }

    fn judge(&self, dataset: &Dataset, plan: &Plan<'_>) -> anyhow::Result<Evaluation> {
        let subject = Subject { oracle: self, vocabulary: &self.vocabulary, phenotypes: &self.phenotypes };
        evaluate(subject, dataset, plan, &ProgressBar::hidden())
    }
}

impl Oracle for OneThing {
    fn encode(&self, timeline: &Timeline, as_of: Second) -> EncodedChart {
        encode_timeline(timeline, &self.vocabulary, &self.phenotypes, as_of)
    }

    fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    fn pairs(&self) -> &[KnownPair] {
        &self.pairs
    }

    fn pair_risks(&self, charts: &[EncodedChart]) -> Vec<Vec<Risk>> {
        let each = |chart| self.pairs.iter().map(|pair| pair.risk(chart, 50.0, self.risk(chart) / 4.0, None)).collect();
        charts.iter().map(each).collect()
    }

    fn answer(&self, batch: &[Question]) -> Vec<Answer> {
        let answer = |question: &Question| {
            let risks = self.outcomes.iter().map(|outcome| Risk {
                phenotype: outcome.phenotype.clone(),
                horizon_days: outcome.horizon_days,
                risk: self.risk(&question.chart),
                interval: None,
                baseline_risk: 0.1,
                abstained: None,
            });
            let place = question.chart.events.iter().position(|event| Some(event.key) == self.key);
            let reason = |place: usize| Reason { event: place as u32, occurrences: 1, risk_without: 0.05 };
            let reasons = question.explain.iter().take(question.max_explained).filter_map(|explain| {
                Some(Reasons {
                    phenotype: explain.phenotype.as_str().into(),
                    horizon_days: explain.horizon_days,
                    reasons: vec![reason(place?)],
                })
            });
            Answer { risks: risks.collect(), reasons: reasons.collect(), pairs: vec![], abstained: None }
        };
        batch.iter().map(answer).collect()
    }

    fn tokens(&self, question: &Question) -> usize {
        question.chart.events.len()
    }

    fn identity(&self) -> &str {
        "one-thing@0"
    }
}

const DRAWN: Plan<'static> = Plan {
    labels: None,
    train_labels: None,
    split: Split::Test,
    beside: &[],
    foreign: false,
    altered: &[],
    draws: 200,
    seed: 1,
};

#[test]
fn a_model_that_sees_the_exposure_is_above_age_and_sex_and_the_control_stays_at_chance() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let found = OneThing::new(Some(EXPOSURE)).judge(&dataset, &DRAWN).unwrap();
    assert_eq!((found.test.patients, found.training.as_ref().unwrap().patients), (120, 120));
    let headline = &found.means[0];
    assert_eq!((headline.name, headline.outcomes), ("accepted task-horizons", 1));
    assert!(headline.discrimination.above_age_sex.low > 0.05, "{headline:?}");
    let regression = headline.discrimination.regression.unwrap();
    assert!(regression.low > 0.55, "the regression sees the exposure too: {regression:?}");
    assert!(found.controls.iter().all(|control| control.holds), "{:?}", found.controls);
    // One year: 1 - 0.98^12 = 0.21 with the exposure, 0.05 without: these risks are true.
    let task = found.tasks.iter().find(|task| task.outcome == "severe-anxiety" && task.horizon_days == 365).unwrap();
    let calibration = task.calibration.as_ref().unwrap();
    assert!((calibration.slope.unwrap().value - 1.0).abs() < 0.35 && calibration.error < 0.05, "{calibration:?}");
    let utility = task.utility.as_ref().unwrap();
    assert!(utility.served.sensitivity > 0.6 && utility.served.share > 0.3);
    assert!(utility.benefits.iter().any(|one| one.above_not_looking.low > 0.0), "{:?}", utility.benefits);
    let (c, auroc) = (task.concordance.unwrap(), task.discrimination.unwrap().model);
    assert!((c.value - auroc.value).abs() < 0.05 && c.low > 0.5, "{c:?} {auroc:?}");
    let precision = task.average_precision.unwrap();
    assert!(precision.model.low > precision.prevalence, "{precision:?}");
    let lead = task.lead_time.unwrap();
    assert!(lead.alerted <= lead.patients && lead.days.unwrap().median <= 365.0, "{lead:?}");
    let apart = task.occurrences.unwrap();
    assert_eq!(
        (apart.first.events + apart.repeat.events, apart.first.rows + apart.repeat.rows),
        (task.events, task.rows)
    );
    assert!(found.calibrated[0].pooled_slope.unwrap().low < 1.2 && found.calibrated[0].good_slopes == 1);
    assert_eq!(found.subgroups.iter().take(2).map(|group| group.patients).sum::<usize>(), 120);
}

#[test]
fn a_model_of_age_alone_is_not_above_age_and_sex() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let found = OneThing::new(None).judge(&dataset, &DRAWN).unwrap();
    let above = found.means[0].discrimination.above_age_sex;
    assert!(above.low < 0.02 && above.value.abs() < 0.1, "{above:?}");
    assert!(found.means[0].discrimination.above_regression.unwrap().high < 0.0, "the regression is better");
}

#[test]
fn a_pair_is_judged_on_the_days_of_its_occasion_and_a_model_of_age_is_no_better_than_age() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let found = OneThing::new(Some(EXPOSURE)).judge(&dataset, &DRAWN).unwrap();
    let [pair] = found.pairs.as_slice() else { panic!("one pair") };
    // Twelve of thirty stays in each life; 90 days hold three months of 0.02 with the exposure, of 0.004 without.
    assert_eq!((pair.patients, pair.index_days, pair.within_days), (120, 1_440, 90));
    assert!((25..80).contains(&pair.events), "{pair:?}");
    let figures = pair.figures.as_ref().unwrap();
    assert!(figures.auroc.low > 0.55 && figures.above_age_sex.low > 0.05, "{figures:?}");
    assert!((figures.age_sex_auroc.value - 0.5).abs() < 0.1, "{figures:?}");
    assert!((0.5..2.0).contains(&figures.slope.unwrap().value) && figures.error < 0.03, "{figures:?}");
    let page = report::markdown(&found);
    let line = format!("| severe anxiety within 90 days of discharge | 120 | 1440 | {} |", pair.events);
    assert!(page.contains("## After a discharge") && page.contains(&line), "{page}");

    let of_age = OneThing::new(None).judge(&dataset, &DRAWN).unwrap();
    assert!(of_age.pairs[0].figures.as_ref().unwrap().above_age_sex.low < 0.05);
    let without = OneThing { pairs: Vec::new(), ..OneThing::new(None) }.judge(&dataset, &DRAWN).unwrap();
    assert!(without.pairs.is_empty() && !report::markdown(&without).contains("## After a discharge"));
}

/// A label file of what was drawn and labelled here.
fn written(panel: &Panel, phenotypes: &Phenotypes) -> String {
    let mut text = String::from("patient,as_of,rank");
    for target in &panel.targets {
        let name = &phenotypes.outcomes[target.outcome].0;
        write!(text, ",{name}@{},{name}@{}+0", target.horizon_days, target.horizon_days).unwrap();
    }
    text.push('\n');
    for (place, row) in panel.rows.iter().enumerate() {
        let key = panel.keys[row.patient as usize];
        let number = i32::from(u16::from_le_bytes([key[0], key[1]]));
        // 1960-01-01 is day -3653.
        let as_of =
            jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(-3653 + number % 28 + row.day)).unwrap();
        write!(text, "p{number},{as_of},0").unwrap();
        for target in &panel.targets {
            for label in [target.after_gap[place], target.from_day_0[place]] {
                write!(text, ",{}", label.map_or("", |event| if event { "1" } else { "0" })).unwrap();
            }
        }
        text.push('\n');
    }
    text
}

fn drawn(dataset: &Dataset, split: Split) -> Panel {
    let source = Source::Drawn { split, draw: Draw::even(12, WHOLE_LIFE), seed: 1 };
    let (words, outcomes) = (vocabulary(), Phenotypes::parse(OUTCOMES).unwrap());
    gather(dataset, &words, &outcomes, &source, &ProgressBar::hidden(), |_, _| Ok(())).unwrap()
}

#[test]
fn labels_from_a_file_give_what_our_own_give_and_a_planted_difference_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let phenotypes = Phenotypes::parse(OUTCOMES).unwrap();
    let panel = drawn(&dataset, Split::Test);
    let path = folder.path().join("labels.csv");
    let text = written(&panel, &phenotypes);
    std::fs::write(&path, &text).unwrap();
    let model = OneThing::new(Some(EXPOSURE));
    let ours = model.judge(&dataset, &DRAWN).unwrap();
    let theirs = model.judge(&dataset, &Plan { labels: Some(&path), ..DRAWN }).unwrap();
    assert_eq!(ours.means[0].discrimination, theirs.means[0].discrimination);
    assert!(theirs.label_agreement.values().all(|found| found.findings() == 0 && found.compared > 0));

    let (head, first) = text.split_once('\n').unwrap();
    let (first, rest) = first.split_once('\n').unwrap();
    let turned = if let Some(cells) = first.strip_suffix(",0") {
        format!("{cells},1")
    } else {
        format!("{}0", &first[..first.len() - 1])
    };
    std::fs::write(&path, format!("{head}\n{turned}\n{rest}nobody,1999-01-01,0{}\n", ",".repeat(8))).unwrap();
    let found = model.judge(&dataset, &Plan { labels: Some(&path), ..DRAWN }).unwrap();
    assert_eq!(found.label_agreement.values().map(|found| found.findings()).sum::<usize>(), 1);
    assert_eq!(found.test.lines_without_patient, 1);
    assert!(report::markdown(&found).contains("| severe-anxiety@1825+0 | "));
}

#[test]
fn a_test_patient_among_the_training_rows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let path = folder.path().join("labels.csv");
    std::fs::write(&path, written(&drawn(&dataset, Split::Train), &Phenotypes::parse(OUTCOMES).unwrap())).unwrap();
    let error = OneThing::new(None).judge(&dataset, &Plan { labels: Some(&path), ..DRAWN }).unwrap_err();
    assert!(error.to_string().contains("of the train split"), "{error}");
}

#[test]
fn the_report_says_that_the_patients_are_synthetic_and_holds_no_patient() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let found = OneThing::new(Some(EXPOSURE)).judge(&dataset, &DRAWN).unwrap();
    let page = report::markdown(&found);
    assert!(page.contains(NOTICE) && page.contains("severe anxiety * | 5 years"));
    let json = serde_json::to_string(&found).unwrap();
    let keys: HashMap<String, serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert!(keys.contains_key("means") && json.contains(NOTICE) && !json.contains("p17"));
    for picture in [plot::forest(&found), plot::reliability(&found), plot::risks(&found), plot::decision(&found)] {
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n") && picture.contains("severe anxiety"));
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let model = OneThing::new(Some(EXPOSURE));
    let json = || serde_json::to_string(&model.judge(&dataset, &DRAWN).unwrap()).unwrap();
    assert_eq!(json(), json());
}

#[test]
fn a_label_file_without_common_patients_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let path = folder.path().join("labels.csv");
    std::fs::write(&path, "patient,as_of,severe-anxiety@365\nnobody,1999-01-01,0\n").unwrap();
    assert_eq!(LabelFile::open(&path).unwrap().lines.len(), 1);
    let error = OneThing::new(None).judge(&dataset, &Plan { labels: Some(&path), ..DRAWN }).unwrap_err();
    assert!(error.to_string().contains("no patient in common"), "{error}");
}

/// Scores of a model that says `risk` for every row of the panel.
fn scored(panel: &Panel, column: &str, risk: impl Fn(usize) -> f64) -> String {
    let mut text = format!("patient,day,{column}\n");
    for (place, row) in panel.rows.iter().enumerate() {
        let key = crate::learning::shard::hex(&panel.keys[row.patient as usize]);
        writeln!(text, "{key},{},{}", row.day, risk(place)).unwrap();
    }
    text
}

#[test]
fn another_model_is_compared_on_the_same_rows_and_draws() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let panel = drawn(&dataset, Split::Test);
    let path = |name: &str| folder.path().join(name);
    // Ours turned into another scale ranks the same; a constant ranks nothing.
    let text = scored(&panel, "severe-anxiety@1825", |row| f64::from(panel.rows[row].day) * 2.0);
    std::fs::write(path("same.csv"), text).unwrap();
    std::fs::write(path("none.csv"), scored(&panel, "severe-anxiety@1825", |_| 0.5)).unwrap();
    let beside = [("same".to_owned(), path("same.csv")), ("none".to_owned(), path("none.csv"))];
    let model = OneThing::new(None);
    let found = model.judge(&dataset, &Plan { beside: &beside, ..DRAWN }).unwrap();
    let difference = |place: usize| found.beside[place].means[0].auroc.difference;
    assert_eq!((difference(0).value, difference(0).low, difference(0).high), (0.0, 0.0, 0.0));
    assert_eq!((found.beside[1].means[0].outcomes, found.beside[1].means[0].auroc.theirs.value), (1, 0.5));
    assert_eq!(difference(1).value, found.means[0].discrimination.model.value - 0.5);
    assert_eq!((found.beside[0].tasks.len(), found.beside[0].unanswered), (1, 3));
    assert!(report::markdown(&found).contains("## Beside none") && report::short(&found).contains("beside same"));

    let text = scored(&panel, "severe-anxiety@1825", |_| 0.5);
    let without_last: Vec<&str> = text.lines().take(panel.rows.len()).collect();
    std::fs::write(path("none.csv"), without_last.join("\n")).unwrap();
    let labelled = panel.targets[3].after_gap.last().unwrap().is_some();
    assert_eq!(model.judge(&dataset, &Plan { beside: &beside, ..DRAWN }).is_err(), labelled);
}

#[test]
fn altered_charts_cost_what_they_must_and_order_within_a_day_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let mut altered = stress::robustness();
    let templates = [("Condition".to_owned(), Sent::WHOLE), ("Encounter".to_owned(), Sent::WHOLE)];
    altered.extend(stress::as_prefetched(&templates));
    let plan = Plan { altered: &altered, ..DRAWN };
    let found = OneThing::new(Some(EXPOSURE)).judge(&dataset, &plan).unwrap();
    let of = |name: &str| found.stressed.iter().find(|one| one.name == name).unwrap();
    for name in ["each day in another order", "as published, every page", "other units of the same quantity"] {
        assert_eq!((of(name).largest_change, of(name).entries_left), (0.0, 1.0), "{name}");
        assert_eq!(of(name).above_whole.unwrap().high, 0.0, "{name}");
    }
    let half = of("50 % of events dropped");
    assert!(half.above_whole.unwrap().high < 0.0 && (half.entries_left - 0.5).abs() < 0.05, "{half:?}");
    // Nothing is left to tell patients apart by.
    assert!((of("without Condition").auroc.unwrap().value - 0.5).abs() < 1e-9);
    assert_eq!(of("without Encounter").largest_change, 0.0);
    assert!(of("last year").entries_left < of("last 10 years").entries_left);
    let page = report::markdown(&found);
    assert!(page.contains("### What the prefetch templates fetch") && page.contains("| last 5 years |"));
    assert!(plot::altered(&found).contains("without Condition"));
}

#[test]
fn at_another_site_nothing_is_fitted_and_the_package_says_what_is_average() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let found = OneThing::new(Some(EXPOSURE)).judge(&dataset, &Plan { foreign: true, ..DRAWN }).unwrap();
    assert!(found.training.is_none() && found.reading.unknown == 0.0 && found.reading.silent.is_empty());
    let headline = &found.means[0].discrimination;
    assert_eq!((headline.age_sex.value, headline.regression), (0.5, None), "everyone has the same average here");
    assert!(headline.model.low > 0.55 && report::markdown(&found).contains("Another site"));
}

#[test]
fn groups_by_race_are_compared_where_the_dataset_has_an_audit_list() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let mut audit = String::from("key,race,ethnicity\n");
    for patient in dataset.shards().flat_map(|shard| shard.unwrap().patients) {
        let race = if patient.key[0] % 3 == 0 { "White" } else { "Asian" };
        writeln!(audit, "{},{race},", crate::learning::shard::hex(&patient.key)).unwrap();
    }
    std::fs::write(folder.path().join("audit.csv"), audit).unwrap();
    let found = OneThing::new(Some(EXPOSURE)).judge(&dataset, &DRAWN).unwrap();
    let groups: Vec<_> = found.subgroups.iter().filter(|group| group.by == "race").collect();
    assert_eq!(groups.iter().map(|group| group.patients).sum::<usize>(), 120);
    let (asian, white) = (groups[0], groups[1]);
    assert_eq!((asian.name.as_str(), white.name.as_str()), ("Asian", "White"));
    // Two groups: each is the other's rest.
    let (here, there) = (asian.auroc_difference.unwrap().value, white.auroc_difference.unwrap().value);
    assert!((here + there).abs() < 1e-12 && asian.missed.unwrap().value < 0.6, "{asian:?}");
    assert!(!groups.iter().any(|group| group.flagged), "chance alone tells them apart");
}

#[test]
fn a_fact_that_carries_the_whole_risk_is_comprehensive_and_sufficient_and_others_are_neither() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let model = OneThing::new(Some(EXPOSURE));
    let words = (&model as &dyn Oracle, &model.vocabulary, &model.phenotypes);
    let found = faithfulness(words, &dataset, Split::Test, (40, 100, 1), &ProgressBar::hidden()).unwrap();
    assert!(found.patients == 40 && found.alerts > 40 && found.shown == 1.0, "{found:?}");
    let odds = |risk: f64| (risk / (1.0 - risk)).ln();
    let near = |estimate: &Option<super::figures::Estimate>, value: f64| {
        (estimate.as_ref().unwrap().value - value).abs() < 1e-6
    };
    assert!(near(&found.comprehensiveness, odds(0.22) - odds(0.05)) && near(&found.by_chance, 0.0), "{found:?}");
    assert!(near(&found.sufficiency, 1.0) && found.sufficiency_by_chance.as_ref().unwrap().high < 0.0, "{found:?}");
    assert_eq!((found.drivers.len(), found.drivers[0].key.as_str()), (1, EXPOSURE));
    assert!(page("one-thing@0", Split::Test, &found).contains(NOTICE));
}

#[test]
fn false_alerts_are_counted_by_patients_and_stand_beside_their_promise() {
    let folder = tempfile::tempdir().unwrap();
    let found = OneThing::new(Some(EXPOSURE)).judge(&population(folder.path()), &DRAWN).unwrap();
    // Every exposed patient alerts on every index day after the exposure, and about half are exposed.
    let promise = found.promises.iter().find(|one| one.phenotype == "laceration" && one.horizon_days == 365).unwrap();
    assert!((0.35..0.65).contains(&promise.found.value), "{promise:?}");
    assert!(promise.found.low < promise.found.value && promise.found.value < promise.found.high);
    assert_eq!(promise.by_stratum.as_ref().unwrap().value, promise.found.value, "every stratum has the same threshold");
    let anxiety =
        found.promises.iter().find(|one| one.phenotype == "severe-anxiety" && one.horizon_days == 365).unwrap();
    assert!(anxiety.caught.unwrap() > anxiety.found.value + 0.1, "{anxiety:?}");
    assert!(report::markdown(&found).contains("## False alerts: promised and found"));
}
