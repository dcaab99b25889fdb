//! A clean toy world passes; each leak planted in it is found, with evidence that names no patient.

use super::checks::all;
use super::survey::Survey;
use super::{Check, Report, Severity, before_training, lint};
use crate::learning::shard::{Dataset, PatientRow, Split};
use crate::learning::toy::{dataset, events, key};
use crate::patient_record::timeline::{Kind, Sex};
use crate::prediction::phenotype::{DEFAULT, Phenotypes};
use crate::prediction::vocabulary::Fact;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// What one event is, before it has an index.
#[derive(Clone)]
struct Event {
    day: i32,
    fact: Fact,
    number: Option<f32>,
}

/// One life of the toy world.
#[derive(Clone)]
struct Toy {
    split: Split,
    follow_up_end: i32,
    death: Option<i32>,
    events: Vec<Event>,
}

fn event(day: i32, kind: Kind, code: &str) -> Event {
    let fact = Fact { kind, code: code.into(), value: None, display: format!("called {code}") };
    Event { day, fact, number: None }
}

/// Two hundred lives of visits, diagnoses, a laboratory value, chance lacerations and first kidney disease. Lives end
/// on one calendar day at different ages; one in eight has died a while before.
fn world() -> Vec<Toy> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    (0..200)
        .map(|number| {
            let follow_up_end = 28 * rng.random_range(500..900);
            let death = (number % 8 == 0).then(|| follow_up_end - rng.random_range(400..3_000));
            let last = death.unwrap_or(follow_up_end);
            let mut events = Vec::new();
            let mut day = follow_up_end - rng.random_range(4_000..9_000);
            while day <= last {
                events.push(event(day, Kind::Encounter, "AMB"));
                let code = rng.random_range(0..12);
                events.push(event(day, Kind::Condition, &format!("S:10{code}")));
                let value = rng.random_range(4.0..10.0);
                events.push(Event { number: Some(value), ..event(day, Kind::Observation, "L:4548-4") });
                if rng.random_range(0..8) == 0 {
                    events.push(event(day, Kind::Condition, "S:312608009"));
                }
                day += rng.random_range(20..200);
            }
            let split = if number % 4 == 3 { Split::Test } else { Split::Train };
            Toy { split, follow_up_end, death, events }
        })
        .collect()
}

/// Writes a world as `ingest` would.
fn written(folder: &Path, world: &[Toy]) -> Dataset {
    let (mut facts, mut patients) = (Vec::<Fact>::new(), Vec::new());
    for (number, life) in world.iter().enumerate() {
        let mut sorted = life.events.clone();
        sorted.sort_by_key(|event| event.day);
        let happening = |event: Event| {
            let fact = facts.iter().position(|known| *known == event.fact).unwrap_or_else(|| {
                facts.push(event.fact.clone());
                facts.len() - 1
            });
            (event.day, fact as u32, event.number.map(|value| (0, value)))
        };
        let events = events(sorted.into_iter().map(happening).collect());
        let sex = if number % 2 == 0 { Sex::Female } else { Sex::Male };
        let (split, follow_up_end, death) = (life.split, life.follow_up_end, life.death);
        patients.push(PatientRow { key: key(number as u16), split, sex, follow_up_end, death, events });
    }
    dataset(folder, &facts, &["%"], &patients)
}

fn looked_at(world: &[Toy]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    lint(&written(folder.path(), world), &Phenotypes::parse(DEFAULT).unwrap(), &[]).unwrap()
}

/// The world with a leak is stopped by this check and by no other; gives the evidence.
fn stopped_by(check: Check, world: &[Toy]) -> String {
    let report = looked_at(world);
    let stops: Vec<&str> = report.stops().map(|finding| finding.check.as_str()).collect();
    assert!(stops.contains(&check.as_str()) && stops.iter().all(|stop| *stop == check.as_str()), "{}", report.text());
    report.stops().flat_map(|finding| finding.evidence.clone()).collect::<Vec<_>>().join("\n")
}

/// The world with something planted in every life.
fn planted(mut plant: impl FnMut(usize, &mut Toy)) -> Vec<Toy> {
    let mut world = world();
    world.iter_mut().enumerate().for_each(|(number, life)| plant(number, life));
    world
}

fn last_day(life: &Toy) -> i32 {
    life.events.last().unwrap().day
}

#[test]
fn a_clean_world_has_no_finding() {
    let report = looked_at(&world());
    assert_eq!(report.findings, [], "{}", report.text());
    assert_eq!((report.patients, report.keys), (200, 15));
}

#[test]
fn facts_after_death_stop_a_run() {
    let world = planted(|_, life| {
        if let Some(death) = life.death {
            life.events.push(event(death + 40, Kind::Condition, "S:101"));
        }
    });
    assert!(stopped_by(Check::FutureDated, &world).contains("25 of 25 patients"));
}

