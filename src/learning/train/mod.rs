//! Training a reader: from a dataset and a TOML to weights, stoppable and resumable at any step.
//!
//! [`pupil`] says what a kind of reader adds, [`facts`] (A) and [`days`] (B) do so; [`settings`] is the TOML; [`lives`] holds the patients in memory; [`windows`] draws what an epoch reads;
//! [`targets`] says what then happened and [`left_out`] what of it is not taught; [`optimiser`] moves the weights; [`checkpoint`] keeps everything that a
//! run is made of; [`validate`] judges it; [`run`] is the loop. Nothing is drawn from a clock: a run is a function
//! of its settings and its data, and a resumed run ends with the same bits as one that was never stopped.

pub mod checkpoint;
mod days;
mod facts;
pub mod left_out;
pub mod lives;
pub mod optimiser;
mod pupil;
pub mod run;
pub mod settings;
pub mod targets;
mod trees;
pub mod validate;
pub mod windows;

#[cfg(test)]
mod tests;

pub use run::train;
pub use settings::TrainSettings;
