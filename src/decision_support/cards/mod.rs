//! From an answer to cards: which outcomes are worth a clinician's attention, and in which words.
//!
//! Owns the choice (at most [`MOST_CARDS`], one for each family), the wording, the uuids. Everything that comes
//! from a chart is escaped, since EHRs draw `detail` as markdown or as raw HTML.

mod choose;
mod compose;
mod detail;
mod outlook;
pub mod wording;

#[cfg(test)]
mod tests;

pub use choose::{MOST_CARDS, choose, explain};
pub use compose::{CallSeed, CardFacts, compose};
