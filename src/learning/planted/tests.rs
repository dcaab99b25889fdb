//! That the world is what its table says: repeatable, lawful, and with effects that counts cannot see.

use super::chance::{Chance, Purpose};
use super::fhir::resources;
use super::forward::forward;
use super::hazards::{YEAR, outcomes, takes};
use super::life::Life;
use super::rows::rows;
use super::shown::{Shown, Visit};
use super::truth::outlook;
use super::world::{Drug, Finding, HORIZONS, N, OUTCOMES, Which, phenotypes};
use crate::prediction::phenotype::Phenotypes;

/// Aged sixty, seen yesterday, nothing else known.
const TODAY: i32 = 21_930;

fn plain() -> Shown {
    let mut shown = Shown::nothing(true);
    let visit = Visit { meander: 100.0, glow: 110.0, haze: None, quillamine: false, tamerol: false, idlerol: false };
    shown.see(&visit, TODAY - 1);
    shown
}

/// The risk within a year from the day after.
fn year(shown: &Shown, which: Which) -> f64 {
    outlook(shown, TODAY, 5, 200).from_day_0[0][which as usize]
}

#[test]
fn a_life_is_a_function_of_its_seed() {
    let (one, again, other) = (Life::new(1, 7), Life::new(1, 7), Life::new(2, 7));
    assert_eq!(resources(&one), resources(&again));
    assert_eq!(one.asked(1), again.asked(1));
    assert_ne!(resources(&one), resources(&other));
    assert_ne!(resources(&one), resources(&Life::new(1, 8)));
}

#[test]
fn numbers_are_even_and_normal_ones_are_normal() {
    let chance = Chance::of(&[3]);
    let n = 20_000;
    let mean = (0..n).map(|day| chance.uniform(day, Purpose::When)).sum::<f64>() / f64::from(n);
    assert!((mean - 0.5).abs() < 0.01, "{mean}");
    let normal: Vec<f64> = (0..n).map(|day| chance.normal(day, Purpose::Glow)).collect();
    let mean = normal.iter().sum::<f64>() / f64::from(n);
    let variance = normal.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
    assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    let waits = (0..n).map(|day| f64::from(chance.wait(0.02, day, Purpose::When))).sum::<f64>() / f64::from(n);
    // Whole days before the first event: 1 / (e^0.02 - 1).
    assert!((waits - 49.5).abs() < 1.5, "{waits}");
}

#[test]
fn the_definitions_are_ours_to_read() {
    let definitions = Phenotypes::parse(&phenotypes()).unwrap();
    assert_eq!(definitions.outcomes.len(), N);
    assert_eq!(definitions.horizons_days, HORIZONS.map(|days| days as u32));
    assert!(OUTCOMES.iter().all(|outcome| definitions.index(outcome.name).is_some()));
}

#[test]
fn what_happens_follows_the_hazards() {
    // Futures of one day, lived to the end and counted, against the same computed.
    let mut shown = plain();
    shown.find(Finding::ElmExposure, TODAY - 300);
    shown.find(Finding::AmberCough, TODAY - 200);
    shown.find(Finding::BlueRash, TODAY - 100);
    let (lives, mut counted) = (6_000, [0.0; N]);
    for life in 0..lives {
        let chance = Chance::of(&[11, life]);
        let mut future = shown;
        let mut first = [i32::MAX; N];
        let stretch = |from: i32, to: i32, shown: &Shown| {
            let hazards = outcomes(shown, from);
            for index in 0..N {
                let day = from.saturating_add(chance.wait_for_outcome(hazards[index] / YEAR, from, index));
                if day < to {
                    first[index] = first[index].min(day);
                }
            }
        };
        forward(&mut future, TODAY + 1, TODAY + 366, chance, stretch, |_, _, _| ());
        for index in 0..N {
            let dead = index != Which::Death as usize && first[Which::Death as usize] <= first[index];
            counted[index] += f64::from(u8::from(first[index] < i32::MAX && !dead)) / lives as f64;
        }
    }
    let computed = outlook(&shown, TODAY, 5, 400);
    for index in 0..N {
        let (truth, counted) = (computed.from_day_0[0][index], counted[index]);
        let error = (truth * (1.0 - truth) / lives as f64).sqrt() + computed.error[0][index];
        assert!((truth - counted).abs() < 4.0 * error, "{}: {truth} computed, {counted} counted", OUTCOMES[index].name);
    }
}

