//! Reader (B) as a pupil: windows of active days, time to event at its read-outs and the codes of the next day.

use super::checkpoint::Losses;
use super::lives::Life;
use super::pupil::{Lesson, Pupil};
use super::settings::{Schedule, TrainSettings};
use super::targets::next_days;
use super::windows::{Window, epoch, seed_of};
use crate::patient_record::timeline::Kind;
use crate::prediction::model::known_keys;
use crate::prediction::network::parameters::Weights;
use crate::prediction::network::transformer::{Dropout, Pass};
use crate::prediction::network::{
    NetworkConfig, Packed, Parameters, Reader, ReaderConfig, Transformer, transformer_weights,
};
use crate::prediction::vocabulary::Vocabulary;
use candle_core::{Result, Tensor};
use fused_ops::{hazard_loss, set_cross_entropy};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// A transformer that is being trained.
pub struct Days {
    config: NetworkConfig,
    keys: Vec<(usize, Vec<u32>)>,
    kinds: Vec<Kind>,
}

impl Days {
    /// A pupil of the settings' shape for a vocabulary and so many named and auxiliary outcomes.
    pub fn new(settings: &TrainSettings, vocabulary: &Vocabulary, named: usize) -> Result<Self> {
        let shape = &settings.network;
        let config = NetworkConfig {
            width: shape.width,
            layers: shape.layers,
            heads: shape.heads,
            hidden: shape.hidden,
            rank: shape.rank,
            context: shape.context,
            text_buckets: shape.text_buckets,
            text_width: shape.text_width,
            keys: vocabulary.keys.len(),
            numbers: vocabulary.numbers.len(),
            named,
            outcomes: named + vocabulary.auxiliary.len(),
        };
        config.check().map_err(candle_core::Error::msg)?;
        let keys = known_keys(vocabulary, config.text_buckets);
        let kinds = vocabulary.keys.iter().map(|entry| entry.kind).collect();
        Ok(Self { config, keys, kinds })
    }

    fn network(&self, weights: Parameters) -> Result<Transformer> {
        Transformer::new(self.config.clone(), weights, &self.keys)
    }
}

impl Pupil for Days {
    fn config(&self) -> ReaderConfig {
        ReaderConfig::Days(self.config.clone())
    }

    fn weights(&self) -> Weights {
        transformer_weights(&self.config)
    }

    fn constants(&self) -> Parameters {
        Parameters::new()
    }

    fn epoch(&self, lives: &[Life], settings: &TrainSettings, number: u64) -> Vec<Vec<Window>> {
        epoch(lives, settings, number)
    }

    fn loss(&self, weights: Parameters, lesson: Lesson) -> Result<(Tensor, Losses)> {
        let Lesson { batch, lives, targets, settings, left_out, step } = lesson;
        let network = self.network(weights)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed_of([settings.seed, step, 1]));
        let shown: Vec<_> =
            batch.iter().map(|window| window.shown(lives, &self.kinds, settings.data.cut_share)).collect();
        let context = self.config.context;
        let asked: Vec<_> = batch.iter().zip(&shown).map(|(window, shown)| window.asked(shown, context)).collect();
        let hidden = settings.dropout.keys;
        let packed = Packed::new(&asked, &self.config, &mut || rng.random::<f32>() < hidden);
        let (after, mut sets) = next_days(&packed, &asked, self.config.keys, settings, &mut rng);
        sets.iter_mut().for_each(|set| set.retain(|&key| !left_out.has_key(key)));
        let dropout = Dropout {
            blocks: settings.dropout.blocks,
            head: settings.dropout.head,
            seed: seed_of([settings.seed, step, 2]),
        };
        let Schedule { precision, recompute, .. } = settings.schedule;
        let (output, logits) = network.forward(&packed, &after, Pass { dropout, precision, recompute })?;
        let hazard = hazard_loss(&output.log_hazards, &Arc::new(targets))?;
        let next = set_cross_entropy(&logits, &Arc::new(sets))?;
        let loss = (&hazard + (&next * settings.loss.next_day as f64)?)?;
        Ok((loss, Losses::of(hazard.to_scalar()?, next.to_scalar()?, packed.rows() as u64)))
    }

    fn reader(&self, weights: Parameters) -> Result<Box<dyn Reader>> {
        Ok(Box::new(self.network(weights)?.freeze()?))
    }
}
