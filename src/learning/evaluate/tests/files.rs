//! An evaluation that reads files beside the dataset: labels made elsewhere, scores of other models, the audit's list.

use super::DRAWN;
use super::one_thing::OneThing;
use super::population::{EXPOSURE, OUTCOMES, population, vocabulary};
use crate::learning::evaluate::cohort::Draw;
use crate::learning::evaluate::labels::LabelFile;
use crate::learning::evaluate::panel::{Panel, Source, WHOLE_LIFE, gather};
use crate::learning::evaluate::report;
use crate::learning::evaluate::run::Plan;
use crate::learning::shard::{Dataset, Split, hex};
use crate::prediction::phenotype::Phenotypes;
use indicatif::ProgressBar;
use std::fmt::Write;

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
        let key = hex(&panel.keys[row.patient as usize]);
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
fn groups_by_race_are_compared_where_the_dataset_has_an_audit_list() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let mut audit = String::from("key,race,ethnicity\n");
    for patient in dataset.shards().flat_map(|shard| shard.unwrap().patients) {
        let race = if patient.key[0] % 3 == 0 { "White" } else { "Asian" };
        writeln!(audit, "{},{race},", hex(&patient.key)).unwrap();
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
