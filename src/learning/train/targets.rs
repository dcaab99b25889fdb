//! What is to be foreseen: exposure and events of every outcome after a read-out, the codes of the next active day,
//! and how often everything happens at all.

use super::lives::Life;
use super::settings::TrainSettings;
use super::validate::moments;
use crate::prediction::network::{Asked, BIN_EDGES_DAYS, BINS, Packed};
use crate::prediction::phenotype::{Phenotypes, Standing};
use rand::Rng;
use rand::seq::IndexedRandom;

/// Exposure and events of one read-out, each `[bin * outcomes + outcome]`.
pub struct Seen {
    pub exposure: Vec<f32>,
    pub event: Vec<f32>,
}

/// What followed the end of `day`, for the phenotypes and then the auxiliary first occurrences.
///
/// A first-only outcome leaves at its first event; a recurrent one re-enters every bin, each with its own first
/// event in it. Who dies stays at risk to the administrative end: the hazard then gives the incidence of the label
/// itself, in which dying first is no event.
pub fn seen(life: &Life, phenotypes: &Phenotypes, day: i32) -> Seen {
    let outcomes = life.outcomes.len() + life.auxiliary.len();
    let mut seen = Seen { exposure: vec![0.0; BINS * outcomes], event: vec![0.0; BINS * outcomes] };
    for (index, days) in life.outcomes.iter().enumerate() {
        if phenotypes.stands(index, days, life.sex, day) == Standing::AtRisk {
            let first_only = phenotypes.outcomes[index].1.first_only;
            let happened = if first_only { &days.days[..days.days.len().min(1)] } else { &days.days[..] };
            seen.outcome(index, outcomes, happened, first_only, day, life.follow_up_end);
        }
    }
    for (index, first) in life.auxiliary.iter().enumerate() {
        if first.is_none_or(|first| first > day) {
            let happened: &[i32] = first.as_slice();
            seen.outcome(life.outcomes.len() + index, outcomes, happened, true, day, life.follow_up_end);
        }
    }
    seen
}

impl Seen {
    fn outcome(&mut self, index: usize, outcomes: usize, days: &[i32], first_only: bool, day: i32, end: i32) {
        let start = day + 1;
        let followed = end + 1 - start;
        let first = days.first().map_or(i32::MAX, |&first| first - start);
        for bin in 0..BINS {
            let (low, high) = (BIN_EDGES_DAYS[bin], BIN_EDGES_DAYS[bin + 1]);
            let event = match first_only {
                true => first,
                false => {
                    let from = days.partition_point(|&day| day - start < low);
                    days.get(from).map_or(i32::MAX, |&day| day - start)
                }
            };
            let until = high.min(followed);
            let happened = event >= low && event < until;
            let exposed = (until.min(event.max(low)) - low).max(0);
            // An event on a bin's first day leaves it without exposure; half a day stands for when it came.
            let exposed = if happened { exposed as f32 + 0.5 } else { exposed as f32 };
            let at = bin * outcomes + index;
            self.exposure[at] = exposed / (high - low) as f32;
            self.event[at] = f32::from(u8::from(happened));
        }
    }
}

/// Rows whose next active day is foreseen, and the known keys of that day.
pub fn next_days(
    packed: &Packed,
    asked: &[Asked],
    keys: usize,
    settings: &TrainSettings,
    rng: &mut impl Rng,
) -> (Vec<u32>, Vec<Vec<u32>>) {
    let wanted = asked.len() * settings.loss.next_days;
    let mut chosen: Vec<&(usize, usize, usize)> = packed.day_rows.choose_multiple(rng, wanted).collect();
    chosen.sort_unstable();
    let set = |&&(window, day, _): &&(usize, usize, usize)| {
        let history = asked[window].history;
        let day = history.days[day];
        let entries = &history.entries[day.start as usize..day.end as usize];
        entries.iter().map(|entry| entry.key).filter(|&key| (key as usize) < keys).collect()
    };
    // The row before a day's row is the one that foresees it.
    (chosen.iter().map(|&&(_, _, row)| row as u32 - 1).collect(), chosen.iter().map(set).collect())
}

/// Log base hazard of each bin and outcome, and the weight of each outcome, from one draw of index days.
pub fn base_rates(
    lives: &[Life],
    phenotypes: &Phenotypes,
    settings: &TrainSettings,
    auxiliary: usize,
) -> (Vec<f32>, Vec<f32>) {
    let named = phenotypes.outcomes.len();
    let outcomes = named + auxiliary;
    let n = BINS * outcomes;
    let (mut exposure, mut event, mut rows) = (vec![0f64; n], vec![0f64; n], 0f64);
    for moment in moments(lives, settings.data.draw(settings.data.index_days), settings.seed) {
        let seen = seen(&lives[moment.life], phenotypes, moment.day);
        exposure.iter_mut().zip(&seen.exposure).for_each(|(sum, &x)| *sum += x as f64);
        event.iter_mut().zip(&seen.event).for_each(|(sum, &x)| *sum += x as f64);
        rows += 1.0;
    }
    let rows = rows.max(1.0);
    let base = (0..n).map(|i| ((event[i] / rows + 2e-5) / (exposure[i] / rows + 1e-2)).ln().clamp(-12.0, 1.0) as f32);
    let mut weight: Vec<f64> = (0..outcomes)
        .map(|outcome| {
            let per_row: f64 = (0..BINS).map(|bin| event[bin * outcomes + outcome]).sum::<f64>() / rows;
            let share = if outcome < named { 1.0 } else { settings.loss.auxiliary as f64 };
            share * (per_row + 1e-3).powf(-settings.loss.rarity as f64)
        })
        .collect();
    let scale = named as f64 / weight[..named].iter().sum::<f64>();
    weight.iter_mut().for_each(|w| *w *= scale);
    (base.collect(), weight.into_iter().map(|w| w as f32).collect())
}
