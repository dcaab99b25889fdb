//! The patients of a split in memory, in the network's terms, with what happened to them.

use super::settings::Data;
use crate::learning::evaluate::cohort::{Draw, drawn_index_days, eligible_days};
use crate::learning::life::ShardReader;
use crate::learning::shard::{Dataset, PatientRow, Split};
use crate::patient_record::timeline::Sex;
use crate::prediction::network::History;
use crate::prediction::phenotype::{OutcomeDays, Phenotypes};
use crate::prediction::vocabulary::Vocabulary;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// One life.
pub struct Life {
    pub history: History,
    pub sex: Sex,
    pub follow_up_end: i32,
    /// By phenotype.
    pub outcomes: Vec<OutcomeDays>,
    /// First day of each auxiliary key.
    pub auxiliary: Vec<Option<i32>>,
    visits: Vec<i32>,
    /// Days of each occasion, ascending.
    occasions: Vec<Vec<i32>>,
    row: PatientRow,
}

/// What turns shard rows into lives.
pub struct Words<'a> {
    pub vocabulary: &'a Vocabulary,
    pub phenotypes: &'a Phenotypes,
    pub text_buckets: usize,
}

/// Every life of a split, in the order of the shards.
pub fn lives(dataset: &Dataset, split: Split, words: &Words, progress: &dyn Fn(usize)) -> anyhow::Result<Vec<Life>> {
    let auxiliary: HashMap<u32, usize> = words
        .vocabulary
        .auxiliary
        .iter()
        .enumerate()
        .filter_map(|(index, key)| Some((words.vocabulary.key(key)?, index)))
        .collect();
    let mut lives = Vec::new();
    for shard in dataset.shards() {
        let shard = shard?;
        let reader = ShardReader::new(&shard, words.vocabulary, words.phenotypes);
        for row in shard.patients.iter().filter(|row| row.split == split) {
            lives.push(Life::new(row, &reader, words, &auxiliary));
            progress(lives.len());
        }
    }
    Ok(lives)
}

impl Life {
    fn new(row: &PatientRow, reader: &ShardReader, words: &Words, auxiliary: &HashMap<u32, usize>) -> Self {
        let outcomes = reader.outcome_days(row);
        let chart = reader.chart(row, &outcomes, i32::MAX);
        let mut first = vec![None; words.vocabulary.auxiliary.len()];
        for event in &chart.events {
            if let Some(&index) = auxiliary.get(&event.key) {
                first[index].get_or_insert(event.day);
            }
        }
        Self {
            history: History::new(&chart, words.vocabulary, words.text_buckets),
            sex: row.sex,
            follow_up_end: row.follow_up_end,
            outcomes,
            auxiliary: first,
            visits: reader.visit_days(row),
            occasions: reader.occasion_days(row),
            row: PatientRow { events: row.events.first().copied().into_iter().collect(), ..row.clone() },
        }
    }

    /// Its index days, ascending.
    pub fn index_days(&self, draw: Draw, seed: u64) -> Vec<i32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut days = drawn_index_days(draw, &self.row, &self.visits, &mut rng);
        days.sort_unstable();
        days
    }

    /// [`Self::index_days`] to learn from: a share of them are occasions instead, ascending, each once. Evaluation and
    /// the calibration of ordinary outcomes keep to ordinary days.
    pub fn training_days(&self, count: usize, data: &Data, seed: u64) -> Vec<i32> {
        let mut days = self.index_days(data.draw(count), seed);
        let drawn = days.len();
        let wanted = (data.occasion_share * drawn as f64).round() as usize;
        // A stream of its own: the ordinary days that stay are those that would have been drawn anyway.
        let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(2));
        let chosen = self.some_occasion_days(wanted, data.within_years, &mut rng);
        days.retain(|day| !chosen.contains(day));
        days.shuffle(&mut rng);
        days.truncate(drawn - chosen.len());
        days.extend(chosen);
        days.sort_unstable();
        days
    }

    /// The days of occasion `index` on which it can be asked about, ascending.
    pub fn occasion_days(&self, index: usize, within_years: u32) -> &[i32] {
        eligible_days(within_years, &self.row, &self.occasions[index])
    }

    /// Up to `wanted` days, the occasion drawn first, so that a frequent one does not crowd out the others.
    fn some_occasion_days(&self, wanted: usize, within_years: u32, rng: &mut impl Rng) -> Vec<i32> {
        let mut left: Vec<Vec<i32>> =
            (0..self.occasions.len()).map(|index| self.occasion_days(index, within_years).to_vec()).collect();
        let mut chosen: Vec<i32> = Vec::with_capacity(wanted);
        while chosen.len() < wanted {
            left.iter_mut().for_each(|days| days.retain(|day| !chosen.contains(day)));
            left.retain(|days| !days.is_empty());
            let Some(&day) = left.choose(rng).and_then(|days| days.choose(rng)) else { break };
            chosen.push(day);
        }
        chosen
    }
}
