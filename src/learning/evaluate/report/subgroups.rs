//! The model for each group of patients.

use super::words::{coarse, difference, estimate, line, optional, or_dash};
use crate::learning::evaluate::run::Evaluation;
use crate::learning::evaluate::subgroups::{FLAGGED_AUROC, FLAGGED_SLOPE};

/// The table and what it flags.
pub fn write(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Subgroups");
    line!(page);
    line!(
        page,
        "Mean AUROC over the accepted outcomes with at least 20 events in the group (labels after the gap); slope of one \
         line through all accepted outcomes, share of events that the package's thresholds miss, and events per event \
         foretold (labels from the index day). Differences are from everyone else, over the same draws. **Flagged**: a \
         difference above {FLAGGED_AUROC} AUROC or {FLAGGED_SLOPE} slope whose interval excludes 0. Outcomes differ in \
         difficulty, and which of them a group has enough of differs too: compare along a line, not down a column. \
         With this many groups some intervals exclude 0 by chance."
    );
    if !evaluation.subgroups.iter().any(|group| group.by == "race") {
        line!(page);
        line!(page, "Race and ethnicity: the dataset has no `audit.csv` (`prodrome ingest --audit` writes it).");
    }
    line!(page);
    line!(
        page,
        "| by | patients | n / rows | outcomes | model | above age and sex | from the others | events | slope | from \
         the others | missed | from the others | observed / foretold | flagged |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for group in &evaluation.subgroups {
        line!(
            page,
            "| {} | {} | {} / {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            group.by,
            group.name,
            group.patients,
            group.rows,
            group.outcomes,
            or_dash(&group.auroc, estimate),
            or_dash(&group.above_age_sex, difference),
            or_dash(&group.auroc_difference, difference),
            group.events,
            or_dash(&group.slope, coarse),
            or_dash(&group.slope_difference, difference),
            or_dash(&group.missed, coarse),
            or_dash(&group.missed_difference, difference),
            optional(group.observed_per_expected, 2),
            if group.flagged { "**yes**" } else { "" },
        );
    }
    line!(page);
}
