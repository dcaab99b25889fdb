//! False-alert thresholds: what a package promises and what is found on patients that nothing was fitted on.
//!
//! The share of false alerts is counted as it is promised (see `prediction::false_alerts`): each patient weighs one,
//! shared among her index days on which the outcome did not follow. A promise holds on average over calibration and
//! test patients, so single outcomes may lie above it; more than a few whose whole interval does break it.

use super::figures::Estimate;
use super::metrics::interval;
use super::panel::{Panel, Target};
use super::report::{estimate, horizon};
use super::run::Subject;
use super::summary::Judged;
use crate::prediction::false_alerts::FalseAlerts;
use serde::Serialize;
use std::fmt::Write;

/// One outcome and horizon at one promised share.
#[derive(Clone, Debug, Serialize)]
pub struct Promise {
    pub phenotype: String,
    pub horizon_days: u32,
    pub alpha: f64,
    /// Share of false alerts at the threshold for everyone.
    pub found: Estimate,
    /// The same with each patient's threshold being that of her sex and age band; days of patients without one are
    /// left out.
    pub by_stratum: Option<Estimate>,
    /// Share of the index days with the event on which an alert came (by patients, as above).
    pub caught: Option<f64>,
    /// Nobody would be shown it.
    pub silent: bool,
}

/// Judges every promise of the model's outcomes.
pub fn promises(
    subject: Subject<'_>,
    panel: &Panel,
    judged: &[Judged<'_>],
    draws: &[Vec<u16>],
) -> anyhow::Result<Vec<Promise>> {
    let mut all = Vec::new();
    for one in judged {
        let outcome = &subject.oracle.outcomes()[subject.place(one.target)?];
        for kept in &outcome.false_alerts {
            let Some(threshold) = kept.threshold else { continue };
            let model = &one.scores.model;
            let everyone = |row: usize| Some(model[row] >= threshold);
            let Some(found) = share(panel, one.target, false, &everyone, draws) else { continue };
            let own = |row: usize| stratum_alert(panel, kept, row, model[row]);
            all.push(Promise {
                phenotype: outcome.phenotype.to_string(),
                horizon_days: outcome.horizon_days,
                alpha: kept.alpha,
                found,
                by_stratum: share(panel, one.target, false, &own, draws),
                caught: share(panel, one.target, true, &everyone, &[]).map(|caught| caught.value),
                silent: outcome.silent.is_some(),
            });
        }
    }
    Ok(all)
}

/// Whether the threshold of a patient's sex and age band would alert; `None` where she has none.
fn stratum_alert(panel: &Panel, kept: &FalseAlerts, row: usize, risk: f64) -> Option<bool> {
    let about = &panel.rows[row];
    kept.for_patient(about.age_years(), about.sex).map(|threshold| risk >= threshold)
}

/// The share of alerts among rows with (or without) the event, each patient weighing one. Without draws its interval
/// is the value itself.
fn share(
    panel: &Panel,
    target: &Target,
    event: bool,
    alerts: &dyn Fn(usize) -> Option<bool>,
    draws: &[Vec<u16>],
) -> Option<Estimate> {
    let mut own = vec![(0.0, 0.0); panel.keys.len()];
    for (row, label) in target.from_day_0.iter().enumerate().filter(|(_, label)| **label == Some(event)) {
        debug_assert!(label.is_some());
        if let Some(alert) = alerts(row) {
            let (alerted, rows) = &mut own[panel.rows[row].patient as usize];
            *alerted += f64::from(u8::from(alert));
            *rows += 1.0;
        }
    }
    let mean = |weight: &dyn Fn(usize) -> f64| {
        let (mut sum, mut patients) = (0.0, 0.0);
        for (patient, (alerted, rows)) in own.iter().enumerate().filter(|(_, own)| own.1 > 0.0) {
            sum += weight(patient) * alerted / rows;
            patients += weight(patient);
        }
        (patients > 0.0).then(|| sum / patients)
    };
    let value = mean(&|_| 1.0)?;
    let drawn = interval(draws.iter().map(|draw| mean(&|patient| f64::from(draw[patient]))));
    let (low, high) = drawn.unwrap_or((value, value));
    Some(Estimate { value, low, high })
}

/// The section of `evaluation.md`; empty where the package promises nothing.
pub fn section(promises: &[Promise]) -> String {
    let mut alphas: Vec<f64> = promises.iter().map(|one| one.alpha).collect();
    alphas.sort_by(f64::total_cmp);
    alphas.dedup();
    if alphas.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "## False alerts: promised and found\n\n\
         Split conformal prediction. Promised: of patients exchangeable with the calibration patients, one at random, and \
         one at random of her index days without the event, alerts with a chance of at most alpha, over the draw of \
         calibration patients too. Found: that share on these patients.\n\n\
         | promised | outcome-horizons | mean found | mean found by sex and age band | whole interval above | caught of events, mean |\n\
         |---|---|---|---|---|---|\n",
    );
    for alpha in alphas {
        let of: Vec<&Promise> = promises.iter().filter(|one| one.alpha == alpha).collect();
        let mean = |values: Vec<f64>| match values.is_empty() {
            true => "–".to_owned(),
            false => format!("{:.1} %", 100.0 * values.iter().sum::<f64>() / values.len() as f64),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {:.0} % | {} | {} | {} | {} | {} |",
            100.0 * alpha,
            of.len(),
            mean(of.iter().map(|one| one.found.value).collect()),
            mean(of.iter().filter_map(|one| Some(one.by_stratum.as_ref()?.value)).collect()),
            of.iter().filter(|one| one.found.low > alpha).count(),
            mean(of.iter().filter_map(|one| one.caught).collect()),
        );
    }
    text.push_str("\nAt 5 %, outcomes that may be shown:\n\n| outcome | horizon | found | by sex and age band | caught of events |\n|---|---|---|---|---|\n");
    for one in promises.iter().filter(|one| one.alpha == 0.05 && !one.silent) {
        let stratum = one.by_stratum.as_ref().map_or_else(|| "–".to_owned(), estimate);
        let caught = one.caught.map_or_else(|| "–".to_owned(), |caught| format!("{caught:.3}"));
        let days = horizon(one.horizon_days);
        let _ = writeln!(text, "| {} | {days} | {} | {stratum} | {caught} |", one.phenotype, estimate(&one.found));
    }
    text.push('\n');
    text
}
