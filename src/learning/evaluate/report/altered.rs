//! The model on altered charts.

use super::words::{difference, estimate, line, or_dash};
use crate::learning::evaluate::run::Evaluation;
use crate::learning::evaluate::stress::{DAYS_PER_PATIENT, Question, Stressed};

/// One table per question that was asked.
pub fn write(page: &mut String, evaluation: &Evaluation) {
    if evaluation.stressed.is_empty() {
        return;
    }
    line!(page, "## Altered charts");
    line!(page);
    line!(
        page,
        "The model on worse charts of the same patients, on the first {DAYS_PER_PATIENT} index days of each: mean AUROC over \
         the accepted outcomes with at least 20 events in these rows (labels after the gap, from the true record), and \
         the paired difference from whole charts. Silent: share of rows about which the model says nothing, by reason. \
         Left: entries and numbers of whole charts that reach the model; unknown: entries whose code it does not know. \
         Change: of a risk, over all rows and accepted outcomes. AUROCs count rows on which the model would be silent too."
    );
    line!(page);
    line!(page, "![Mean AUROC on altered charts](altered.svg)");
    line!(page);
    let of = |question: Question| evaluation.stressed.iter().filter(move |one| one.question == question);
    for (question, heading, words) in [
        (
            Question::Robustness,
            "### Bad records",
            "Order within a day changes nothing: of several numbers of one code on a day a chart keeps the middle one. Masses sent as amounts are another quantity: the number is not known \
             to the vocabulary, the code still is.",
        ),
        (
            Question::Prefetch,
            "### What the prefetch templates fetch",
            "Cut to the published templates; without the answer to each of them; and, as clients do that follow no next \
             page, the newest resources only. Several resources of one code on one day count as one here.",
        ),
        (Question::LookBack, "### Only the last years of record", "Everything, but nothing older."),
    ] {
        if of(question).next().is_none() {
            continue;
        }
        line!(page, "{heading}");
        line!(page);
        line!(page, "{words}");
        line!(page);
        line!(
            page,
            "| charts | outcomes | AUROC | from whole charts | silent % | entries left % | numbers left % | unknown % | \
             change of a risk: mean | largest |"
        );
        line!(page, "|---|---|---|---|---|---|---|---|---|---|");
        of(question).for_each(|one| row(page, one));
        line!(page);
    }
}

fn row(page: &mut String, one: &Stressed) {
    let reasons: Vec<String> = one.silent.iter().map(|(why, share)| format!("{why} {:.1}", 100.0 * share)).collect();
    let all: f64 = one.silent.values().sum();
    line!(
        page,
        "| {} | {} | {} | {} | {:.1}{} | {:.0} | {:.0} | {:.1} | {:.4} | {:.4} |",
        one.name,
        one.outcomes,
        or_dash(&one.auroc, estimate),
        or_dash(&one.above_whole, difference),
        100.0 * all,
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) },
        100.0 * one.entries_left,
        100.0 * one.numbers_left,
        100.0 * one.unknown,
        one.mean_change,
        one.largest_change,
    );
}
