//! How well a few labels and the state tell who will have an outcome, and how well the same labels do elsewhere.
//!
//! Owns the probe of one outcome within one horizon: a ridge regression on each draw of labels, AUROC on every row of
//! the judged split averaged over repeats, and paired differences over the same draws of whole patients. Labels of the
//! judged split are looked at here only.

use super::draw::Draw;
use super::ridge::{Covariance, choose, fit};
use super::states::{PLAIN, States};
use crate::learning::evaluate::beside::{Drawn, Scores};
use crate::learning::evaluate::figures::Estimate;
use crate::learning::evaluate::metrics::Ranking;
use crate::learning::evaluate::panel::{Panel, Target};
use anyhow::Context;
use rayon::prelude::*;
use serde::Serialize;

/// What is always compared with: the same regression without the state.
pub const AGE_AND_SEX: &str = "age and sex";
/// Prior variances of the log odds: of the constant, and of age and sex on their scales.
const CONSTANT: f64 = 4.0;
const OF_PLAIN: f64 = 1.0;

/// Rows with their states, and draws of whole patients.
pub struct Case<'a> {
    pub train: &'a States,
    pub states: &'a States,
    pub panel: &'a Panel,
    pub others: &'a [Scores],
    /// `[draw][patient]`
    pub patients: &'a [Vec<u16>],
}

/// Mean AUROC over repeats with the middle 95 % of draws of patients, and its standard deviation over repeats.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    pub auroc: Estimate,
    pub spread: f64,
}

/// Another model with the same labels.
#[derive(Clone, Debug, Serialize)]
pub struct Other {
    pub name: String,
    pub theirs: Figure,
    /// Ours − theirs.
    pub difference: Estimate,
}

/// One number of labels.
#[derive(Clone, Debug, Serialize)]
pub struct At {
    pub labels: usize,
    /// Labelled patients, and those with the event, on average: fewer than asked for where there are no more.
    pub labelled: f64,
    pub events: f64,
    pub ours: Figure,
    pub others: Vec<Other>,
}

/// One outcome and horizon by numbers of labels, with the draws behind each comparison: `drawn[size][other]`.
pub struct Judged {
    pub at: Vec<At>,
    pub drawn: Vec<Vec<Drawn>>,
}

/// Probes one task. `None` without both events and others among the judged rows.
pub fn judge(case: &Case<'_>, target: &Target, name: &str, draws: &[Draw]) -> anyhow::Result<Option<Judged>> {
    let labels = target.after_gap.iter().enumerate();
    let (rows, events): (Vec<usize>, Vec<bool>) = labels.filter_map(|(row, label)| Some((row, (*label)?))).unzip();
    let rows = Rows { rows, events };
    let ranked = |draw: &Draw| rows.ranked(case, name, draw);
    let ranked: Vec<Vec<Ranking>> = draws.par_iter().map(ranked).collect::<anyhow::Result<_>>()?;
    let mut sizes: Vec<usize> = draws.iter().map(|draw| draw.labels).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let (mut at, mut drawn) = (Vec::new(), Vec::new());
    for labels in sizes {
        let same: Vec<(&Draw, &Vec<Ranking>)> =
            draws.iter().zip(&ranked).filter(|(draw, _)| draw.labels == labels).collect();
        let Some((figures, pairs)) = rows.compared(case, &same) else { return Ok(None) };
        let mean = |of: fn(&Draw) -> usize| {
            same.iter().map(|(draw, _)| of(draw) as f64).sum::<f64>() / same.len().max(1) as f64
        };
        let names = std::iter::once(AGE_AND_SEX).chain(case.others.iter().map(|other| other.name.as_str()));
        let mut others = Vec::new();
        for ((name, pair), theirs) in names.zip(&pairs).zip(&figures[1..]) {
            let Some(difference) = pair.pair().map(|pair| pair.difference) else { return Ok(None) };
            others.push(Other { name: name.to_owned(), theirs: *theirs, difference });
        }
        let (labelled, events) = (mean(|draw| draw.rows.len()), mean(Draw::events));
        at.push(At { labels, labelled, events, ours: figures[0], others });
        drawn.push(pairs);
    }
    Ok(Some(Judged { at, drawn }))
}

/// Judged rows with a label.
struct Rows {
    rows: Vec<usize>,
    events: Vec<bool>,
}