#[test]
fn the_truth_holds_on_the_rows_that_are_asked_about() {
    let lives: Vec<Life> = (0..250).map(|number| Life::new(4, number)).collect();
    let definitions = Phenotypes::parse(&phenotypes()).unwrap();
    let (mut expected, mut happened, mut variance) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    for row in rows(&lives, 4) {
        let truth = outlook(&row.life.shown(row.day), row.day, 4, 8);
        for (index, labels) in row.labels(&definitions).chunks(HORIZONS.len()).enumerate() {
            for (which, table) in [truth.after_gap, truth.from_day_0].iter().enumerate() {
                if let Some(label) = labels[0][which] {
                    let risk = table[0][index];
                    expected[which] += risk;
                    variance[which] += risk * (1.0 - risk);
                    happened[which] += f64::from(u8::from(label));
                }
            }
        }
    }
    for which in 0..2 {
        let (expected, happened, sd) = (expected[which], happened[which], variance[which].sqrt());
        // Rows of one patient overlap little: they are 90 days apart or more and look a year ahead.
        assert!(expected > 200.0 && (expected - happened).abs() < 6.0 * sd, "{expected} {happened} {sd}");
    }
}

#[test]
fn equal_counts_in_another_order_are_another_risk() {
    let (mut forwards, mut backwards) = (plain(), plain());
    forwards.find(Finding::AmberCough, TODAY - 200);
    forwards.find(Finding::BlueRash, TODAY - 100);
    backwards.find(Finding::BlueRash, TODAY - 200);
    backwards.find(Finding::AmberCough, TODAY - 100);
    let (forwards, backwards) = (year(&forwards, Which::Order), year(&backwards, Which::Order));
    assert!(forwards > 4.0 * backwards, "{forwards} {backwards}");
}

#[test]
fn equal_counts_at_other_times_are_another_risk() {
    let with = |days: &[i32], finding| {
        let mut shown = plain();
        days.iter().for_each(|days| shown.find(finding, TODAY - days));
        shown
    };
    let close = year(&with(&[300, 200], Finding::VioletSpell), Which::Interval);
    let apart = year(&with(&[500, 200], Finding::VioletSpell), Which::Interval);
    assert!(close > 2.0 * apart, "{close} {apart}");
    let due = year(&with(&[170], Finding::ElmExposure), Which::Echo);
    let over = year(&with(&[800], Finding::ElmExposure), Which::Echo);
    assert!(due > 3.0 * over, "{due} {over}");
}

#[test]
fn the_slope_counts_and_not_the_level() {
    let falling = |from: f64, to: f64| {
        let mut shown = plain();
        shown.meander = [(TODAY - 1, to), (TODAY - 366, from)];
        year(&shown, Which::Drift)
    };
    assert!(falling(130.0, 110.0) > 3.0 * falling(90.0, 110.0));
    assert!((falling(100.0, 100.0) / falling(104.0, 104.0) - 1.0).abs() < 0.15);
}

#[test]
fn a_drug_does_what_is_planted_and_the_other_nothing() {
    let mut shown = plain();
    shown.glow = 135.0;
    let risk = |drug: Option<Drug>| {
        let mut shown = shown;
        if let Some(drug) = drug {
            shown.start(drug, TODAY);
            assert!(takes(&shown, drug, TODAY + 1));
        }
        outlook(&shown, TODAY, 5, 200).from_day_0[0]
    };
    let (without, tamerol, idlerol) = (risk(None), risk(Some(Drug::Tamerol)), risk(Some(Drug::Idlerol)));
    let (treated, ache) = (Which::Treated as usize, Which::SideEffect as usize);
    assert!(tamerol[treated] < 0.6 * without[treated] && tamerol[ache] > 2.0 * without[ache]);
    assert_eq!(idlerol, without, "the same luck and no effect: the same figures to the last bit");
}

#[test]
fn severity_decides_who_is_treated_so_the_treated_fall_ill_more_often() {
    let lives: Vec<Life> = (0..300).map(|number| Life::new(9, number)).collect();
    let (mut glow, mut n) = ([0.0; 2], [0.0; 2]);
    for row in rows(&lives, 9) {
        let shown = row.life.shown(row.day);
        let group = usize::from(takes(&shown, Drug::Idlerol, row.day + 1));
        glow[group] += outcomes(&shown, row.day + 1)[Which::Treated as usize];
        n[group] += 1.0;
    }
    assert!(glow[1] / n[1] > 1.3 * glow[0] / n[0], "idlerol has no effect, but those who take it are at higher risk");
}

#[test]
fn rows_are_days_of_the_living_with_a_year_before_and_after() {
    for number in 0..60 {
        let life = Life::new(1, number);
        let days = life.asked(1);
        assert!(days.iter().all(|&day| f64::from(day) > 30.0 * YEAR && day >= life.start + 365));
        assert!(days.iter().all(|&day| day + 366 <= life.end && life.death.is_none_or(|death| day < death)));
        assert!(days.windows(2).all(|pair| pair[1] - pair[0] >= 90));
        assert!(life.care.iter().all(|(day, ..)| life.death.is_none_or(|death| *day < death)));
    }
}
