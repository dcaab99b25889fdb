//! `card.xml`: the card for machines, after the Applied Model Card of the Coalition for Health AI, version 0.2.
//!
//! Element names and their order are those of the published schema (namespace `https://mc.chai.org/v0.2/schema.xsd`);
//! texts may hold Markdown. What only a hospital can say is marked so.

use super::artefacts::ARTEFACTS;
use super::{Described, sources};
use crate::learning::shard::Split;
use std::fmt::Write;

/// The namespace of the schema.
pub const NAMESPACE: &str = "https://mc.chai.org/v0.2/schema.xsd";
const HOSPITAL: &str = "To be filled by the hospital.";

/// An XML text under construction.
struct Xml {
    text: String,
    open: Vec<&'static str>,
}

impl Xml {
    fn group(&mut self, name: &'static str, inside: impl FnOnce(&mut Self)) {
        let _ = writeln!(self.text, "{}<{name}>", "  ".repeat(self.open.len()));
        self.open.push(name);
        inside(self);
        self.open.pop();
        let _ = writeln!(self.text, "{}</{name}>", "  ".repeat(self.open.len()));
    }

    fn leaf(&mut self, name: &str, text: &str) {
        let _ = writeln!(self.text, "{}<{name}>{}</{name}>", "  ".repeat(self.open.len()), escaped(text));
    }
}

/// Text without what XML would take for markup or cannot hold.
fn escaped(text: &str) -> String {
    let plain = text.chars().filter(|&c| !c.is_control() || matches!(c, '\n' | '\t'));
    plain.fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
        out
    })
}

/// The whole document.
pub fn xml(card: &Described) -> String {
    let mut xml =
        Xml { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), open: vec!["AppliedModelCard"] };
    let _ = writeln!(xml.text, "<AppliedModelCard xmlns=\"{NAMESPACE}\">");
    xml.group("BasicInfo", |xml| {
        xml.leaf("ModelName", &card.origin.name);
        xml.leaf("ModelDeveloper", "The Prodrome project");
        xml.leaf("DeveloperContact", HOSPITAL);
    });
    xml.group("ReleaseInfo", |xml| {
        xml.leaf("ReleaseStage", "Demonstration on synthetic patients; not for care");
        xml.leaf("ReleaseDate", or_unknown(&card.origin.made));
        xml.leaf("ReleaseVersion", &format!("Prodrome {}", or_unknown(&card.origin.program)));
        xml.leaf("GlobalAvailability", HOSPITAL);
        xml.leaf("RegulatoryApproval", "None");
    });
    xml.group("ModelSummary", |xml| {
        xml.leaf("Summary", &summary(card));
        xml.group("Keywords", |xml| {
            let keywords =
                ["predictive decision support", "CDS Hooks", "FHIR", "electronic health records", "synthetic data"];
            keywords.iter().for_each(|keyword| xml.leaf("Keyword", keyword));
        });
    });
    uses(&mut xml, card);
    trust(&mut xml, card);
    metrics(&mut xml, card);
    xml.group("Resources", |xml| {
        xml.leaf("EvaluationReferences", "The report that `prodrome evaluate` writes on test patients");
        xml.leaf("PeerReviewedPublications", "None");
        xml.leaf(
            "PatientConsentOrDisclosure",
            "Synthetic patients need no consent. For local data: to be filled by the hospital.",
        );
    });
    xml.leaf("Bibliography", "");
    xml.text.push_str("</AppliedModelCard>\n");
    xml.text
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "not recorded" } else { text }
}

fn summary(card: &Described) -> String {
    format!(
        "Calibrated probabilities of {} outcomes within {:?} days from the coded history of one patient, each with an \
         interval, the average of the same age and sex, and the facts that moved it; {} outcome-horizons may be shown. \
         Trained on synthetic patients only: it shows how the software works, not what medicine knows.",
        card.phenotypes.outcomes.len(),
        card.phenotypes.horizons_days,
        card.shown().count()
    )
}

/// The answer to one of the rule's questions, by group and place.
fn answer(card: &Described, group: usize, place: usize) -> String {
    let groups = sources::groups(card);
    let found = groups.get(group).and_then(|group| group.attributes.get(place));
    found.map(|(_, answer)| answer.replace("**", "")).unwrap_or_default()
}

fn uses(xml: &mut Xml, card: &Described) {
    xml.group("UsesAndDirections", |xml| {
        xml.leaf("IntendedUseAndWorkflow", &answer(card, 1, 0));
        xml.leaf("PrimaryIntendedUsers", &answer(card, 1, 2));
        xml.leaf("HowToUse", "As a CDS Hooks service (`prodrome serve`) or on files (`prodrome predict`); cards name risk, average, reasons and what was not read");
        xml.leaf("TargetedPatientPopulation", &answer(card, 1, 1));
        xml.leaf("CautionedOutOfScopeSettings", &answer(card, 2, 0));
    });
    xml.group("Warnings", |xml| {
        xml.leaf(
            "KnownRisksAndLimitations",
            &format!("Known faults of the synthetic patients: {}", ARTEFACTS.join(" ")),
        );
        xml.leaf("KnownBiasesOrEthicalConsiderations", &answer(card, 3, 1));
        xml.leaf("ClinicalRiskLevel", "Not assessed: not for care. To be filled by the hospital.");
    });
}

