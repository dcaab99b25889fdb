//! One model held against the truth, for one outcome within one horizon.
//!
//! Owns the rows of that comparison: ranking stands on rows with a label after the gap, calibration on every row whose
//! truth is known. A model that has answered only some of the rows is refused: on rows that it chose, it would be
//! flattered.

use super::asked::Asked;
use super::scores::{Scores, column_name};
use crate::learning::evaluate::labels::{Column, LabelFile};
use crate::learning::evaluate::metrics::{Ranking, interval};
use crate::prediction::model::Outcome;
use anyhow::{Context, bail};
use serde::Serialize;

/// What was found of one model.
#[derive(Clone, Debug, Serialize)]
pub struct Held {
    pub name: String,
    /// `None` where the model has no such outcome, or nothing happened.
    pub auroc: Option<f64>,
    /// AUROC minus the limit, with the middle 95 % of draws of patients.
    pub from_limit: Option<f64>,
    pub interval: Option<(f64, f64)>,
    /// Mean absolute distance between the risk and the true one: from the index day, or after the gap where the model
    /// has only that.
    pub calibration_error: Option<f64>,
    /// Mean of risk minus true probability.
    pub bias: Option<f64>,
    /// Per draw, AUROC minus the limit.
    #[serde(skip)]
    pub drawn: Vec<Option<f64>>,
}

/// A row with its label and its true probability after the gap.
struct Ranked<'a> {
    row: &'a Asked,
    event: bool,
    truth: f64,
}

/// The rows of one outcome within one horizon.
pub struct Trial<'a> {
    truth: &'a Scores,
    rows: &'a [Asked],
    ranked: Vec<Ranked<'a>>,
    events: Vec<bool>,
    limit: Ranking,
    /// Columns after the gap and from the index day.
    gap: String,
    served: String,
}

impl<'a> Trial<'a> {
    /// Finds the rows.
    pub fn new(outcome: &Outcome, truth: &'a Scores, labels: &LabelFile, rows: &'a [Asked]) -> anyhow::Result<Self> {
        let (name, horizon_days) = (outcome.phenotype.to_string(), outcome.horizon_days);
        let column = |from_day_0| Column { outcome: name.clone(), horizon_days, from_day_0 };
        let (gap, served) = (column_name(&column(false)), column_name(&column(true)));
        let place = labels.columns.iter().position(|known| *known == column(false));
        let place = place.with_context(|| format!("the labels have no column `{gap}`"))?;
        let ranked: Vec<Ranked<'a>> = rows
            .iter()
            .filter_map(|row| {
                let event = labels.lines[row.line].cells[place]?;
                Some(Ranked { row, event, truth: truth.get(&row.who, &gap)? })
            })
            .collect();
        let events: Vec<bool> = ranked.iter().map(|row| row.event).collect();
        let limit = Ranking::new(&events, &ranked.iter().map(|row| row.truth).collect::<Vec<f64>>());
        Ok(Self { truth, rows, ranked, events, limit, gap, served })
    }

    /// Rows at risk after the gap, followed up; and how many of them had the event.
    pub fn counts(&self) -> (usize, usize) {
        (self.ranked.len(), self.events.iter().filter(|&&event| event).count())
    }

    /// Mean true probability after the gap.
    pub fn true_mean(&self) -> f64 {
        self.ranked.iter().map(|row| row.truth).sum::<f64>() / self.ranked.len().max(1) as f64
    }

    /// AUROC of the true probability; `None` without both events and others.
    pub fn limit(&self) -> Option<f64> {
        self.limit.auroc(|_| 1.0)
    }

    /// Holds the asked model against the truth: its risks stand in the rows at `place`.
    pub fn ours(&self, place: usize, draws: &[Vec<u16>]) -> anyhow::Result<Held> {
        let risk = |row: &Asked| Some(row.risks[place]);
        self.hold("ours", &risk, &self.served, &risk, draws)
    }

    /// Holds another model against it.
    pub fn other(&self, name: &str, scores: &Scores, draws: &[Vec<u16>]) -> anyhow::Result<Held> {
        let served = if scores.has(&self.served) { &self.served } else { &self.gap };
        self.hold(name, &|row| scores.get(&row.who, &self.gap), served, &|row| scores.get(&row.who, served), draws)
    }

    /// `ranks` orders the rows; `risks` is compared with the truth in column `served`.
    fn hold(
        &self,
        name: &str,
        ranks: &dyn Fn(&Asked) -> Option<f64>,
        served: &str,
        risks: &dyn Fn(&Asked) -> Option<f64>,
        draws: &[Vec<u16>],
    ) -> anyhow::Result<Held> {
        let scores: Vec<f64> = self.ranked.iter().filter_map(|row| ranks(row.row)).collect();
        let missing = self.ranked.len() - scores.len();
        if missing > 0 && !scores.is_empty() {
            bail!("`{name}` has no `{}` for {missing} of {} rows; give every row", self.gap, self.ranked.len());
        }
        let ranking = (!scores.is_empty()).then(|| Ranking::new(&self.events, &scores));
        let from_limit =
            |weight: &dyn Fn(usize) -> f64| Some(ranking.as_ref()?.auroc(weight)? - self.limit.auroc(weight)?);
        let patient = |row: usize| self.ranked[row].row.patient as usize;
        let drawn: Vec<Option<f64>> =
            draws.iter().map(|draw| from_limit(&|row| f64::from(draw[patient(row)]))).collect();
        let apart: Vec<f64> =
            self.rows.iter().filter_map(|row| Some(risks(row)? - self.truth.get(&row.who, served)?)).collect();
        let mean = |sum: f64| (!apart.is_empty()).then(|| sum / apart.len() as f64);
        Ok(Held {
            name: name.to_owned(),
            auroc: ranking.as_ref().and_then(|ranking| ranking.auroc(|_| 1.0)),
            from_limit: from_limit(&|_| 1.0),
            interval: interval(drawn.iter().copied()),
            calibration_error: mean(apart.iter().map(|apart| apart.abs()).sum()),
            bias: mean(apart.iter().sum()),
            drawn,
        })
    }
}
