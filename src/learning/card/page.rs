//! `card.md`: the card as a page to read.

use super::artefacts::ARTEFACTS;
use super::{Described, sources};
use crate::learning::shard::Split;
use crate::prediction::package::Skill;
use std::fmt::Write;

/// The whole page.
pub fn markdown(card: &Described) -> String {
    let mut page = head(card);
    page.push_str(&data(card));
    page.push_str(&limits(card));
    page.push_str(&how(card));
    page.push_str(&outcomes(card));
    page.push_str(&pairs(card));
    page.push_str(&sources::markdown(card));
    page
}

fn head(card: &Described) -> String {
    let origin = card.origin;
    let dated = if origin.made.is_empty() {
        String::new()
    } else {
        format!(", made {} by Prodrome {}", origin.made, origin.program)
    };
    let readers = match origin.readers.is_empty() {
        true => "readers of patient histories".to_owned(),
        false => origin.readers.join("; "),
    };
    let mut text = format!(
        "# Model card: {}\n\nA foundation model of patient histories{dated}: {readers}. {} outcomes at {:?} days; {} \
         outcome-horizons may be shown.\n\n",
        origin.name,
        card.phenotypes.outcomes.len(),
        card.phenotypes.horizons_days,
        card.shown().count(),
    );
    if let Some(site) = &origin.recalibrated {
        let skill = match site.skill_measured {
            true => "validation patients of that site decided what may be shown",
            false => "what may be shown is still what the first site's validation patients decided",
        };
        let _ = write!(
            text,
            "**Fitted anew on {} to {} patients ({} index days) of dataset `{}`**: calibration, averages, thresholds and \
             limits are theirs; {skill}. Weights are as they were.\n\n",
            site.made,
            site.patients,
            site.index_days,
            short(&site.data_sha256)
        );
    }
    text
}

/// The first twelve digits of a hash.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn data(card: &Described) -> String {
    let origin = card.origin;
    let mut text = format!(
        "## What it was trained on\n\n\
         **Synthetic patients only.** {} training patients fitted the weights, {} validation patients decided when to \
         stop and what may be shown, {} calibration patients fitted calibration and thresholds; {} test patients were \
         not used here. Dataset `{}`: days since birth, codes and numbers; no names, texts or calendar dates.\n\
         Synthetic data prove the machinery, not medicine. Before any clinical use a hospital must train, calibrate and \
         evaluate on its own records.\n\n",
        origin.of_split(Split::Train),
        origin.of_split(Split::Validation),
        origin.of_split(Split::Calibration),
        origin.of_split(Split::Test),
        short(&origin.data_sha256),
    );
    text.push_str("What the leakage linter said of the dataset before training:\n\n");
    if origin.lint.is_empty() {
        text.push_str("- not recorded\n");
    }
    origin.lint.iter().for_each(|line| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {line}");
    });
    text.push_str("\nKnown faults of the patients it learned from:\n\n");
    ARTEFACTS.iter().for_each(|line| {
        let _ = writeln!(text, "- {line}");
    });
    text.push('\n');
    text
}

fn limits(card: &Described) -> String {
    let limits = card.limits;
    let far = match limits.most_distance {
        Some(_) => ", and charts of which the readers say what they say of hardly one calibration chart in a hundred",
        None => "",
    };
    format!(
        "## What it must not be used for\n\n\
         - Care of real patients in this form.\n\
         - Any claim that a fact causes a risk: reasons are associations, found by leaving facts out.\n\
         - People under {} or over {} years, charts with fewer than {} active days or {} days of record, charts of \
         which more than {:.0} % of the codes are unknown{far}: the server stays silent there.\n\
         - Death, pregnancy, medication starts, laboratory values and negative controls: computed, never shown.\n\n",
        limits.least_age_years,
        limits.most_age_years,
        limits.least_active_days,
        limits.least_history_days,
        100.0 * limits.most_unknown_share,
    )
}

fn how(card: &Described) -> String {
    let mut text = String::from(
        "## How sure a number is\n\n\
         - A **risk** is moved along a straight line on the log odds, fitted on calibration patients.\n\
         - Its **interval** says how far it would move had other patients calibrated it: the covariance of that line, \
         counted by whole patients. The doubt in the weights and the differences between patients of one risk are not in \
         it.\n\
         - A **false-alert threshold** for alpha keeps this promise: of new patients exchangeable with the calibration \
         patients, one at random, and one at random of her index days on which she is at risk and the outcome does not \
         follow, reaches it with a chance of at most alpha, over the draw of calibration patients too. It promises \
         nothing for a certain patient, nor at a hospital that differs from the one calibrated on. `evaluate` checks it.\n\n",
    );
    if !card.origin.choices.is_empty() {
        text.push_str("Chosen on validation patients:\n\n");
        card.origin.choices.iter().for_each(|line| {
            let _ = writeln!(text, "- {line}");
        });
        text.push('\n');
    }
    text
}

fn outcomes(card: &Described) -> String {
    let mut text = String::from(
        "## Outcomes\n\n\
         Validation AUROC beside age and sex (outcome from the as-of day on, 95 % interval of the difference over \
         draws of patients). Only outcomes whose interval lies above 0 are shown. The threshold is the calibrated risk \
         that 5 % of calibration index days exceed; the last column keeps false alerts at 5 % of those without the event.\n\n\
         | outcome | days | events | AUROC | age and sex | difference | threshold | shown | false alerts 5 % |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for one in card.fitted {
        let skill = skill_cells(one.skill.as_ref());
        let shown = one.silent.map_or("yes", |why| why.as_str());
        let rare = one.false_alerts.iter().find(|kept| kept.alpha == 0.05).and_then(|kept| kept.threshold);
        let rare = rare.map_or_else(|| "–".to_owned(), |threshold| format!("{:.1} %", 100.0 * threshold));
        let threshold = 100.0 * one.alert_threshold;
        let _ = writeln!(
            text,
            "| {} | {} | {skill} | {threshold:.1} % | {shown} | {rare} |",
            one.phenotype, one.horizon_days
        );
    }
    text.push('\n');
    text
}

/// Events, AUROC, that of age and sex, and the interval of the difference.
fn skill_cells(skill: Option<&Skill>) -> String {
    skill.map_or("few | | | ".to_owned(), |skill| {
        format!(
            "{} | {:.3} | {:.3} | {:+.3} to {:+.3}",
            skill.events, skill.auroc, skill.baseline_auroc, skill.difference.0, skill.difference.1
        )
    })
}

fn pairs(card: &Described) -> String {
    if card.pairs.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "## Pairs: an outcome after a discharge or the start of a drug\n\n\
         Asked at the end of the day itself, without a gap; figures on such days of validation patients, as above. What \
         follows a start is associated with it; nothing here says that the drug is the cause. A pair without skill is \
         never served.\n\n\
         | pair | events | AUROC | age and sex | difference | served |\n|---|---|---|---|---|---|\n",
    );
    for one in card.pairs {
        let title = card.phenotypes.occasions.pair(&one.pair).map_or(&*one.pair, |pair| &*pair.title);
        let served = one.silent.map_or("yes", |why| why.as_str());
        let _ = writeln!(text, "| {title} | {} | {served} |", skill_cells(one.skill.as_ref()));
    }
    text.push('\n');
    text
}
