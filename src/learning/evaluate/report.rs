//! An evaluation as a page to read: `evaluation.md`. Every table says on which labels it stands.

use super::beside;
use super::figures::{Estimate, Task};
use super::run::Evaluation;
use super::summary::{CONTROL_MARGIN, Mean};
use std::fmt::Write;

/// `1 year`, `5 years`, else days.
pub fn horizon(days: u32) -> String {
    match days {
        365 => "1 year".into(),
        days if days % 365 == 0 => format!("{} years", days / 365),
        days => format!("{days} days"),
    }
}

/// The whole page.
pub fn markdown(evaluation: &Evaluation) -> String {
    let mut page = String::new();
    head(&mut page, evaluation);
    headline(&mut page, &evaluation.means);
    page.push_str(&beside::section(&evaluation.beside));
    tasks(&mut page, evaluation);
    calibration(&mut page, evaluation);
    controls(&mut page, evaluation);
    subgroups(&mut page, evaluation);
    agreement(&mut page, evaluation);
    page
}

/// Adds a line; writing to a text cannot fail.
macro_rules! line {
    ($page:expr) => { $page.push('\n') };
    ($page:expr, $($words:tt)*) => {{ let _ = writeln!($page, $($words)*); }};
}

fn number(value: f64) -> String {
    format!("{value:.3}")
}

fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.digits$}"))
}

/// `0.778 (0.751 to 0.803)`
pub(super) fn estimate(estimate: &Estimate) -> String {
    format!("{:.3} ({:.3} to {:.3})", estimate.value, estimate.low, estimate.high)
}

/// `+0.105 (+0.084 to +0.124)`
pub(super) fn difference(estimate: &Estimate) -> String {
    format!("{:+.3} ({:+.3} to {:+.3})", estimate.value, estimate.low, estimate.high)
}

fn or_dash(value: &Option<Estimate>, write: fn(&Estimate) -> String) -> String {
    value.as_ref().map_or_else(|| "–".into(), write)
}

fn head(page: &mut String, evaluation: &Evaluation) {
    let splits: Vec<String> =
        evaluation.test.splits.iter().map(|(split, patients)| format!("{} {patients}", split.as_str())).collect();
    line!(page, "# Evaluation of {}", evaluation.model);
    line!(page);
    line!(page, "**{}**", evaluation.notice);
    line!(page);
    line!(
        page,
        "Asked about {} patients on {} days (labels: {}; split: {}). Baselines fitted on {} training patients, {} days \
         (labels: {}).",
        evaluation.test.patients,
        evaluation.test.rows,
        evaluation.test.labels,
        splits.join(", "),
        evaluation.training.patients,
        evaluation.training.rows,
        evaluation.training.labels,
    );
    line!(
        page,
        "Intervals: middle 95 % of {} draws of whole patients, the same draws for all (paired). A risk reaches from the \
         index day to the horizon. **AUROC** is taken on what happened after a gap of 30 days; **calibration** on what \
         happened from the index day on. Data {}.",
        evaluation.draws,
        evaluation.dataset.get(..12).unwrap_or(&evaluation.dataset),
    );
    line!(page);
}

fn headline(page: &mut String, means: &[Mean]) {
    line!(page, "## Mean AUROC");
    line!(page);
    line!(page, "Labels after the gap; outcomes with at least 20 events. Slope and ECE: labels from the index day.");
    line!(page);
    line!(
        page,
        "| outcomes | n | model | age and sex | regression on counts | above age and sex | above regression | wins | \
         slope (median) | ECE (median) |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|---|---|");
    for mean in means {
        let d = &mean.discrimination;
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} / {} | {} | {} |",
            mean.name,
            mean.outcomes,
            estimate(&d.model),
            estimate(&d.age_sex),
            or_dash(&d.regression, estimate),
            difference(&d.above_age_sex),
            or_dash(&d.above_regression, difference),
            mean.wins_over_age_sex,
            mean.wins_over_regression,
            optional(mean.median_slope, 2),
            optional(mean.median_calibration_error, 3),
        );
    }
    line!(page);
    line!(page, "Wins: outcomes with a higher AUROC than age and sex / than the regression.");
    line!(page);
    line!(page, "![AUROC of the accepted outcomes](auroc.svg)");
    line!(page);
}

fn tasks(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Each outcome: discrimination");
    line!(page);
    line!(page, "Labels after the gap. `*`: accepted, counts in the headline.");
    line!(page);
    line!(
        page,
        "| outcome | horizon | patients / rows | events (patients) | % | model | age and sex | regression | \
         above age and sex |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|---|");
    for task in evaluation.tasks.iter().filter(|task| task.discrimination.is_some()) {
        let Some(d) = &task.discrimination else { continue };
        line!(
            page,
            "| {}{} | {} | {} / {} | {} ({}) | {:.1} | {} | {} | {} | {} |",
            task.title,
            if task.accepted { " *" } else { "" },
            horizon(task.horizon_days),
            task.patients,
            task.rows,
            task.events,
            task.patients_with_event,
            100.0 * task.prevalence,
            estimate(&d.model),
            number(d.age_sex.value),
            optional(d.regression.map(|r| r.value), 3),
            difference(&d.above_age_sex),
        );
    }
    let rare: Vec<String> = evaluation
        .tasks
        .iter()
        .filter(|task| task.discrimination.is_none())
        .map(|task| format!("{}, {} ({})", task.title, horizon(task.horizon_days), task.events))
        .collect();
    if !rare.is_empty() {
        line!(page);
        line!(page, "Too few events for figures (events): {}.", rare.join("; "));
    }
    line!(page);
}