#[test]
fn facts_after_the_end_of_follow_up_and_before_birth_stop_a_run() {
    let after = planted(|number, life| {
        if number == 3 {
            life.events.push(event(life.follow_up_end + 28, Kind::Condition, "S:101"));
        }
    });
    assert!(stopped_by(Check::FutureDated, &after).contains("1 of 200 patients"));
    let before = planted(|number, life| {
        if number % 50 < 1 {
            life.events.insert(0, event(-9, Kind::Condition, "S:101"));
        }
    });
    assert!(stopped_by(Check::FutureDated, &before).contains("4 of 200 patients"));
}

#[test]
fn a_field_written_at_the_end_of_the_record_stops_a_run() {
    let world = planted(|number, life| {
        if life.death.is_none() && number % 2 == 1 {
            life.events.push(event(last_day(life), Kind::Observation, "L:status"));
        }
    });
    assert!(stopped_by(Check::SnapshotField, &world).contains("`OBS|L:status`"));
}

#[test]
fn a_key_that_stands_only_from_death_on_stops_a_run() {
    let world = planted(|_, life| {
        if let Some(death) = life.death {
            life.split = Split::Train;
            life.events.push(event(death, Kind::Procedure, "S:certificate"));
        }
    });
    assert!(stopped_by(Check::SnapshotField, &world).contains("25 of 25 dead carriers"));
}

#[test]
fn an_outcome_written_the_day_after_the_visit_stops_a_run() {
    let world = planted(|_, life| {
        let visits: Vec<i32> = life.events.iter().map(|event| event.day).collect();
        // A pregnancy code on the day after every visit: whatever visit is drawn, the outcome is the next day.
        let last = last_day(life);
        life.events.extend(visits.iter().filter(|day| **day < last).map(|day| event(day + 1, Kind::Encounter, "IMP")));
    });
    assert!(stopped_by(Check::LabelOnIndexDay, &world).contains("`hospitalisation`"));
}

#[test]
fn codes_values_numbers_and_texts_that_single_out_a_patient_stop_a_run() {
    let with = |plant: &dyn Fn(usize, i32) -> Event| {
        let world = planted(|number, life| {
            let day = last_day(life) - 200;
            life.events.push(plant(number, day));
            life.events.push(plant(number, day - 100));
        });
        stopped_by(Check::Identifier, &world)
    };
    let uuid = |number, day| event(day, Kind::Device, &format!("X:0f8fad5b-d9cb-469f-a165-70867728{number:04}"));
    let evidence = with(&uuid);
    assert!(evidence.contains("200 keys of kind DEVICE look like a UUID"), "{evidence}");
    assert!(!evidence.contains("0f8fad5b"), "the identifier itself is not repeated");
    let answer = |number, day| {
        let base = event(day, Kind::Observation, "L:name");
        Event { fact: Fact { value: Some(format!("X:{number}")), ..base.fact.clone() }, ..base }
    };
    assert!(with(&answer).contains("`OBS|L:name` has 200 values among 200 carriers"));
    let number =
        |number, day| Event { number: Some(70_000.0 + number as f32), ..event(day, Kind::Observation, "L:mrn") };
    assert!(with(&number).contains("200 of 200 patients"));
}

#[test]
fn follow_up_that_ends_with_death_stops_a_run() {
    let world = planted(|_, life| {
        if let Some(death) = life.death {
            (life.follow_up_end, life.split) = (death / 28 * 28, Split::Train);
        }
    });
    assert!(stopped_by(Check::RecordEnd, &world).contains("25 of 25 dead"));
}

#[test]
fn a_visit_that_is_the_last_entry_of_the_few_silent_records_announces_nothing() {
    // Everyone has visits to the end; one life in twelve stops long before, and its last entry is a visit like any.
    let world = planted(|number, life| {
        let end = life.follow_up_end - if number % 12 == 1 { 1_000 } else { 0 };
        life.events.retain(|event| event.day < end);
        let every_year: Vec<_> = (0..8).map(|year| event(end - 5 - 365 * year, Kind::Encounter, "VISIT")).collect();
        life.events.extend(every_year.into_iter().rev());
        life.events.sort_by_key(|event| event.day);
        life.split = Split::Train;
    });
    let report = looked_at(&world);
    let found: Vec<_> = report.stops().filter(|finding| finding.check == Check::RecordEnd).collect();
    assert!(found.is_empty(), "{}", report.text());
}

#[test]
fn a_key_after_which_records_fall_silent_stops_a_run() {
    let world = planted(|number, life| {
        if life.death.is_none() && number % 5 == 1 {
            let end = life.follow_up_end - 1_000;
            life.events.retain(|event| event.day < end);
            life.split = Split::Train;
            life.events.push(event(last_day(life) + 3, Kind::Condition, "S:moved-away"));
        }
    });
    let report = looked_at(&world);
    let named =
        |check| report.stops().any(|f| f.check == check && f.evidence.iter().any(|line| line.contains("moved-away")));
    // It stands on the last day of the record too, and both are true of it.
    assert!(named(Check::RecordEnd), "{}", report.text());
}

