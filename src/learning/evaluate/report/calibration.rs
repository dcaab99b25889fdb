//! Each outcome: how true the risks are.

use super::words::{cells, coarse, in_order, line, number, or_dash};
use crate::learning::evaluate::run::Evaluation;

/// The summary and the table.
pub fn write(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Calibration");
    line!(page);
    line!(
        page,
        "Labels from the index day. Slope 1 and intercept 0 are perfect. Good slope: its interval overlaps 0.8 to 1.25. \
         Good ECE: below 0.02 at one year, 0.03 beyond (15 bins of equal mass). Pooled: one line through all rows of \
         all these outcomes."
    );
    line!(page);
    line!(page, "| outcomes | n | good slope | good ECE | pooled slope | pooled intercept |");
    line!(page, "|---|---|---|---|---|---|");
    for set in &evaluation.calibrated {
        let share = |good: usize| format!("{good} ({:.0} %)", 100.0 * good as f64 / set.outcomes as f64);
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            set.name,
            set.outcomes,
            share(set.good_slopes),
            share(set.good_errors),
            or_dash(&set.pooled_slope, coarse),
            or_dash(&set.pooled_intercept, coarse),
        );
    }
    line!(page);
    line!(page, "![Reliability of the accepted outcomes](reliability.svg)");
    line!(page);
    line!(page, "### Each outcome");
    line!(page);
    line!(
        page,
        "**Bold**: slope or ECE that is not good. Intervals from draws of whole patients, one Newton step each."
    );
    line!(page);
    line!(
        page,
        "| outcome | horizon | rows | events | mean risk | observed | slope | intercept | ECE | Brier (age and sex) |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|---|---|");
    for task in in_order(evaluation) {
        let Some(c) = &task.calibration else { continue };
        let marked = |good: bool, text: String| if good { text } else { format!("**{text}**") };
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {:.4} ({:.4}) |",
            cells(task),
            c.rows,
            c.events,
            number(c.mean_risk),
            number(c.observed),
            marked(c.slope_is_good(), or_dash(&c.slope, coarse)),
            or_dash(&c.intercept, coarse),
            marked(c.error_is_good(task.horizon_days), number(c.error)),
            c.brier,
            c.age_sex_brier,
        );
    }
    line!(page);
    line!(page, "![How the risks are spread](risks.svg)");
    line!(page);
}