impl Rows {
    /// The rows ranked by each model that was fitted on one draw: ours, age and sex, the others.
    fn ranked(&self, case: &Case<'_>, name: &str, draw: &Draw) -> anyhow::Result<Vec<Ranking>> {
        let [ours, age_sex] = probes(case.train, draw).context("a regression on these labels has no answer")?;
        let of = |probe: &Probe| self.rows.iter().map(|&row| probe.log_odds(case.states.row(row))).collect::<Vec<_>>();
        let mut ranked = vec![Ranking::new(&self.events, &of(&ours)), Ranking::new(&self.events, &of(&age_sex))];
        let column = format!("{name}/{}/{}", draw.labels, draw.repeat);
        for other in case.others {
            let asked = self.rows.iter().map(|&row| {
                let row = &case.panel.rows[row];
                (case.panel.keys[row.patient as usize], row.day)
            });
            let scores = other.column(&column, asked).with_context(|| other.name.clone())?.with_context(|| {
                format!("`{}` has no column {column}; was it trained on the draws.csv of these settings?", other.name)
            })?;
            ranked.push(Ranking::new(&self.events, &scores));
        }
        Ok(ranked)
    }

    /// Figures of every model, and our draws beside each of the others'.
    fn compared(&self, case: &Case<'_>, same: &[(&Draw, &Vec<Ranking>)]) -> Option<(Vec<Figure>, Vec<Drawn>)> {
        let models = case.others.len() + 2;
        let mean = |model: usize, weight: &dyn Fn(usize) -> f64| -> Option<f64> {
            let each = same.iter().map(|(_, ranked)| ranked[model].auroc(weight));
            Some(each.collect::<Option<Vec<f64>>>()?.iter().sum::<f64>() / same.len() as f64)
        };
        let all =
            |weight: &dyn Fn(usize) -> f64| (0..models).map(|model| mean(model, weight)).collect::<Option<Vec<f64>>>();
        let here = all(&|_| 1.0)?;
        let patient = |row: usize| case.panel.rows[self.rows[row]].patient as usize;
        let draws: Vec<Option<Vec<f64>>> =
            case.patients.par_iter().map(|times| all(&|row| f64::from(times[patient(row)]))).collect();
        let beside = |model: usize| Drawn {
            here: (here[0], here[model]),
            draws: draws.iter().map(|draw| draw.as_ref().map(|of| (of[0], of[model]))).collect(),
        };
        let figure = |model: usize| {
            let by_repeat: Option<Vec<f64>> = same.iter().map(|(_, ranked)| ranked[model].auroc(|_| 1.0)).collect();
            Some(Figure { auroc: beside(model).pair()?.theirs, spread: deviation(&by_repeat?) })
        };
        Some(((0..models).map(figure).collect::<Option<_>>()?, (1..models).map(beside).collect()))
    }
}

fn deviation(numbers: &[f64]) -> f64 {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt()
}

/// Weights on the state and on age and sex. The constant is left out: it changes no order.
struct Probe {
    state: Vec<f32>,
    plain: [f32; PLAIN],
}

impl Probe {
    fn log_odds(&self, (state, plain): (&[f32], &[f32; PLAIN])) -> f64 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        f64::from(dot(&self.state, state) + dot(&self.plain, plain))
    }

    /// Weights from an answer in the space of rows.
    fn of(rows: &[(&[f32], &[f32; PLAIN])], dual: &[f64], strength: f64) -> Self {
        let width = rows.first().map_or(0, |row| row.0.len());
        let per_number = strength / width.max(1) as f64;
        let sum = |of: &dyn Fn(usize) -> f32| {
            dual.iter().enumerate().map(|(row, dual)| dual * f64::from(of(row))).sum::<f64>()
        };
        let state = (0..width).map(|place| (per_number * sum(&|row| rows[row].0[place])) as f32).collect();
        Self { state, plain: std::array::from_fn(|place| (OF_PLAIN * sum(&|row| rows[row].1[place])) as f32) }
    }
}

/// The probe of a draw, and the same without the state.
fn probes(train: &States, draw: &Draw) -> Option<[Probe; 2]> {
    let rows: Vec<_> = draw.rows.iter().map(|row| train.row(row.0)).collect();
    let events: Vec<bool> = draw.rows.iter().map(|row| row.1).collect();
    let between = |of: &dyn Fn(usize, usize) -> f64| -> Covariance {
        (0..rows.len()).flat_map(|a| (0..rows.len()).map(move |b| (a, b))).map(|(a, b)| of(a, b)).collect()
    };
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let state = between(&|a, b| dot(rows[a].0, rows[b].0) / train.width as f64);
    let plain = between(&|a, b| CONSTANT + OF_PLAIN * dot(rows[a].1, rows[b].1));
    let ours = choose(&state, &plain, &events)?;
    let age_sex = fit(&plain, &events)?;
    Some([Probe::of(&rows, &ours.fit.dual, ours.strength), Probe::of(&rows, &age_sex.dual, 0.0)])
}
