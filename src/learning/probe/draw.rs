//! Which training patients are labelled: a few, one index day each, half of them with the event where there are enough.
//!
//! Owns the draw and its table `draws.csv`. Draws depend on seed, outcome, horizon and patients alone, not on what else
//! is asked; within a repeat the patients of a smaller draw are among those of a larger one.

use crate::learning::evaluate::panel::{Panel, Target};
use crate::learning::shard::hex;
use anyhow::Context;
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Labelled rows of a training panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// Labels asked for; there may be fewer.
    pub labels: usize,
    pub repeat: usize,
    /// Row of the panel and whether it happened.
    pub rows: Vec<(usize, bool)>,
}

impl Draw {
    /// Labelled patients with the event.
    pub fn events(&self) -> usize {
        self.rows.iter().filter(|row| row.1).count()
    }
}

/// `TASK@DAYS`, as label columns are called.
pub fn task_name(outcome: &str, horizon_days: u32) -> String {
    format!("{outcome}@{horizon_days}")
}

/// Draws `repeats` times so many labels of one outcome within one horizon; size by size within a repeat.
pub fn draws(panel: &Panel, target: &Target, name: &str, sizes: &[usize], repeats: usize, seed: u64) -> Vec<Draw> {
    let mut by_patient: BTreeMap<u32, [Vec<usize>; 2]> = BTreeMap::new();
    for (row, label) in target.after_gap.iter().enumerate() {
        if let Some(event) = *label {
            by_patient.entry(panel.rows[row].patient).or_default()[usize::from(event)].push(row);
        }
    }
    let most = sizes.iter().copied().max().unwrap_or(0);
    let mut all = Vec::new();
    for repeat in 0..repeats {
        let seed = Sha256::new().chain_update(seed.to_le_bytes()).chain_update((repeat as u64).to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(seed.chain_update(name).finalize().into());
        let mut one_each = |event: bool, taken: &HashSet<u32>| {
            let free = by_patient.iter().filter(|(patient, _)| !taken.contains(patient));
            let mut found: Vec<(u32, usize)> = free
                .filter_map(|(&patient, rows)| Some((patient, *rows[usize::from(event)].choose(&mut rng)?)))
                .collect();
            found.shuffle(&mut rng);
            found
        };
        let mut with = one_each(true, &HashSet::new());
        with.truncate(most / 2);
        // Nobody is labelled twice: who stands for the event does not stand for its absence as well.
        let without = one_each(false, &with.iter().map(|one| one.0).collect());
        for &labels in sizes {
            let events = (labels / 2).min(with.len());
            let with = with[..events].iter().map(|one| (one.1, true));
            let without = without.iter().take(labels - events).map(|one| (one.1, false));
            all.push(Draw { labels, repeat, rows: with.chain(without).collect() });
        }
    }
    all
}

/// Writes `repeat,labels,outcome,horizon_days,patient,day,event`, patients and days as `prodrome export` names them.
pub fn write<'a>(
    path: &Path,
    panel: &Panel,
    draws: impl Iterator<Item = (&'a str, u32, &'a Draw)>,
) -> anyhow::Result<()> {
    let mut table = csv::Writer::from_path(path).with_context(|| format!("`{}` cannot be made", path.display()))?;
    table.write_record(["repeat", "labels", "outcome", "horizon_days", "patient", "day", "event"])?;
    for (outcome, horizon_days, draw) in draws {
        let (repeat, labels, horizon) = (draw.repeat.to_string(), draw.labels.to_string(), horizon_days.to_string());
        for &(row, event) in &draw.rows {
            let asked = &panel.rows[row];
            let (patient, day) = (hex(&panel.keys[asked.patient as usize]), asked.day.to_string());
            let event = if event { "1" } else { "0" };
            table.write_record([&repeat, &labels, outcome, &horizon, &patient, &day, event])?;
        }
    }
    Ok(table.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::evaluate::panel::PanelRow;
    use crate::patient_record::timeline::Sex;

    /// Patients with three rows each; the first `sick` have the event at the second and third.
    fn panel(patients: u32, sick: u32) -> (Panel, Target) {
        let rows = (0..patients * 3).map(|row| PanelRow {
            patient: row / 3,
            day: 15_000 + row as i32,
            sex: Sex::Female,
            watched_days: 2_000,
            history_days: 900,
            entries: 4,
        });
        let label = |row: u32| (!row.is_multiple_of(7)).then_some(row / 3 < sick && !row.is_multiple_of(3));
        let after_gap = (0..patients * 3).map(label).collect();
        let target = Target { outcome: 0, horizon_days: 365, after_gap, from_day_0: Vec::new(), courses: Vec::new() };
        let keys = (0..patients).map(|patient| [patient as u8; 16]).collect();
        (Panel { keys, rows: rows.collect(), ..Panel::default() }, target)
    }

    #[test]
    fn half_of_the_labelled_patients_have_the_event_and_nobody_is_labelled_twice() {
        let (panel, target) = panel(120, 60);
        for draw in draws(&panel, &target, "a@365", &[10, 50], 6, 1) {
            assert_eq!((draw.rows.len(), draw.events()), (draw.labels, draw.labels / 2));
            let patients: HashSet<u32> = draw.rows.iter().map(|row| panel.rows[row.0].patient).collect();
            assert_eq!(patients.len(), draw.labels);
            assert!(draw.rows.iter().all(|&(row, event)| target.after_gap[row] == Some(event)));
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_and_a_smaller_draw_lies_in_the_larger() {
        let (panel, target) = panel(120, 60);
        let drawn = |name: &str, seed| draws(&panel, &target, name, &[10, 50], 3, seed);
        let one = drawn("a@365", 1);
        assert_eq!(one, drawn("a@365", 1));
        assert!(one != drawn("a@365", 2) && one != drawn("b@365", 1) && one[0].rows != one[2].rows);
        for pair in one.chunks(2) {
            assert!(pair[0].rows.iter().all(|row| pair[1].rows.contains(row)));
        }
    }

    #[test]
    fn where_events_are_few_others_fill_the_draw() {
        let (panel, target) = panel(120, 8);
        let drawn = draws(&panel, &target, "a@365", &[10, 50], 1, 1);
        assert_eq!((drawn[0].events(), drawn[1].events(), drawn[1].rows.len()), (5, 8, 50));
    }
}
