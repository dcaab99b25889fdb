//! What an epoch reads: windows of lives and the read-outs in them, a function of seed and epoch alone.

use super::lives::Life;
use super::settings::TrainSettings;
use crate::learning::truncate::{Truncation, cut};
use crate::patient_record::timeline::Kind;
use crate::prediction::network::{Asked, History};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::borrow::Cow;

/// A window of one life: the active days before its last read-out.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub life: usize,
    /// Ascending.
    pub read_outs: Vec<i32>,
    /// Draws how much of the chart arrives, as of the last read-out.
    pub arrives: u64,
}

impl Window {
    /// What the window shows of its life: all of it or, for `cut_share` of the windows, what a real call might bring.
    pub fn shown<'a>(&self, lives: &'a [Life], kinds: &[Kind], cut_share: f64) -> Cow<'a, History> {
        let history = &lives[self.life].history;
        let truncation = Truncation::draw(&mut ChaCha8Rng::seed_from_u64(self.arrives), cut_share);
        match truncation == Truncation::WHOLE {
            true => Cow::Borrowed(history),
            false => Cow::Owned(cut(history, kinds, &truncation, self.last())),
        }
    }

    /// The window as a reader of `context` rows is asked it.
    pub fn asked<'a>(&self, shown: &'a History, context: usize) -> Asked<'a> {
        Asked { read_outs: self.read_outs.clone(), ..Asked::at(shown, self.last(), context, &[]) }
    }

    fn last(&self) -> i32 {
        self.read_outs.last().copied().unwrap_or(i32::MIN)
    }
}

/// One well-mixed seed of several numbers.
pub fn seed_of(parts: [u64; 3]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |seed, part| {
        let mut z = (seed ^ part).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// The batches of an epoch: every life is read once for every `read_outs` index days it has.
pub fn epoch(lives: &[Life], settings: &TrainSettings, epoch: u64) -> Vec<Vec<Window>> {
    let mut windows = Vec::new();
    for (number, life) in lives.iter().enumerate() {
        let seed = seed_of([settings.seed, epoch, number as u64]);
        let days = life.training_days(settings.data.index_days, &settings.data, seed);
        let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(1));
        for _ in 0..days.len().div_ceil(settings.data.read_outs) {
            windows.push(draw(number, life, &days, settings, &mut rng));
        }
    }
    windows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed_of([settings.seed, epoch, u64::MAX])));
    windows.chunks(settings.schedule.batch).map(<[Window]>::to_vec).collect()
}

/// A window that ends at a random index day (later ones likelier), with earlier read-outs that still have context.
fn draw(number: usize, life: &Life, days: &[i32], settings: &TrainSettings, rng: &mut impl Rng) -> Window {
    let mut anchor = rng.random_range(0..days.len());
    if days.len() >= 4 {
        anchor = anchor.max(rng.random_range(0..days.len()));
    }
    let context = settings.network.context;
    let end = life.history.known_days(days[anchor]);
    let first = end.saturating_sub(context - 1);
    let earlier: Vec<i32> = match first {
        0 => days[..anchor].to_vec(),
        _ => {
            let least = (first + (settings.data.least_context * context as f32) as usize).min(end - 1);
            let from = life.history.days[least].day;
            days[..anchor].iter().copied().filter(|&day| day >= from).collect()
        }
    };
    let mut read_outs: Vec<i32> = earlier.choose_multiple(rng, settings.data.read_outs - 1).copied().collect();
    read_outs.push(days[anchor]);
    read_outs.sort_unstable();
    Window { life: number, read_outs, arrives: rng.random() }
}
