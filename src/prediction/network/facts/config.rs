//! The shape of reader (A) and the meaning of each of its inputs.

use crate::patient_record::timeline::Kind;
use crate::prediction::network::head::Head;
use crate::prediction::network::parameters::{Start, Weights, into};
use crate::prediction::vocabulary::{KNOTS, Number, Vocabulary};
use fused_ops::Precision;
use serde::{Deserialize, Serialize};

/// Windows of the counts, in days; the last one is the whole life.
pub const COUNT_DAYS: [i32; 4] = [90, 365, 1825, i32::MAX];
/// Half-lives (to 1/e, in days) of the two recency inputs.
pub const RECENCY_DAYS: [f32; 2] = [60.0, 730.0];
/// Corners of the hats of days since a key was last seen.
pub const SINCE_DAYS: [f32; 17] = [
    0.0, 20.0, 60.0, 120.0, 200.0, 300.0, 365.0, 430.0, 600.0, 730.0, 900.0, 1095.0, 1460.0, 1825.0, 2200.0, 3000.0,
    3650.0,
];
/// "Lately", for days with a key and for the course of a number.
pub const LATELY_DAYS: i32 = 1095;

/// Inputs of a key: counts, recencies, whether it is an open condition, days with it lately, hats of days since.
pub const PER_KEY: usize = COUNT_DAYS.len() + RECENCY_DAYS.len() + 2 + SINCE_DAYS.len();
/// Course of a number: last, last against the mean, slope, most and least lately, recency of the last.
pub const COURSE: usize = 6;
/// Years over which a number's course lately is carried on.
pub const AHEAD_YEARS: f32 = 2.0;
/// Inputs of a number: its course, hats of its last value, hats of where its course leads: who stands below a
/// threshold and climbs is another than who stands there and stays.
pub const PER_NUMBER: usize = COURSE + 2 * KNOTS;
/// Gaps between the last active days.
pub const GAPS: usize = 5;
/// Inputs of the patient: age, sex, length and density of the record, gaps.
pub const PER_PATIENT: usize = 8 + GAPS;

/// Everything that decides the shapes of reader (A)'s weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactsConfig {
    /// Width of the network's wide layer, and of the state that its head reads.
    pub wide: usize,
    pub width: usize,
    /// Rank of the factor between state and outcomes.
    pub rank: usize,
    /// Known keys and numbers of the vocabulary.
    pub keys: usize,
    pub numbers: usize,
    /// Outcomes with a name: the phenotypes; and all, with auxiliary first occurrences.
    pub named: usize,
    pub outcomes: usize,
}

impl FactsConfig {
    /// Keys with inputs of their own: the known ones, then one for the unknown of each kind.
    pub fn slots(&self) -> usize {
        self.keys + Kind::ALL.len()
    }

    /// First input of numbers, and of the patient.
    pub fn first_number(&self) -> usize {
        self.slots() * PER_KEY
    }

    pub fn first_plain(&self) -> usize {
        self.first_number() + self.numbers * PER_NUMBER
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.first_plain() + PER_PATIENT
    }

    /// The end that this reader shares with the transformer.
    pub fn head(&self) -> Head {
        Head { width: self.width, rank: self.rank, outcomes: self.outcomes, precision: Precision::F32 }
    }

    /// Says what is wrong with a shape.
    pub fn check(&self) -> Result<(), String> {
        match self.wide == 0 || self.width == 0 || self.rank == 0 || self.named > self.outcomes {
            true => Err("`wide`, `width` and `rank` must be at least 1, and named outcomes are a part of all".into()),
            false => Ok(()),
        }
    }

    /// Names, shapes and beginnings of the weights. [`SCALE`] is measured, not learned.
    pub fn weights(&self) -> Weights {
        use Start::{Normal, One, Zero};
        let Self { wide, width, .. } = *self;
        let mut all = vec![
            (LINEAR.to_owned(), vec![self.inputs(), self.outcomes], Zero),
            (STATE.to_owned(), vec![self.inputs(), wide], Normal(0.01)),
            ("wide.bias".to_owned(), vec![wide], Zero),
            ("wide.norm".to_owned(), vec![wide], One),
            ("wide.mix".to_owned(), vec![wide, wide], into(wide)),
            ("wide.mix.bias".to_owned(), vec![wide], Zero),
            ("wide.out".to_owned(), vec![width, wide], into(wide)),
            ("wide.out.bias".to_owned(), vec![width], Zero),
        ];
        all.extend(self.head().weights());
        all
    }
}

/// Weights straight from facts to outcomes: (inputs, outcomes).
pub const LINEAR: &str = "facts.linear";
/// Weights from facts to the network's wide layer: (inputs, wide).
pub const STATE: &str = "facts.state";
/// What each input is multiplied by: (inputs).
pub const SCALE: &str = "facts.scale";

/// What facts need of a vocabulary.
pub struct Words {
    /// For each known key, the condition that it ends, if it is the end of one.
    pub ends: Vec<Option<u32>>,
    pub numbers: Vec<Number>,
}

impl Words {
    /// Looks up which keys end which.
    pub fn of(vocabulary: &Vocabulary) -> Self {
        let begin = |key: &str| {
            let code = key.strip_prefix(Kind::ConditionEnd.short())?;
            vocabulary.key(&format!("{}{code}", Kind::Condition.short()))
        };
        let ends = vocabulary.keys.iter().map(|entry| begin(&entry.key)).collect();
        Self { ends, numbers: vocabulary.numbers.clone() }
    }
}
