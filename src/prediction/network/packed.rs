//! Windows of several histories packed into one batch: rows, bags of embeddings, who sees what.

use super::config::NetworkConfig;
use super::head::age_sex_row;
use super::history::{Entry, History};
use crate::prediction::vocabulary::KNOTS;
use fused_ops::{AttentionPlan, Bags, Span};
use std::sync::Arc;

/// Scalar inputs of a row: age, its square, sex, gap since the active day before, events of the day,
/// is-beginning, is-read-out, active days so far, years of history so far.
pub const SCALARS: usize = 9;

/// A window to read: the days `first..end` of a history, and the days at whose end its read-outs stand.
pub struct Asked<'a> {
    pub history: &'a History,
    pub first: usize,
    pub end: usize,
    /// Ascending.
    pub read_outs: Vec<i32>,
    /// Facts taken out of every day.
    pub without: &'a [u32],
}

impl<'a> Asked<'a> {
    /// The window that ends at `day`, reaching back as far as the context allows, with one read-out.
    pub fn at(history: &'a History, day: i32, context: usize, without: &'a [u32]) -> Self {
        let end = history.known_days(day);
        Self { history, first: end.saturating_sub(context.saturating_sub(1)), end, read_outs: vec![day], without }
    }
}

/// A batch in the network's terms. Rows of a window: beginning, days, read-outs.
pub struct Packed {
    pub plan: Arc<AttentionPlan>,
    /// (rows, SCALARS)
    pub scalars: Vec<f32>,
    /// Into the table of keys: known, then fallbacks of known keys, then of the batch's unknown ones.
    pub keys: Arc<Bags>,
    /// Into the vectors scaled by standardised numbers.
    pub numbers: Arc<Bags>,
    /// Into the knot tables.
    pub knots: Arc<Bags>,
    /// Text pieces of the batch's unknown keys, each the mean of its pieces.
    pub unknown_text: Bags,
    /// Kind of each unknown key.
    pub unknown_kind: Vec<usize>,
    /// Rows of the read-outs, in the order asked.
    pub read_outs: Vec<u32>,
    /// (read-outs, 2 AGE_HATS)
    pub age_sex: Vec<f32>,
    /// Row of each day: (window, index into `History::days`, row).
    pub day_rows: Vec<(usize, usize, usize)>,
}

/// Which keys are read through their fallback, decided per entry: code dropout in training, none otherwise.
pub type DropKey<'a> = &'a mut dyn FnMut() -> bool;

impl Packed {
    /// Packs windows. `drop_key` says for each entry whether its known key is hidden behind its text.
    pub fn new(asked: &[Asked], config: &NetworkConfig, drop_key: DropKey) -> Self {
        let mut packer = Packer::new(config);
        for (window, asked) in asked.iter().enumerate() {
            packer.window(window, asked, drop_key);
        }
        packer.finish()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.plan.visible.len()
    }
}

struct Packer<'c> {
    config: &'c NetworkConfig,
    periods: Vec<f64>,
    plan: AttentionPlan,
    packed: Packed,
    bags: [Bags; 3],
}

/// Periods of the rotary pairs: the first half turns with the index of the active day, the second with days.
fn periods(pairs: usize) -> Vec<f64> {
    let spaced = |from: f64, to: f64, n: usize| {
        (0..n).map(move |i| from * (to / from).powf(if n > 1 { i as f64 / (n - 1) as f64 } else { 0.0 }))
    };
    let by_index = pairs / 2;
    spaced(6.3, 2048.0, by_index).chain(spaced(7.0, 36_525.0, pairs - by_index)).collect()
}

impl<'c> Packer<'c> {
    fn new(config: &'c NetworkConfig) -> Self {
        let plan = AttentionPlan { heads: config.heads, spans: vec![], visible: vec![], cos: vec![], sin: vec![] };
        Self {
            config,
            periods: periods(config.head_width() / 2),
            plan,
            packed: Packed {
                plan: Arc::new(AttentionPlan { heads: 0, spans: vec![], visible: vec![], cos: vec![], sin: vec![] }),
                scalars: vec![],
                keys: Arc::default(),
                numbers: Arc::default(),
                knots: Arc::default(),
                unknown_text: Bags::new(),
                unknown_kind: vec![],
                read_outs: vec![],
                age_sex: vec![],
                day_rows: vec![],
            },
            bags: [Bags::new(), Bags::new(), Bags::new()],
        }
    }

