//! A whole evaluation on a small made-up population whose truth is known.

mod files;
mod one_thing;
mod population;

use super::faithfulness::{faithfulness, page};
use super::run::{NOTICE, Plan};
use super::{plot, report, stress};
use crate::learning::shard::Split;
use crate::learning::truncate::Sent;
use crate::prediction::answer::Oracle;
use indicatif::ProgressBar;
use one_thing::OneThing;
use population::{EXPOSURE, population};
use std::collections::HashMap;

/// A plan that needs no file: index days are drawn from the test patients.
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
    let without = OneThing::new(None).without_pairs().judge(&dataset, &DRAWN).unwrap();
    assert!(without.pairs.is_empty() && !report::markdown(&without).contains("## After a discharge"));
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
