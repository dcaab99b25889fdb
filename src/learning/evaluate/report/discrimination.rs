//! Each outcome: how well risks rank, and first occurrences and repeats apart.

use super::words::{cells, difference, estimate, in_order, line, number, optional, or_dash, title};
use crate::learning::evaluate::concordance;
use crate::learning::evaluate::figures::Apart;
use crate::learning::evaluate::run::Evaluation;

/// All tables of ranking.
pub fn write(page: &mut String, evaluation: &Evaluation) {
    line!(page, "## Each outcome: discrimination");
    line!(page);
    line!(page, "AUROC; labels after the gap. `*`: accepted, counts in the headline.");
    line!(page);
    line!(
        page,
        "| outcome | horizon | patients / rows | events (patients) | % | model | age and sex | regression | \
         above age and sex |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|---|");
    for task in in_order(evaluation) {
        let Some(d) = &task.discrimination else { continue };
        line!(
            page,
            "| {} | {} / {} | {} ({}) | {:.1} | {} | {} | {} | {} |",
            cells(task),
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
    let rare = evaluation.tasks.iter().filter(|task| task.discrimination.is_none());
    let rare: Vec<String> = rare.map(|task| format!("{} ({})", title(task), task.events)).collect();
    if !rare.is_empty() {
        line!(page);
        line!(page, "Too few events for figures (events): {}.", rare.join("; "));
    }
    line!(page);
    precision(page, evaluation);
    occurrences(page, evaluation);
}

fn precision(page: &mut String, evaluation: &Evaluation) {
    line!(page, "### Average precision and time-dependent C");
    line!(page);
    line!(
        page,
        "Labels after the gap. Average precision (area under precision and recall) has the prevalence as its chance \
         value. C: of two patients, whom the event befalls sooner has the higher risk at the horizon; pairs weighted \
         for the end of records (Uno, inverse probability of being watched), interval of {} draws.",
        concordance::DRAWS.min(evaluation.draws)
    );
    line!(page);
    line!(page, "| outcome | horizon | prevalence | average precision | age and sex | regression | C |");
    line!(page, "|---|---|---|---|---|---|---|");
    for task in in_order(evaluation) {
        let Some(p) = &task.average_precision else { continue };
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            cells(task),
            number(p.prevalence),
            estimate(&p.model),
            optional(p.age_sex, 3),
            optional(p.regression, 3),
            or_dash(&task.concordance, estimate),
        );
    }
    line!(page);
}

fn occurrences(page: &mut String, evaluation: &Evaluation) {
    if evaluation.tasks.iter().all(|task| task.occurrences.is_none()) {
        return;
    }
    line!(page, "### First occurrences and repeats apart");
    line!(page);
    line!(
        page,
        "Outcomes that can come again: AUROC among rows without one before, and among rows with one. Who had one will \
         often have another, so the two together look easier than either. Labels after the gap."
    );
    line!(page);
    line!(
        page,
        "| outcome | horizon | first: events / rows | model | above age and sex | repeats: events / rows | model | \
         above age and sex |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|");
    let apart = |apart: &Apart| {
        let auroc = apart.auroc;
        let model = or_dash(&auroc.map(|auroc| auroc.model), estimate);
        format!(
            "{} / {} | {model} | {}",
            apart.events,
            apart.rows,
            or_dash(&auroc.map(|a| a.above_age_sex), difference)
        )
    };
    for task in in_order(evaluation) {
        if let Some(both) = &task.occurrences {
            line!(page, "| {} | {} | {} |", cells(task), apart(&both.first), apart(&both.repeat));
        }
    }
    line!(page);
}
