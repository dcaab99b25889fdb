//! What each kind of reader adds to the training loop: its weights, what an epoch reads, its loss.

use super::checkpoint::Losses;
use super::left_out::LeftOut;
use super::lives::Life;
use super::settings::TrainSettings;
use super::windows::Window;
use crate::prediction::network::parameters::Weights;
use crate::prediction::network::{Parameters, Reader, ReaderConfig};
use candle_core::{Result, Tensor};
use fused_ops::HazardTargets;

/// One training step's material.
pub struct Lesson<'a> {
    pub batch: &'a [Window],
    pub lives: &'a [Life],
    pub targets: HazardTargets,
    pub settings: &'a TrainSettings,
    pub left_out: &'a LeftOut,
    /// Seeds the step's random draws.
    pub step: u64,
}

/// A reader that is being trained.
pub trait Pupil {
    /// The reader's kind and shape, for who packages it.
    fn config(&self) -> ReaderConfig;

    /// Its weights and how they begin.
    fn weights(&self) -> Weights;

    /// What was measured on training patients and is kept beside the weights; nothing moves it.
    fn constants(&self) -> Parameters;

    /// The batches of an epoch, a function of seed and epoch alone.
    fn epoch(&self, lives: &[Life], settings: &TrainSettings, epoch: u64) -> Vec<Vec<Window>>;

    /// The loss of a batch, and its parts.
    fn loss(&self, weights: Parameters, lesson: Lesson) -> Result<(Tensor, Losses)>;

    /// The reader with these weights, ready to read.
    fn reader(&self, weights: Parameters) -> Result<Box<dyn Reader>>;
}
