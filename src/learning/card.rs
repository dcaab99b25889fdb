//! The model card: what a package was trained on, what it must not be used for, and what was measured while it
//! was made. Written by the program, so that no figure is typed by hand. Test figures are `evaluate`'s to report.

use super::members::Tried;
use super::shard::{Dataset, Split};
use super::train::run::RunFile;
use crate::prediction::network::ReaderConfig;
use crate::prediction::package::{Fitted, Limits};
use crate::prediction::phenotype::Phenotypes;
use std::fmt::Write;

/// The card in Markdown.
pub fn card(
    name: &str,
    runs: &[RunFile],
    tried: &[Tried],
    dataset: &Dataset,
    phenotypes: &Phenotypes,
    fitted: &[Fitted],
    limits: &Limits,
) -> String {
    let facts = runs.iter().filter(|run| matches!(run.reader, ReaderConfig::Facts(_))).count();
    let (keys, numbers, _) = runs.first().map_or((0, 0, 0), |run| run.reader.trained_with());
    let patients = |split: Split| dataset.patients.get(&split).copied().unwrap_or(0);
    let mut card = format!(
        "# Model card: {name}\n\n\
        A foundation model of patient histories for the services of Prodrome: {facts} reader(s) of facts of the whole \
        life and {} transformer(s) over active days, whose risks are averaged; {keys} known codes, {numbers} numbers, \
        {} outcomes at {:?} days.\n\n\
        ## What it was trained on\n\n\
        **Synthetic patients only.** {} training patients fitted the weights, {} validation patients decided when to \
        stop and what may be shown, {} calibration patients fitted calibration and thresholds. Dataset `{}`.\n\
        Synthetic data prove the machinery, not medicine: co-morbidity in them is simplified and partly an artefact \
        of their generator. Before any clinical use a hospital must train, calibrate and evaluate on its own records.\n\n\
        ## What it must not be used for\n\n\
        - Care of real patients in this form.\n\
        - Any claim that a fact causes a risk: reasons are associations, found by leaving facts out.\n\
        - People under {} or over {} years, charts with fewer than {} active days or {} days of record, charts of \
        which more than {:.0} % of the codes are unknown: the server stays silent there.\n\
        - Death, pregnancy, medication starts and negative controls: computed, never shown.\n\n",
        runs.len() - facts,
        phenotypes.outcomes.len(),
        phenotypes.horizons_days,
        patients(Split::Train),
        patients(Split::Validation),
        patients(Split::Calibration),
        &dataset.sha256[..12],
        limits.least_age_years,
        limits.most_age_years,
        limits.least_active_days,
        limits.least_history_days,
        100.0 * limits.most_unknown_share,
    );
    card.push_str("## How much each kind of reader counts\n\nDecided on validation patients.\n\n");
    card.push_str("| share of facts | mean AUROC | outcomes |\n|---|---|---|\n");
    for Tried { facts_share, auroc, outcomes } in tried {
        // Writing to a string cannot fail.
        let _ = writeln!(card, "| {facts_share:.2} | {auroc:.4} | {outcomes} |");
    }
    card.push('\n');
    card.push_str(
        "## Outcomes\n\n\
        Validation AUROC beside age and sex (outcome from the as-of day on, 95 % interval of the difference over \
        draws of patients). Only outcomes whose interval lies above 0 are shown; the threshold is the calibrated \
        risk that 5 % of calibration index days exceed.\n\n\
        | outcome | days | events | AUROC | age and sex | difference | threshold | shown |\n\
        |---|---|---|---|---|---|---|---|\n",
    );
    for one in fitted {
        let skill = one.skill.as_ref().map_or("few | | | ".to_owned(), |skill| {
            format!(
                "{} | {:.3} | {:.3} | {:+.3} to {:+.3}",
                skill.events, skill.auroc, skill.baseline_auroc, skill.difference.0, skill.difference.1
            )
        });
        let shown = one.silent.map_or("yes", |why| why.as_str());
        let threshold = 100.0 * one.alert_threshold;
        // Writing to a string cannot fail.
        let _ = writeln!(card, "| {} | {} | {skill} | {threshold:.1} % | {shown} |", one.phenotype, one.horizon_days);
    }
    card
}
