//! Readers of a history: what turns the days of a life into hazards.
//!
//! [`History`] is a chart ready to be read; [`Reader`] is what every kind of reader can do, so that several can
//! be averaged: [`facts`] is reader (A), a sparse additive hazard beside a small network on whole-life facts, and
//! [`transformer`] reader (B), attention over active days; both end in one [`head`]. No files, no async, no calibration.

mod block;
mod config;
pub mod facts;
pub mod head;
mod history;
mod packed;
pub mod parameters;
mod text;
pub mod transformer;
pub mod trees;

pub use config::{BIN_EDGES_DAYS, BINS, NetworkConfig, ReaderConfig};
pub use facts::{Facts, FactsConfig};
pub use history::{Day, Entry, History, NumberEntry};
pub use packed::{Asked, Packed, SCALARS};
pub use parameters::{Parameters, check_parameters, initial_parameters, transformer_weights};
pub use text::text_buckets;
pub use transformer::Transformer;
pub use trees::{Trees, TreesConfig};

/// One moment of one history, possibly with facts left out.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub history: &'a History,
    /// Everything known by the end of this day is read.
    pub day: i32,
    /// Keys whose every entry is taken out of its day.
    pub without: &'a [u32],
}

/// Hazards of every named outcome in every bin: `[bin][outcome]`, a number per bin, not per day.
pub type Hazards = Vec<Vec<f32>>;

/// A way to read a history. Readers answer for the same outcomes in the same order and can be averaged.
pub trait Reader: Send + Sync {
    /// Hazards of each reading, in order; a batch answers like its members alone.
    fn hazards(&self, readings: &[Reading]) -> candle_core::Result<Vec<Hazards>>;

    /// What the reader makes of each reading before any outcome is asked, in order: the row that its head reads. Of one
    /// width for a reader; empty for readers that have no such state. A batch answers like its members alone.
    fn states(&self, readings: &[Reading]) -> candle_core::Result<Vec<Vec<f32>>>;

    /// First-order estimate of how much each key's entries add to the summed hazard of `outcome` in the first
    /// `bins` bins: (key, change), each key once. Chooses which facts to leave out exactly.
    fn influence(&self, reading: Reading, outcome: usize, bins: usize) -> candle_core::Result<Vec<(u32, f32)>>;
}

/// The probability of at least one event within the first `bins` bins.
pub fn risk(hazards: &Hazards, outcome: usize, bins: usize) -> f64 {
    1.0 - (-hazards[..bins].iter().map(|bin| bin[outcome] as f64).sum::<f64>()).exp()
}
