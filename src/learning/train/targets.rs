//! What happened after a read-out, bin by bin: exposure and events of every outcome.

use super::lives::Life;
use crate::prediction::network::{BIN_EDGES_DAYS, BINS};
use crate::prediction::phenotype::{Phenotypes, Standing};

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
