//! An evaluation as a page to read: `evaluation.md`. Every table says on which labels it stands.

mod altered;
mod calibration;
mod discrimination;
mod pairs;
mod subgroups;
mod utility;
mod words;

use super::beside;
use super::promises;
use super::run::Evaluation;
use super::summary::{CONTROL_MARGIN, Mean};
pub use words::{difference, estimate, horizon, title};
use words::{line, number, optional, or_dash};

/// The whole page.
pub fn markdown(evaluation: &Evaluation) -> String {
    let mut page = String::new();
    head(&mut page, evaluation);
    headline(&mut page, &evaluation.means);
    page.push_str(&beside::section(&evaluation.beside));
    discrimination::write(&mut page, evaluation);
    calibration::write(&mut page, evaluation);
    page.push_str(&promises::section(&evaluation.promises));
    utility::write(&mut page, evaluation);
    pairs::write(&mut page, evaluation);
    controls(&mut page, evaluation);
    subgroups::write(&mut page, evaluation);
    altered::write(&mut page, evaluation);
    agreement(&mut page, evaluation);
    page
}

fn head(page: &mut String, evaluation: &Evaluation) {
    let splits: Vec<String> =
        evaluation.test.splits.iter().map(|(split, patients)| format!("{} {patients}", split.as_str())).collect();
    let fitted = match &evaluation.training {
        Some(training) => format!(
            "Baselines fitted on {} training patients, {} days (labels: {}).",
            training.patients, training.rows, training.labels
        ),
        None => "Another site: nothing was fitted here; age and sex are the averages that the package brings.".into(),
    };
    line!(page, "# Evaluation of {}", evaluation.model);
    line!(page);
    line!(page, "**{}**", evaluation.notice);
    line!(page);
    line!(
        page,
        "Asked about {} patients on {} days (labels: {}; split: {}). {}",
        evaluation.test.patients,
        evaluation.test.rows,
        evaluation.test.labels,
        splits.join(", "),
        fitted,
    );
    line!(page);
    let reading = &evaluation.reading;
    let silent: Vec<String> =
        reading.silent.iter().map(|(why, share)| format!("{why} {:.1} %", 100.0 * share)).collect();
    line!(
        page,
        "A chart had {:.0} entries on average; the model did not know the code of {:.1} % of them. It would have been \
         silent on {:.1} % of the days{}. AUROC and calibration below count every day, also those.",
        reading.entries,
        100.0 * reading.unknown,
        100.0 * reading.silent.values().sum::<f64>(),
        if silent.is_empty() { String::new() } else { format!(" ({})", silent.join(", ")) },
    );
    line!(page);
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

fn agreement(page: &mut String, evaluation: &Evaluation) {
    if evaluation.label_agreement.is_empty() {
        return;
    }
    let all = &evaluation.label_agreement;
    let total = |part: fn(&super::agreement::Agreement) -> usize| all.values().map(part).sum::<usize>();
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
        evaluation.training.as_ref().map_or(0, |training| training.lines_without_patient),
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
        [] if evaluation.controls.is_empty() => line!(text, "negative controls: none has enough events to tell"),
        [] => line!(text, "negative controls: all hold ({} figures)", evaluation.controls.len()),
        names => line!(text, "negative controls: TOO HIGH for {}", names.join("; ")),
    }
    let findings: usize = evaluation.label_agreement.values().map(super::agreement::Agreement::findings).sum();
    if !evaluation.label_agreement.is_empty() {
        line!(text, "labels that differ from our own: {findings}");
    }
    text
}
