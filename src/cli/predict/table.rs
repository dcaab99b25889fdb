//! Answers for people: a table per patient, what stands out first.

use super::Assessment;
use super::risk_assessment::title;
use crate::patient_record::moment;
use crate::prediction::answer::{Oracle, Risk};
use std::fmt::Write;

/// Said once, below the last table.
pub const FOOTNOTE: &str = "Risk and average are chances until the horizon; average is that of the same age and sex.\n\
    The model was trained on synthetic patients: these figures show how the software works, not what medicine knows.";

/// Longest title shown whole.
const TITLE_WIDTH: usize = 48;

/// One table, with a blank line before it.
pub fn render(assessment: &Assessment, model: &dyn Oracle) -> String {
    let mut risks: Vec<&Risk> = assessment.answer.risks.iter().collect();
    risks.sort_by(|one, other| ratio(other).total_cmp(&ratio(one)));
    let titles: Vec<String> = risks.iter().map(|risk| shortened(title(model, &risk.phenotype))).collect();
    let width = titles.iter().map(|title| title.chars().count()).max().unwrap_or(0).max("outcome".len());
    let mut text = format!(
        "\npatient {}, as of {}: {} events read, {} resources skipped\nchart {}\n",
        printable(&assessment.patient),
        moment::write(assessment.as_of),
        assessment.events_read,
        assessment.skipped.total(),
        printable(&assessment.chart.to_string_lossy()),
    );
    let _ = writeln!(text, "{:width$}  horizon    risk  average  ratio  silent because", "outcome");
    for (risk, title) in risks.iter().zip(&titles) {
        let line = format!(
            "{title:width$}  {:>7}  {:>6}  {:>7}  {:>5}  {}",
            horizon(risk.horizon_days),
            percent(risk.risk),
            percent(risk.baseline_risk),
            said_ratio(risk),
            assessment.silence(risk).unwrap_or(""),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Two places below one percent, where one would say nothing.
fn percent(probability: f64) -> String {
    let percent = probability * 100.0;
    if percent < 1.0 { format!("{percent:.2}%") } else { format!("{percent:.1}%") }
}

fn ratio(risk: &Risk) -> f64 {
    risk.risk / risk.baseline_risk.max(1e-9)
}

fn said_ratio(risk: &Risk) -> String {
    match ratio(risk) {
        ratio if ratio < 100.0 => format!("{ratio:.1}"),
        _ => ">99".to_owned(),
    }
}

/// Whole years where they are.
fn horizon(days: u32) -> String {
    match days {
        days if days > 0 && days.is_multiple_of(365) => format!("{} y", days / 365),
        days => format!("{days} d"),
    }
}

fn shortened(title: &str) -> String {
    if title.chars().count() <= TITLE_WIDTH {
        return title.to_owned();
    }
    title.chars().take(TITLE_WIDTH - 1).chain(['…']).collect()
}

/// A chart's id or name cannot steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}
