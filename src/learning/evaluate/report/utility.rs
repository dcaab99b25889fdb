//! What acting on the risks would be worth: net benefit, alerts, lead time.

use super::words::{cells, in_order, line, optional, or_dash, percent};
use crate::learning::evaluate::lead_time::ALERT_RATE;
use crate::learning::evaluate::run::Evaluation;

/// All of it.
pub fn write(page: &mut String, evaluation: &Evaluation) {
    benefit(page, evaluation);
    alerts(page, evaluation);
    lead_times(page, evaluation);
}

fn benefit(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Net benefit");
    line!(page);
    line!(
        page,
        "Labels from the index day. Right alerts minus wrong ones weighed by the odds of the threshold, per patient; it \
         must be above alerting for everyone and for nobody. Thresholds were fixed beforehand. The regression is \
         levelled on training rows for these labels. Accepted outcomes:"
    );
    line!(page);
    line!(page, "| threshold | outcomes | above everyone and nobody | surely above | not below the regression |");
    line!(page, "|---|---|---|---|---|");
    for one in &evaluation.worthwhile {
        line!(
            page,
            "| {:.0} % | {} | {} | {} | {} of {} |",
            100.0 * one.threshold,
            one.outcomes,
            one.above_not_looking,
            one.surely_above_not_looking,
            one.not_below_regression,
            one.with_regression,
        );
    }
    line!(page);
    line!(page, "![Decision curves of the accepted outcomes](decision.svg)");
    line!(page);
    line!(page, "Net benefit per 1,000 patients of the accepted outcomes:");
    line!(page);
    line!(
        page,
        "| outcome | horizon | threshold | model | everyone | age and sex | regression | above everyone and nobody | \
         above regression |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|---|");
    let thousand = |value: f64| format!("{:.1}", 1000.0 * value);
    for task in in_order(evaluation).filter(|task| task.accepted) {
        for one in task.utility.iter().flat_map(|utility| &utility.benefits) {
            let b = one.benefit;
            let above = |estimate: &crate::learning::evaluate::figures::Estimate| {
                format!("{:+.1} ({:+.1} to {:+.1})", 1e3 * estimate.value, 1e3 * estimate.low, 1e3 * estimate.high)
            };
            line!(
                page,
                "| {} | {:.0} % | {} | {} | {} | {} | {} | {} |",
                cells(task),
                100.0 * b.threshold,
                thousand(b.model),
                thousand(b.treat_all),
                thousand(b.age_sex),
                b.regression.map_or_else(|| "–".into(), thousand),
                above(&one.above_not_looking),
                or_dash(&one.above_regression, above),
            );
        }
    }
    line!(page);
}

fn alerts(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Alerts");
    line!(page);
    line!(
        page,
        "Labels from the index day. At the package's own threshold (5 % of calibration index days lie above it) and \
         where nine in ten of those without the event stay in peace: alerts per 100 index days, share of alerts that \
         were right (PPV), share of events that were alerted. Outcomes that the package never shows are named with \
         the reason."
    );
    line!(page);
    line!(
        page,
        "| outcome | horizon | threshold % | alerts per 100 | PPV % | of events % | at 90 % specificity: alerts per 100 | \
         PPV % | of events % | shown |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|---|---|");
    for task in in_order(evaluation) {
        let Some(utility) = &task.utility else { continue };
        let (served, specific) = (&utility.served, &utility.at_high_specificity);
        line!(
            page,
            "| {} | {:.1} | {:.1} | {} | {:.0} | {:.1} | {} | {:.0} | {} |",
            cells(task),
            100.0 * served.threshold,
            100.0 * served.share,
            percent(served.precision, 0),
            100.0 * served.sensitivity,
            100.0 * specific.share,
            percent(specific.precision, 0),
            100.0 * specific.sensitivity,
            task.silent.unwrap_or("yes"),
        );
    }
    line!(page);
}

fn lead_times(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Lead time");
    line!(page);
    line!(
        page,
        "Labels from the index day. Alerts for the {:.0} % of rows at risk with the highest risk: of the patients whom \
         the event befell within the horizon of an index day, how many had been alerted then, and how many days before \
         the event the first such alert came. Index days are few and years apart: asked at every visit, a model would \
         be earlier.",
        100.0 * ALERT_RATE
    );
    line!(page);
    line!(page, "| outcome | horizon | patients | alerted | days before: median | quarter | three quarters |");
    line!(page, "|---|---|---|---|---|---|---|");
    for task in in_order(evaluation).filter(|task| task.accepted || task.silent.is_none()) {
        let Some(lead) = &task.lead_time else { continue };
        line!(
            page,
            "| {} | {} | {} ({:.0} %) | {} | {} | {} |",
            cells(task),
            lead.patients,
            lead.alerted,
            100.0 * lead.alerted as f64 / lead.patients as f64,
            optional(lead.days.map(|days| days.median), 0),
            optional(lead.days.map(|days| days.lower), 0),
            optional(lead.days.map(|days| days.upper), 0),
        );
    }
    line!(page);
}
