//! `prodrome probe` on a small planted world: an outcome left out of training, a few labels, another model beside it.

use crate::planted::make;
use prodrome::learning::evaluate::panel::gather;
use prodrome::learning::export::IndexDays;
use prodrome::learning::probe::judge::AGE_AND_SEX;
use prodrome::learning::probe::subject::Subject;
use prodrome::learning::probe::{DRAWS, Plan, Probed, Task, probe, report};
use prodrome::learning::shard::{Dataset, Split, hex};
use prodrome::learning::train::settings::{FactsShape, ReaderKind, Schedule, TrainSettings};
use prodrome::learning::train::train;
use prodrome::prediction::phenotype::Phenotypes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const OUTCOME: &str = "age-and-sex";

/// A reader of facts that was taught everything but one outcome.
fn trained(folder: &Path) -> PathBuf {
    let mut settings = TrainSettings {
        reader: ReaderKind::Facts,
        facts: FactsShape { wide: 16, width: 8, rank: 4, ..FactsShape::default() },
        schedule: Schedule { epochs: 2.0, batch: 64, validate_epochs: 1.0, ..Schedule::default() },
        ..TrainSettings::default()
    };
    (settings.data.index_days, settings.data.leave_out) = (6, vec![OUTCOME.to_owned()]);
    let definitions = std::fs::read_to_string(folder.join("world/phenotypes.toml")).expect("the definitions");
    let run = folder.join("run");
    train(&folder.join("dataset"), &definitions, &settings, &run, None).expect("a run");
    run
}

fn probed(dataset: &Dataset, run: &Path, out: &Path, beside: &[(String, PathBuf)]) -> anyhow::Result<Probed> {
    let subject = Subject::runs(&[run.to_owned()], dataset)?;
    let phenotypes = subject.asked(None, Vec::new(), &[])?;
    let plan = Plan { split: Split::Test, labels: &[6, 20], repeats: 3, beside, draws: 30, seed: 1 };
    probe(&subject, dataset, &phenotypes, &plan, out, &indicatif::ProgressBar::hidden())
}

fn judged(probed: &Probed) -> &Task {
    let enough = |task: &&Task| !task.at.is_empty();
    probed.tasks.iter().filter(enough).max_by_key(|task| task.events).expect("an outcome with events")
}

/// Labelled patients and their events by task, number of labels and repeat.
fn drawn(path: &Path) -> BTreeMap<(String, String, String), Vec<(String, String)>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in csv::Reader::from_path(path).expect("draws").records() {
        let line = line.expect("a line");
        let draw = (format!("{}@{}", &line[2], &line[3]), line[1].to_owned(), line[0].to_owned());
        all.entry(draw).or_default().push((line[4].to_owned(), line[6].to_owned()));
    }
    all
}

/// Scores of a model that knows nothing: every row the same.
fn ignorant(dataset: &Dataset, draws: &Path, out: &Path) {
    let phenotypes = Phenotypes::of(30, vec![365], Vec::new()).expect("none");
    let vocabulary = dataset.vocabulary().expect("one");
    let (source, bar) = (IndexDays::drawn(1).source(Split::Test), indicatif::ProgressBar::hidden());
    let panel = gather(dataset, &vocabulary, &phenotypes, &source, &bar, |_, _| Ok(())).expect("index days");
    let columns: Vec<String> =
        drawn(draws).keys().map(|(task, labels, repeat)| format!("{task}/{labels}/{repeat}")).collect();
    let mut text = format!("patient,day,{}\n", columns.join(","));
    for row in &panel.rows {
        let patient = hex(&panel.keys[row.patient as usize]);
        text += &format!("{patient},{}{}\n", row.day, ",0.5".repeat(columns.len()));
    }
    std::fs::write(out, text).expect("a file");
}

#[test]
fn an_outcome_that_training_left_out_is_probed_with_the_labels_that_are_written_down() {
    let place = tempfile::tempdir().expect("a folder");
    // Many enough for 20 events among the judged rows whatever days the random pseudonyms draw.
    let dataset = make(place.path(), 300);
    let run = trained(place.path());
    let out = place.path().join("probe");
    let first = probed(&dataset, &run, &out, &[]).expect("a probe");
    assert_eq!(first.left_out, [OUTCOME]);
    assert!(first.tasks.iter().all(|task| task.outcome == OUTCOME && task.taught.is_empty()));
    let task = judged(&first);
    assert_eq!(task.at.iter().map(|at| at.labels).collect::<Vec<_>>(), [6, 20]);
    assert!(task.at.iter().all(|at| at.others.len() == 1 && at.others[0].name == AGE_AND_SEX));

    // Each draw: that many patients of the training split, none twice, half with the event.
    let draws = drawn(&out.join(DRAWS));
    assert!(draws.len() >= 6);
    for ((_, labels, _), rows) in &draws {
        let patients: BTreeSet<&String> = rows.iter().map(|row| &row.0).collect();
        assert_eq!((rows.len(), patients.len()), (labels.parse().expect("a number"), rows.len()));
        assert_eq!(rows.iter().filter(|row| row.1 == "1").count() * 2, rows.len());
    }

    // Again with a model that knows nothing beside it: the same figures, and the difference is ours minus a half.
    let scores = place.path().join("scores.csv");
    ignorant(&dataset, &out.join(DRAWS), &scores);
    let again = probed(&dataset, &run, &out, &[("ignorant".to_owned(), scores.clone())]).expect("a probe");
    assert_eq!(drawn(&out.join(DRAWS)), draws);
    for (before, at) in task.at.iter().zip(&judged(&again).at) {
        assert_eq!(before.ours.auroc, at.ours.auroc);
        let [_, ignorant] = at.others.as_slice() else { panic!("{} others", at.others.len()) };
        assert!((ignorant.theirs.auroc.value - 0.5).abs() < 1e-12 && ignorant.theirs.spread < 1e-12);
        assert!((ignorant.difference.value - (at.ours.auroc.value - 0.5)).abs() < 1e-12);
    }
    let page = report::markdown(&again);
    assert!(page.contains("ignorant") && page.contains("machinery") && page.contains(OUTCOME), "{page}");

    // Scores that were made from other draws are refused.
    let text = std::fs::read_to_string(&scores).expect("the scores").replace("/20/", "/30/");
    std::fs::write(&scores, text).expect("a file");
    let error = probed(&dataset, &run, &out, &[("ignorant".to_owned(), scores)]).expect_err("must refuse");
    assert!(format!("{error:#}").contains(DRAWS), "{error:#}");
}

#[test]
fn nothing_left_out_and_nothing_named_is_an_error_that_says_what_to_name() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/prodrome-s");
    let subject = Subject::package(&package).expect("the shipped package");
    let error = subject.asked(None, Vec::new(), &[]).expect_err("must refuse");
    assert!(error.to_string().contains("--outcome"), "{error}");
    let error = subject.asked(None, Vec::new(), &["ckd-nay".to_owned()]).expect_err("must refuse");
    assert!(error.to_string().contains("ckd-nay"), "{error}");
    let known = subject.asked(None, Vec::new(), &["diabetes-any".to_owned()]).expect("one");
    assert!(subject.taught_of(&known)[0].contains(&"type-2-diabetes".to_owned()));
}
