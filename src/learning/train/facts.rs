//! Reader (A) as a pupil: index days one by one, time to event alone.

use super::checkpoint::Losses;
use super::lives::Life;
use super::pupil::{Lesson, Pupil};
use super::settings::TrainSettings;
use super::validate::moments;
use super::windows::{Window, seed_of};
use crate::patient_record::timeline::Kind;
use crate::prediction::network::facts::{SCALE, Words, facts, scales};
use crate::prediction::network::parameters::Weights;
use crate::prediction::network::{Asked, Facts, FactsConfig, Parameters, Reader, ReaderConfig};
use crate::prediction::vocabulary::Vocabulary;
use candle_core::{Device, Result, Tensor};
use fused_ops::hazard_loss;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::Arc;

/// Index days on which the inputs' scales are measured.
const SCALE_ROWS: usize = 20_000;

/// A reader of facts that is being trained.
pub struct FactsPupil {
    config: FactsConfig,
    words: Arc<Words>,
    kinds: Vec<Kind>,
    scale: Vec<f32>,
}

impl FactsPupil {
    /// A pupil of the settings' shape; measures the inputs' scales on training patients.
    pub fn new(settings: &TrainSettings, vocabulary: &Vocabulary, named: usize, train: &[Life]) -> Result<Self> {
        let config = FactsConfig {
            wide: settings.facts.wide,
            width: settings.facts.width,
            rank: settings.facts.rank,
            keys: vocabulary.keys.len(),
            numbers: vocabulary.numbers.len(),
            named,
            outcomes: named + vocabulary.auxiliary.len(),
        };
        config.check().map_err(candle_core::Error::msg)?;
        let words = Arc::new(Words::of(vocabulary));
        // The same for every seed, so that runs of one dataset differ by their draws alone.
        let mut when = moments(train, settings.data.draw(settings.data.index_days), 0);
        when.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
        when.truncate(SCALE_ROWS);
        let rows: Vec<_> = when
            .par_iter()
            .map(|moment| {
                let history = &train[moment.life].history;
                let asked = Asked::at(history, moment.day, usize::MAX, &[]);
                facts(&asked, moment.day, &config, &words)
            })
            .collect();
        let scale = scales(rows.iter().map(Vec::as_slice), config.inputs(), settings.facts.least_share);
        let kinds = vocabulary.keys.iter().map(|entry| entry.kind).collect();
        Ok(Self { config, words, kinds, scale })
    }

    fn network(&self, mut weights: Parameters) -> Result<Facts> {
        weights.extend(self.constants());
        Facts::learning(self.config.clone(), weights, self.words.clone())
    }
}

impl Pupil for FactsPupil {
    fn config(&self) -> ReaderConfig {
        ReaderConfig::Facts(self.config.clone())
    }

    fn weights(&self) -> Weights {
        self.config.weights()
    }

    fn constants(&self) -> Parameters {
        // Making a tensor of numbers in memory cannot fail; an empty set would be refused at the next use.
        let scale = Tensor::from_slice(&self.scale, self.scale.len(), &Device::Cpu);
        scale.into_iter().map(|scale| (SCALE.to_owned(), scale)).collect()
    }

    fn epoch(&self, lives: &[Life], settings: &TrainSettings, epoch: u64) -> Vec<Vec<Window>> {
        let mut windows = Vec::new();
        for (number, life) in lives.iter().enumerate() {
            let seed = seed_of([settings.seed, epoch, number as u64]);
            let days = life.training_days(settings.data.index_days, &settings.data, seed);
            let window = |day: i32| Window {
                life: number,
                read_outs: vec![day],
                arrives: seed_of([seed, 2, u64::from(day.cast_unsigned())]),
            };
            windows.extend(days.into_iter().map(window));
        }
        windows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed_of([settings.seed, epoch, u64::MAX])));
        windows.chunks(settings.schedule.batch).map(<[Window]>::to_vec).collect()
    }

    fn loss(&self, weights: Parameters, lesson: Lesson) -> Result<(Tensor, Losses)> {
        let Lesson { batch, lives, targets, settings, step, .. } = lesson;
        let network = self.network(weights)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed_of([settings.seed, step, 1]));
        let share = settings.dropout.facts;
        let shown: Vec<_> =
            batch.par_iter().map(|window| window.shown(lives, &self.kinds, settings.data.cut_share)).collect();
        let asked: Vec<_> = batch.iter().zip(&shown).map(|(window, shown)| window.asked(shown, usize::MAX)).collect();
        let gathered = network.gather(&asked, &mut || share > 0.0 && rng.random::<f32>() < share);
        let log_hazards = network.forward(&gathered, settings.dropout.head, seed_of([settings.seed, step, 2]))?;
        let loss = hazard_loss(&log_hazards, &Arc::new(targets))?;
        let losses = Losses::of(loss.to_scalar()?, 0.0, batch.len() as u64);
        Ok((loss, losses))
    }

    fn reader(&self, weights: Parameters) -> Result<Box<dyn Reader>> {
        Ok(Box::new(self.network(weights)?.freeze()?))
    }
}