#[test]
fn a_key_for_every_year_stops_a_run_and_one_epidemic_is_a_warning() {
    let year_of = |life: &Toy, day: i32| (life.follow_up_end - day) / 365;
    let yearly = planted(|_, life| {
        let events: Vec<i32> = life.events.iter().map(|event| event.day).collect();
        let codes: Vec<Event> = events
            .iter()
            .map(|&day| event(day, Kind::Procedure, &format!("S:form-{}", year_of(life, day))))
            .filter(|event| event.day < last_day(life) - 400)
            .collect();
        life.events.extend(codes);
    });
    assert!(stopped_by(Check::CalendarTime, &yearly).contains("S:form-7"));
    let epidemic = planted(|_, life| {
        let days: Vec<i32> = life.events.iter().map(|event| event.day).filter(|&day| year_of(life, day) == 5).collect();
        life.events.extend(days.iter().map(|&day| event(day, Kind::Condition, "S:plague")));
    });
    let report = looked_at(&epidemic);
    assert_eq!(report.stops().count(), 0, "{}", report.text());
    let warned =
        |finding: &super::Finding| finding.severity == Severity::Warning && finding.check == Check::CalendarTime;
    assert!(report.findings.iter().any(warned));
}

#[test]
fn a_number_that_counts_years_stops_a_run() {
    let world = planted(|_, life| {
        let day = last_day(life) - 28 * (life.follow_up_end % 97);
        let year = 2026.0 - (life.follow_up_end - day) as f32 / 365.25;
        life.events.push(Event { number: Some(year), ..event(day, Kind::Observation, "L:year") });
    });
    assert!(stopped_by(Check::CalendarTime, &world).contains("`OBS|L:year`"));
}

#[test]
fn the_same_life_in_two_splits_stops_a_run_even_with_moved_dates_and_gaps() {
    let mut world = world();
    for number in 0..6 {
        let mut copy = world[number].clone();
        copy.split = Split::Test;
        copy.events.iter_mut().for_each(|event| event.day -= 11);
        copy.events.remove(number);
        world.push(copy);
    }
    let evidence = stopped_by(Check::DuplicatePatient, &world);
    assert_eq!(evidence, "5 pairs in train and test", "the fourth life was a test patient already");
}

#[test]
fn a_key_that_predicts_a_negative_control_stops_a_run() {
    // On a visit that a laceration follows within half a year, and on no other.
    let world = planted(|_, life| {
        let on = |code: &str| -> Vec<i32> {
            life.events.iter().filter(|event| &*event.fact.code == code).map(|event| event.day).collect()
        };
        let (visits, lacerations) = (on("AMB"), on("S:312608009"));
        let before = |day: &&i32| lacerations.iter().any(|later| (1..180).contains(&(later - **day)));
        let knows: Vec<i32> = visits.iter().filter(before).copied().collect();
        life.events.extend(knows.iter().map(|&day| event(day, Kind::Procedure, "S:knows")));
    });
    let evidence = stopped_by(Check::NegativeControl, &world);
    assert!(evidence.contains("`laceration` after `PROC|S:knows`"), "{evidence}");
}

#[test]
fn a_run_is_stopped_with_the_remedy_and_goes_on_where_the_finding_is_accepted() {
    let (folder, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = planted(|_, life| life.events.insert(0, event(-9, Kind::Condition, "S:101")));
    written(folder.path(), &world);
    let refused = before_training(folder.path(), DEFAULT, run.path(), &[]).unwrap_err().to_string();
    assert!(refused.contains("--accept-finding future-dated"), "{refused}");
    let report = before_training(folder.path(), DEFAULT, run.path(), &[Check::FutureDated]).unwrap();
    assert!(report.findings.iter().any(|finding| finding.accepted && !finding.remedy.is_empty()));
    assert!(report.text().contains("accepted future-dated"));
    let kept = before_training(folder.path(), DEFAULT, run.path(), &[]).unwrap();
    assert_eq!(kept, report, "a resumed run is not asked again");
}

#[test]
fn a_survey_does_not_depend_on_the_order_of_lives() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
    let mut turned = world();
    turned.reverse();
    let of = |folder: &Path, world: &[Toy]| Survey::of(&written(folder, world), &phenotypes).unwrap();
    let (a, b) = (of(one.path(), &world()), of(two.path(), &turned));
    let texts = |survey: &Survey| survey.keys.iter().map(|key| key.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&a), texts(&b));
    assert_eq!(all(&a, &phenotypes), all(&b, &phenotypes));
}
