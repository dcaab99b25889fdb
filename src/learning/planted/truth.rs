//! The true probability of every outcome, given what the record shows at the end of a day.
//!
//! Owns the average over many futures of care. Outcomes are not drawn: since nothing follows from them, the chance of
//! each along one future of care is an integral over its hazards, death taken as the competing end, and only care is
//! left to chance. That keeps the error of the average far below that of counting.

use super::chance::Chance;
use super::forward::forward;
use super::hazards::{YEAR, outcomes};
use super::shown::Shown;
use super::world::{GAP, HORIZONS, N, OUTCOMES, Which};

/// Probabilities by horizon and outcome.
pub type Table = [[f64; N]; HORIZONS.len()];

/// The future of one patient from one day on.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// Of an event from the day after to the horizon.
    pub from_day_0: Table,
    /// Of an event after the gap and up to the horizon, for first occurrences given none in the gap.
    pub after_gap: Table,
    /// Standard error of `from_day_0` from the number of futures.
    pub error: Table,
}

/// One future of care and what it means for the outcomes.
struct Path {
    /// The chance to be alive.
    alive: f64,
    /// The chance that an outcome has not come, were there no death: from the first day, and from the end of the gap.
    none: [f64; N],
    none_after_gap: [f64; N],
    /// The chance that it has come, before death.
    come: [f64; N],
    come_after_gap: [f64; N],
    in_gap: bool,
}

impl Path {
    /// Days `from..to` pass with the hazards of `shown`.
    fn pass(&mut self, from: i32, to: i32, shown: &Shown) {
        let hazards = outcomes(shown, from);
        let days = f64::from(to - from);
        let dying = hazards[Which::Death as usize] / YEAR;
        let living = (-dying).exp();
        for (index, hazard) in hazards.iter().enumerate() {
            let coming = if index == Which::Death as usize { 0.0 } else { hazard / YEAR };
            let event = -(-coming).exp_m1();
            // Alive and without the event day after day: a geometric sum.
            let leaves = -(-(coming + dying)).exp_m1();
            let days_at_risk = if leaves > 0.0 { -(-(coming + dying) * days).exp_m1() / leaves } else { days };
            let share = self.alive * living * event * days_at_risk;
            let stays = (-coming * days).exp();
            self.come[index] += self.none[index] * share;
            self.none[index] *= stays;
            if !self.in_gap {
                self.come_after_gap[index] += self.none_after_gap[index] * share;
                self.none_after_gap[index] *= stays;
            }
        }
        self.alive *= (-dying * days).exp();
        self.come[Which::Death as usize] = 1.0 - self.alive;
    }
}

/// Looks `draws` futures ahead from the end of day `as_of`. The same seed and day give the same luck, whatever is shown.
pub fn outlook(shown: &Shown, as_of: i32, seed: u64, draws: u32) -> Outlook {
    let zero: Table = [[0.0; N]; HORIZONS.len()];
    let (mut sum, mut squares, mut after_gap, mut in_gap) = (zero, zero, zero, [0.0; N]);
    for draw in 0..draws {
        let chance = Chance::of(&[seed, u64::from(draw), as_of as u64]);
        let mut path = Path {
            alive: 1.0,
            none: [1.0; N],
            none_after_gap: [1.0; N],
            come: [0.0; N],
            come_after_gap: [0.0; N],
            in_gap: true,
        };
        let mut future = *shown;
        let first = as_of + 1;
        forward(&mut future, first, first + GAP, chance, |from, to, shown| path.pass(from, to, shown), |_, _, _| ());
        path.in_gap = false;
        let come_in_gap = path.come;
        let mut day = first + GAP;
        for (place, horizon) in HORIZONS.into_iter().enumerate() {
            let until = first + horizon;
            forward(&mut future, day, until, chance, |from, to, shown| path.pass(from, to, shown), |_, _, _| ());
            day = until;
            for index in 0..N {
                let come = path.come[index];
                sum[place][index] += come;
                squares[place][index] += come * come;
                after_gap[place][index] +=
                    if OUTCOMES[index].first_only { come - come_in_gap[index] } else { path.come_after_gap[index] };
            }
        }
        (0..N).for_each(|index| in_gap[index] += come_in_gap[index]);
    }
    let n = f64::from(draws.max(1));
    let each = |of: &dyn Fn(usize, usize) -> f64| {
        let mut table = zero;
        table.iter_mut().enumerate().for_each(|(place, row)| (0..N).for_each(|index| row[index] = of(place, index)));
        table
    };
    Outlook {
        from_day_0: each(&|place, index| sum[place][index] / n),
        after_gap: each(&|place, index| match OUTCOMES[index].first_only {
            true => after_gap[place][index] / (n - in_gap[index]).max(f64::MIN_POSITIVE),
            false => after_gap[place][index] / n,
        }),
        error: each(&|place, index| {
            let mean = sum[place][index] / n;
            ((squares[place][index] / n - mean * mean).max(0.0) / n).sqrt()
        }),
    }
}