fn calibration(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Each outcome: calibration");
    line!(page);
    line!(
        page,
        "Labels from the index day. Slope 1 and intercept 0 are perfect; ECE: 15 bins of equal mass. Alerts: rows at or \
         above the package's threshold (chosen for 5 % on calibration patients), precision (events among them), share \
         of events alerted. Outcomes that the package never shows are named with the reason."
    );
    line!(page);
    line!(
        page,
        "| outcome | horizon | rows | events | mean risk | observed | slope | intercept | ECE | Brier (age and sex) | \
         alerts % | precision % | of events % | shown |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for task in &evaluation.tasks {
        let Some(c) = &task.calibration else { continue };
        line!(
            page,
            "| {}{} | {} | {} | {} | {} | {} | {} | {} | {} | {:.4} ({:.4}) | {:.1} | {} | {:.0} | {} |",
            task.title,
            if task.accepted { " *" } else { "" },
            horizon(task.horizon_days),
            c.rows,
            c.events,
            number(c.mean_risk),
            number(c.observed),
            optional(c.slope, 2),
            optional(c.intercept, 2),
            number(c.error),
            c.brier,
            c.age_sex_brier,
            100.0 * c.alerts.share,
            optional(c.alerts.precision.map(|share| 100.0 * share), 0),
            100.0 * c.alerts.sensitivity,
            task.silent.unwrap_or("yes"),
        );
    }
    line!(page);
    line!(page, "![Reliability of the accepted outcomes](reliability.svg)");
    line!(page);
    line!(page, "![How the risks are spread](risks.svg)");
    line!(page);
}

fn controls(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Negative controls");
    line!(page);
    line!(
        page,
        "Nothing in a record foretells these; a high AUROC would be a leak. Labels after the gap. Allowed: chance (0.5) \
         or age and sex, whichever is higher, plus {CONTROL_MARGIN}."
    );
    line!(page);
    line!(page, "| outcome | events | model | age and sex | at most | holds |");
    line!(page, "|---|---|---|---|---|---|");
    for control in &evaluation.controls {
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            control.name,
            control.events,
            estimate(&control.model),
            number(control.age_sex),
            number(control.at_most),
            if control.holds { "yes" } else { "**no**" },
        );
    }
    line!(page);
}

fn subgroups(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Subgroups");
    line!(page);
    line!(
        page,
        "Mean AUROC over the accepted outcomes with at least 20 events in the subgroup (labels after the gap; the set \
         differs between subgroups, so compare along a line, not down a column); events per event foretold, over all \
         accepted outcomes (labels from the index day)."
    );
    line!(page);
    line!(page, "| patients | n / rows | outcomes | model | age and sex | above age and sex | observed / foretold |");
    line!(page, "|---|---|---|---|---|---|---|");
    for group in &evaluation.subgroups {
        line!(
            page,
            "| {} | {} / {} | {} | {} | {} | {} | {} |",
            group.name,
            group.patients,
            group.rows,
            group.outcomes,
            or_dash(&group.auroc, estimate),
            optional(group.age_sex.map(|e| e.value), 3),
            or_dash(&group.above_age_sex, difference),
            optional(group.observed_per_expected, 2),
        );
    }
    line!(page);
}

fn agreement(page: &mut String, evaluation: &Evaluation) {
    if evaluation.label_agreement.is_empty() {
        return;
    }
    let all = &evaluation.label_agreement;
    let total = |part: fn(&super::panel::Agreement) -> usize| all.values().map(part).sum::<usize>();
    line!(page, "## Labels: theirs and ours");
    line!(page);
    line!(
        page,
        "Figures stand on the label files. Our own labels from the charts, test and training rows together: {} cells \
         compared, {} different, {} only theirs, {} only ours, {} unclear since our end of follow-up is rounded. {} \
         lines of the test file and {} of the training file had no patient in the dataset.",
        total(|a| a.compared),
        total(|a| a.different),
        total(|a| a.only_theirs),
        total(|a| a.only_ours),
        total(|a| a.unclear),
        evaluation.test.lines_without_patient,
        evaluation.training.lines_without_patient,
    );
    line!(page);
    if all.values().all(|found| found.findings() == 0) {
        return;
    }
    line!(page, "| column | compared | different | only theirs | only ours |");
    line!(page, "|---|---|---|---|---|");
    for (column, found) in all.iter().filter(|(_, found)| found.findings() > 0) {
        let counts = (found.compared, found.different, found.only_theirs, found.only_ours);
        line!(page, "| {column} | {} | {} | {} | {} |", counts.0, counts.1, counts.2, counts.3);
    }
    line!(page);
}

/// A few lines for the terminal.
pub fn short(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    for mean in &evaluation.means {
        let d = &mean.discrimination;
        line!(
            text,
            "{} ({}): AUROC {}, age and sex {}, regression {}; above age and sex {}",
            mean.name,
            mean.outcomes,
            estimate(&d.model),
            number(d.age_sex.value),
            optional(d.regression.map(|r| r.value), 3),
            difference(&d.above_age_sex),
        );
    }
    text.push_str(&beside::short(&evaluation.beside));
    let broken: Vec<&str> =
        evaluation.controls.iter().filter(|control| !control.holds).map(|control| control.name.as_str()).collect();
    match broken.as_slice() {
        [] => line!(text, "negative controls: all {} hold", evaluation.controls.len()),
        names => line!(text, "negative controls: TOO HIGH for {}", names.join("; ")),
    }
    let findings: usize = evaluation.label_agreement.values().map(super::panel::Agreement::findings).sum();
    if !evaluation.label_agreement.is_empty() {
        line!(text, "labels that differ from our own: {findings}");
    }
    text
}

/// The name of an outcome with its horizon.
pub fn title(task: &Task) -> String {
    format!("{}, {}", task.title, horizon(task.horizon_days))
}