fn trust(xml: &mut Xml, card: &Described) {
    let origin = card.origin;
    let data = format!(
        "{} training, {} validation, {} calibration and {} test patients, all synthetic; dataset {}. Leakage linter: {}.",
        origin.of_split(Split::Train),
        origin.of_split(Split::Validation),
        origin.of_split(Split::Calibration),
        origin.of_split(Split::Test),
        origin.data_sha256,
        if origin.lint.is_empty() { "not recorded".to_owned() } else { origin.lint.join("; ") }
    );
    xml.group("TrustIngredients", |xml| {
        xml.group("AISystemFacts", |xml| {
            xml.leaf("OutcomesAndOutputs", &answer(card, 0, 2));
            xml.leaf(
                "ModelType",
                &if origin.readers.is_empty() {
                    "readers of patient histories".to_owned()
                } else {
                    origin.readers.join("; ")
                },
            );
            xml.leaf(
                "FoundationModels",
                "None from elsewhere: weights were trained from nothing on the data described here",
            );
            xml.leaf("InputDataSource", "FHIR R4, R4B or R5 resources of one patient, as an EHR sends them");
            xml.leaf(
                "OutputAndInputDataTypes",
                "Input: dated codes and numbers. Output: probabilities with intervals, reasons",
            );
            xml.leaf("DevelopmentDataCharacterization", &data);
            xml.leaf("BiasMitigationApproaches", &answer(card, 4, 0));
            xml.leaf("OngoingMaintenance", &answer(card, 8, 0));
            xml.leaf("Security", "Runs inside the hospital; patient data reach no log, metric or error text");
            xml.leaf(
                "Transparency",
                "Source, outcome definitions, calibration and thresholds are in the package and open",
            );
        });
        xml.group("TransparencyInformation", |xml| {
            xml.leaf("FundingSource", &answer(card, 0, 1));
            xml.leaf("StakeholdersConsulted", HOSPITAL);
        });
    });
}

/// One of the three groups of key metrics.
struct Metric {
    name: &'static str,
    goal: &'static str,
    results: Vec<(String, String)>,
    interpretation: String,
}

fn metrics(xml: &mut Xml, card: &Described) {
    let skill = |one: &crate::prediction::package::Fitted| {
        let skill = one.skill.as_ref()?;
        let value = serde_json::json!({
            "auroc": rounded(skill.auroc), "age_and_sex": rounded(skill.baseline_auroc),
            "difference_low": rounded(skill.difference.0), "difference_high": rounded(skill.difference.1),
            "events": skill.events, "rows": skill.rows,
        });
        Some((format!("{} within {} days", one.phenotype, one.horizon_days), value.to_string()))
    };
    let promised = |one: &crate::prediction::package::Fitted| {
        let kept = one.false_alerts.iter().find(|kept| kept.alpha == 0.05)?;
        let value = serde_json::json!({ "alpha": 0.05, "threshold": kept.threshold.map(rounded) });
        Some((format!("{} within {} days", one.phenotype, one.horizon_days), value.to_string()))
    };
    let all = [
        Metric {
            name: "UsefulnessUsabilityEfficacy",
            goal: "Better than age and sex on validation patients: the 95 % interval of the difference in AUROC above 0",
            results: card.shown().filter_map(skill).collect(),
            interpretation: answer(card, 6, 0),
        },
        Metric { name: "FairnessEquity", goal: "Discrimination and calibration alike in subgroups", results: Vec::new(), interpretation: answer(card, 6, 1) },
        Metric {
            name: "SafetyReliability",
            goal: "False alerts among those without the event stay below 5 %",
            results: card.shown().filter_map(promised).collect(),
            interpretation: "Thresholds by split conformal prediction; promised for patients exchangeable with the calibration patients, checked by `prodrome evaluate`".to_owned(),
        },
    ];
    xml.group("KeyMetrics", |xml| {
        for metric in all {
            xml.group(metric.name, |xml| metric_group(xml, metric));
        }
    });
}

fn metric_group(xml: &mut Xml, metric: Metric) {
    xml.leaf("MetricGoal", metric.goal);
    xml.group("Results", |xml| {
        let mut results = metric.results;
        if results.is_empty() {
            results.push(("not measured while packaging".to_owned(), "null".to_owned()));
        }
        for (label, json) in results {
            xml.group("MetricResult", |xml| {
                xml.leaf("Label", &label);
                xml.leaf("ValueJson", &json);
            });
        }
    });
    xml.leaf("Interpretation", &metric.interpretation);
    xml.leaf("TestType", "Internal");
    xml.leaf("TestingDataDescription", "Validation and calibration patients of the dataset described above, synthetic");
    xml.leaf(
        "ValidationProcessAndJustification",
        "Patients of each split are disjoint; intervals over draws of whole patients",
    );
}

/// To four places, as a page would show it.
fn rounded(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}
