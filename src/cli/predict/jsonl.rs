//! Answers as JSON lines, as the guide has them; further members may be added, none renamed.

use super::Assessment;
use crate::patient_record::moment;
use crate::patient_record::timeline::SkipReason;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Line<'a> {
    chart: std::borrow::Cow<'a, str>,
    patient: &'a str,
    as_of: String,
    events_read: usize,
    skipped: u32,
    skipped_reasons: BTreeMap<&'a str, BTreeMap<SkipReason, u32>>,
    predictions: Vec<Prediction<'a>>,
}

#[derive(Serialize)]
struct Prediction<'a> {
    phenotype: &'a str,
    horizon_days: u32,
    risk: f64,
    /// 95 % interval of `risk`; `null` where the package does not know it.
    interval: Option<(f64, f64)>,
    baseline_risk: f64,
    abstained: Option<&'static str>,
}

/// One line, with its end.
pub fn render(assessment: &Assessment) -> anyhow::Result<String> {
    let mut skipped_reasons: BTreeMap<&str, BTreeMap<SkipReason, u32>> = BTreeMap::new();
    for ((resource_type, reason), count) in &assessment.skipped.0 {
        skipped_reasons.entry(resource_type).or_default().insert(*reason, *count);
    }
    let predictions = assessment.answer.risks.iter().map(|risk| {
        // JSON has no word for these, and `null` would read as "not asked".
        anyhow::ensure!(risk.risk.is_finite() && risk.baseline_risk.is_finite(), "the model gave no number");
        Ok(Prediction {
            phenotype: &risk.phenotype,
            horizon_days: risk.horizon_days,
            risk: risk.risk,
            interval: risk.interval,
            baseline_risk: risk.baseline_risk,
            abstained: assessment.silence(risk),
        })
    });
    let line = Line {
        chart: assessment.chart.to_string_lossy(),
        patient: &assessment.patient,
        as_of: moment::write(assessment.as_of),
        events_read: assessment.events_read,
        skipped: assessment.skipped.total(),
        skipped_reasons,
        predictions: predictions.collect::<anyhow::Result<_>>()?,
    };
    Ok(serde_json::to_string(&line)? + "\n")
}