    fn window(&mut self, number: usize, asked: &Asked, drop_key: DropKey) {
        let history = asked.history;
        let start = self.plan.visible.len();
        let unknown_base = 2 * self.config.keys + self.packed.unknown_kind.len();
        for (kind, pieces) in &history.unknown {
            let weight = 1.0 / pieces.len().max(1) as f32;
            pieces.iter().for_each(|&piece| self.packed.unknown_text.push(piece, weight));
            self.packed.unknown_text.close();
            self.packed.unknown_kind.push(*kind as usize);
        }
        let days = &history.days[asked.first..asked.end];
        let anchor = asked.read_outs.last().copied().or(days.last().map(|day| day.day)).unwrap_or(0);
        let opening = days.first().map_or(anchor, |day| day.day);
        let mut scalars = [0f32; SCALARS];
        scalars[2] = f32::from(u8::from(history.female));
        scalars[5] = 1.0;
        self.row(1, 0, opening - anchor, scalars);
        for (i, day) in days.iter().enumerate() {
            for entry in &history.entries[day.start as usize..day.end as usize] {
                if !asked.without.contains(&entry.key) {
                    self.entry(entry, unknown_base, drop_key);
                }
            }
            let before = (asked.first + i).checked_sub(1).map_or(day.day, |before| history.days[before].day);
            let mut scalars = self.person(history, day.day);
            scalars[3] = ((day.day - before) as f32).ln_1p() / 3.0;
            scalars[4] = ((day.end - day.start) as f32).ln_1p() / 2.0;
            self.packed.day_rows.push((number, asked.first + i, self.plan.visible.len()));
            self.row(i as u32 + 2, i + 1, day.day - anchor, scalars);
        }
        for &day in &asked.read_outs {
            let known = history.known_days(day).clamp(asked.first, asked.end);
            let last = known.checked_sub(1).map_or(day, |last| history.days[last].day);
            let mut scalars = self.person(history, day);
            scalars[3] = ((day - last).max(0) as f32).ln_1p() / 3.0;
            scalars[6] = 1.0;
            scalars[7] = (known as f32).ln_1p() / 5.0;
            let since_first = history.days.first().map_or(0, |first| (day - first.day).max(0));
            scalars[8] = (since_first as f32 / 365.25).ln_1p() / 3.0;
            self.packed.read_outs.push(self.plan.visible.len() as u32);
            self.packed.age_sex.extend(age_sex_row(history, day));
            let seen = known - asked.first;
            self.row(seen as u32 + 1, seen, day - anchor + 1, scalars);
        }
        let rows = self.plan.visible.len() - start;
        self.plan.spans.push(Span { start, keys: days.len() + 1, rows });
    }

    fn person(&self, history: &History, day: i32) -> [f32; SCALARS] {
        let age = history.age_years(day) / 50.0 - 1.0;
        let mut scalars = [0f32; SCALARS];
        scalars[0] = age;
        scalars[1] = age * age;
        scalars[2] = f32::from(u8::from(history.female));
        scalars
    }

    fn entry(&mut self, entry: &Entry, unknown_base: usize, drop_key: DropKey) {
        let keys = self.config.keys;
        let key = entry.key as usize;
        let row = match key.checked_sub(keys) {
            Some(unknown) => unknown_base + unknown,
            None if drop_key() => keys + key,
            None => key,
        };
        let [key_bags, number_bags, knot_bags] = &mut self.bags;
        key_bags.push(row as u32, 1.0);
        if let Some(number) = entry.number {
            number_bags.push(number.number, number.standardised);
            let knot = number.number * KNOTS as u32 + number.knot;
            knot_bags.push(knot, 1.0 - number.share);
            knot_bags.push(knot + 1, number.share);
        }
    }

    /// Closes a row: how many keys it sees, where it stands by index and by day, its scalars.
    fn row(&mut self, visible: u32, index: usize, day: i32, scalars: [f32; SCALARS]) {
        self.bags.iter_mut().for_each(Bags::close);
        self.plan.visible.push(visible);
        self.packed.scalars.extend(scalars);
        let by_index = self.periods.len() / 2;
        for (pair, period) in self.periods.iter().enumerate() {
            let place = if pair < by_index { index as f64 } else { day as f64 };
            let (sin, cos) = (place * std::f64::consts::TAU / period).sin_cos();
            self.plan.cos.push(cos as f32);
            self.plan.sin.push(sin as f32);
        }
    }

    fn finish(self) -> Packed {
        let [keys, numbers, knots] = self.bags.map(Arc::new);
        Packed { plan: Arc::new(self.plan), keys, numbers, knots, ..self.packed }
    }
}
