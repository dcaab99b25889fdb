//! Outcomes after a discharge or the start of a drug.

use super::words::{coarse, difference, estimate, line, number, or_dash};
use crate::learning::evaluate::run::Evaluation;

pub fn write(page: &mut String, evaluation: &Evaluation) {
    if evaluation.pairs.is_empty() {
        return;
    }
    line!(page, "## After a discharge or the start of a drug");
    line!(page);
    line!(
        page,
        "Asked at the end of the day itself, up to twelve such days a patient; events from then on, without a gap; labels \
         are our own. Age and sex: averages of such days that the package brings. What follows a start is associated \
         with it; nothing here says that the drug is the cause. A pair without skill on validation patients is never \
         served."
    );
    line!(page);
    line!(page, "| pair | patients | days | events | AUROC | age and sex | above age and sex | slope | ECE | served |");
    line!(page, "|---|---|---|---|---|---|---|---|---|---|");
    for one in &evaluation.pairs {
        let figures = one.figures.as_ref();
        let dash = || "–".to_owned();
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            one.title,
            one.patients,
            one.index_days,
            one.events,
            figures.map_or_else(dash, |of| estimate(&of.auroc)),
            figures.map_or_else(dash, |of| number(of.age_sex_auroc.value)),
            figures.map_or_else(dash, |of| difference(&of.above_age_sex)),
            figures.map_or_else(dash, |of| or_dash(&of.slope, coarse)),
            figures.map_or_else(dash, |of| number(of.error)),
            one.silent.unwrap_or("yes"),
        );
    }
    line!(page);
}
