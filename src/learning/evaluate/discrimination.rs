//! AUROCs of the model and of both baselines, on the rows and on every draw of whole patients.
//!
//! Everything stands on labels after the gap. Draws are shared by all who are judged, so that differences are paired.

use super::figures::{Estimate, Scores};
use super::metrics::{Ranking, interval};
use super::panel::{Panel, Target};
use serde::Serialize;

/// An AUROC for each that is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aurocs {
    pub model: f64,
    pub age_sex: f64,
    pub regression: Option<f64>,
}

/// AUROCs of one outcome on the rows and on every draw of patients.
pub struct DrawnAurocs {
    pub here: Aurocs,
    /// `None`: the draw had no event or nothing but events.
    pub draws: Vec<Option<Aurocs>>,
}

impl DrawnAurocs {
    /// `counts(row)` chooses rows; `draws[draw][patient]` as `metrics::patient_draws` gave them.
    pub fn of(
        panel: &Panel,
        target: &Target,
        scores: &Scores,
        draws: &[Vec<u16>],
        counts: impl Fn(usize) -> bool,
    ) -> Option<Self> {
        let labelled: Vec<(usize, bool)> =
            target.after_gap.iter().enumerate().filter_map(|(row, label)| Some((row, (*label)?))).collect();
        let labelled: Vec<(usize, bool)> = labelled.into_iter().filter(|(row, _)| counts(*row)).collect();
        let events: Vec<bool> = labelled.iter().map(|row| row.1).collect();
        let patients: Vec<usize> = labelled.iter().map(|row| panel.rows[row.0].patient as usize).collect();
        let ranking = |scores: &[f64]| {
            let scores: Vec<f64> = labelled.iter().map(|row| scores[row.0]).collect();
            Ranking::new(&events, &scores)
        };
        let (model, age_sex) = (ranking(&scores.model), ranking(&scores.age_sex));
        let regression = scores.regression.as_deref().map(ranking);
        let aurocs = |weight: &dyn Fn(usize) -> f64| {
            Some(Aurocs {
                model: model.auroc(weight)?,
                age_sex: age_sex.auroc(weight)?,
                regression: regression.as_ref().and_then(|ranking| ranking.auroc(weight)),
            })
        };
        let here = aurocs(&|_| 1.0)?;
        let draws = draws.iter().map(|draw| aurocs(&|row| f64::from(draw[patients[row]]))).collect();
        Some(Self { here, draws })
    }

    /// Any figure made of the AUROCs, with its interval. `None` where the figure has no value here.
    pub fn estimate(&self, figure: impl Fn(&Aurocs) -> Option<f64>) -> Option<Estimate> {
        let value = figure(&self.here)?;
        let (low, high) = interval(self.draws.iter().map(|draw| draw.as_ref().and_then(&figure)))?;
        Some(Estimate { value, low, high })
    }

    /// The mean over several outcomes, on the rows and draw by draw. `None` without any.
    pub fn mean(several: &[&DrawnAurocs]) -> Option<Self> {
        let draws = several.iter().map(|one| one.draws.len()).min()?;
        let here = mean_of(several.iter().map(|one| Some(one.here)))?;
        let draws = (0..draws).map(|draw| mean_of(several.iter().map(|one| one.draws[draw]))).collect();
        Some(Self { here, draws })
    }
}

/// The mean of all; `None` when one is missing, since the mean of others would be of another set of outcomes.
fn mean_of(all: impl Iterator<Item = Option<Aurocs>>) -> Option<Aurocs> {
    let all: Option<Vec<Aurocs>> = all.collect();
    let all = all.filter(|all| !all.is_empty())?;
    let n = all.len() as f64;
    let regression: Option<Vec<f64>> = all.iter().map(|one| one.regression).collect();
    Some(Aurocs {
        model: all.iter().map(|one| one.model).sum::<f64>() / n,
        age_sex: all.iter().map(|one| one.age_sex).sum::<f64>() / n,
        regression: regression.map(|values| values.iter().sum::<f64>() / n),
    })
}

/// The AUROCs of the model and of both baselines, and by how much the model is above each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Discrimination {
    pub model: Estimate,
    pub age_sex: Estimate,
    pub regression: Option<Estimate>,
    pub above_age_sex: Estimate,
    pub above_regression: Option<Estimate>,
}

impl Discrimination {
    /// With intervals from the draws.
    pub fn of(drawn: &DrawnAurocs) -> Option<Self> {
        Some(Self {
            model: drawn.estimate(|a| Some(a.model))?,
            age_sex: drawn.estimate(|a| Some(a.age_sex))?,
            regression: drawn.estimate(|a| a.regression),
            above_age_sex: drawn.estimate(|a| Some(a.model - a.age_sex))?,
            above_regression: drawn.estimate(|a| Some(a.model - a.regression?)),
        })
    }
}
