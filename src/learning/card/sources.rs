//! The 31 source attributes that 45 CFR 170.315(b)(11)(iv)(B) asks of predictive decision support, grouped as the rule
//! groups them, in our own words.
//!
//! What was measured or is true of the program is filled in; what only the hospital can know is marked as such. Nothing
//! is made up to fill a line.

use super::Described;
use crate::learning::shard::Split;
use crate::prediction::vocabulary::Trait;
use std::fmt::Write;

/// What a hospital must say itself.
pub const HOSPITAL: &str = "**To be filled by the hospital.**";

/// One group of the rule and its attributes: what is asked, what is answered.
pub struct Group {
    pub title: &'static str,
    pub attributes: Vec<(&'static str, String)>,
}

/// Every group, in the order of the rule.
pub fn groups(card: &Described) -> Vec<Group> {
    vec![
        output(card),
        purpose(card),
        cautions(card),
        development(card),
        fairness(),
        external(),
        measures(card),
        upkeep(card),
        updates(),
    ]
}

/// The section of `card.md`.
pub fn markdown(card: &Described) -> String {
    let mut text = String::from(
        "## Source attributes (45 CFR 170.315(b)(11)(iv)(B))\n\n\
         The 31 attributes that the HTI-1 rule asks of predictive decision support interventions, in the rule's order.\n\n",
    );
    let mut number = 0;
    for (place, group) in groups(card).iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "### {}. {}\n", place + 1, group.title);
        for (asked, answer) in &group.attributes {
            number += 1;
            let _ = writeln!(text, "{number}. *{asked}*: {answer}");
        }
        text.push('\n');
    }
    text
}

fn ours(text: &str) -> String {
    text.to_owned()
}

/// What we can say, and that more is needed.
fn and_hospital(text: &str) -> String {
    format!("{text} {HOSPITAL}")
}

fn output(card: &Described) -> Group {
    let value = format!(
        "the calibrated probability, with a 95 % interval, of each of {} outcomes within {:?} days, beside the average of \
         the same age and sex, with the facts of the record that moved it most",
        card.phenotypes.outcomes.len(),
        card.phenotypes.horizons_days
    );
    Group {
        title: "Details and output",
        attributes: vec![
            (
                "Developer, and how to reach it",
                and_hospital("The Prodrome project; the package's maker adds a contact."),
            ),
            ("Who paid for its making", and_hospital("No outside funding is recorded in the package.")),
            ("What value it gives", value),
            ("Kind of output", ours("a prediction (a probability); no diagnosis, no instruction")),
        ],
    }
}

fn purpose(card: &Described) -> Group {
    let population = format!(
        "people of {} to {} years with at least {} days of record",
        card.limits.least_age_years, card.limits.most_age_years, card.limits.least_history_days
    );
    Group {
        title: "Purpose",
        attributes: vec![
            (
                "Intended use",
                ours(
                    "demonstration and research: drawing attention to patients at high risk of an outcome that can be acted on. This package, trained on synthetic patients, is not for care",
                ),
            ),
            ("Intended patients", population),
            ("Intended users", ours("clinicians who can see the whole record and judge the reasons shown")),
            ("Role in a decision", ours("informs; neither replaces nor directs a clinician's judgement")),
        ],
    }
}

fn cautions(card: &Described) -> Group {
    let limits = card.limits;
    let out_of_scope = format!(
        "real patients before local training and evaluation; ages outside {} to {} years; fewer than {} active days; more \
         than {:.0} % unknown codes; triage of emergencies; any use of a risk as a cause or of a reason as a treatment target",
        limits.least_age_years,
        limits.most_age_years,
        limits.least_active_days,
        100.0 * limits.most_unknown_share
    );
    Group {
        title: "Cautioned out-of-scope use",
        attributes: vec![
            ("Tasks, situations and people it should not be used for", out_of_scope),
            (
                "Known risks and limits",
                ours(
                    "see *Known faults of the patients it learned from* and *How sure a number is* above; missing data are not recognised as missing care; a record cut short looks like a healthy one",
                ),
            ),
        ],
    }
}

fn development(card: &Described) -> Group {
    let criteria = format!(
        "index days of patients aged {} or more with a year of record before and a year of follow-up after; {} training \
         patients in the dataset; who has an outcome already, or an exclusion of it, is not asked about it",
        card.limits.least_age_years,
        card.origin.of_split(Split::Train)
    );
    Group {
        title: "Development and input features",
        attributes: vec![
            ("Who was in the training data and who was not", criteria),
            ("Use of demographic and social variables as inputs", inputs(card)),
            (
                "How representative the training data are",
                and_hospital(
                    "Synthetic residents of a few states of the USA; sexes and ages of the dataset are those of the generator, race and ethnicity of the Patient resource are not kept.",
                ),
            ),
            (
                "How relevant the training data are to where it is used",
                and_hospital("Synthetic; relevant to no hospital."),
            ),
        ],
    }
}

/// Answers to questionnaires about living, by LOINC code, that a vocabulary may hold.
const ASKED: [(&str, &str); 6] = [
    ("L:67875-5", "employment"),
    ("L:71802-3", "housing"),
    ("L:93029-7", "social contacts"),
    ("L:93030-5", "transport"),
    ("L:93034-7", "military service"),
    ("L:93038-8", "stress"),
];

/// What of the rule's variables is read, looked up in the vocabulary rather than claimed.
fn inputs(card: &Described) -> String {
    let read = |code: &str| {
        let is_it = |key: &str| key.strip_prefix("OBS|").is_some_and(|rest| rest.split('=').next() == Some(code));
        card.vocabulary.keys.iter().any(|entry| is_it(&entry.key))
    };
    let known: Vec<&str> = ASKED.iter().filter(|(code, _)| read(code)).map(|(_, word)| *word).collect();
    let asked = match known.is_empty() {
        true => "The vocabulary has no questionnaire answers about living".to_owned(),
        false => format!(
            "Where a record holds questionnaire answers as observations, these are read as any other fact: {}",
            known.join(", ")
        ),
    };
    let never: Vec<&str> = Trait::ALL.into_iter().map(Trait::words).collect();
    format!(
        "sex and date of birth (as age) are inputs; nothing else of the Patient resource is (no race, ethnicity, address, \
         marital status, language). What the rest of a record tells of a personal trait by a known code is never read, \
         neither in training nor in serving (`docs/adr/0008-what-is-never-read.md`): {}; under local codes it is not \
         recognised. {asked}; coded social findings in the problem list that care can act on (homelessness, violence, \
         isolation) are read too. None of them is shown as a reason",
        never.join(", ")
    )
}

fn fairness() -> Group {
    Group {
        title: "Fairness in development",
        attributes: vec![
            (
                "What was done so that outputs are fair",
                ours(
                    "personal traits are not read; every risk stands beside the average of the same age and sex; outcomes are shown only where they do better than that average; false-alert thresholds are fitted by sex and age band as well as together",
                ),
            ),
            (
                "How bias is managed",
                ours(
                    "`prodrome evaluate` reports discrimination and calibration by sex, age band and length of record; race and ethnicity where an evaluation file gives them. No weights were adjusted for fairness",
                ),
            ),
        ],
    }
}

fn external() -> Group {
    Group {
        title: "External validation",
        attributes: vec![
            (
                "Data and setting",
                ours("none by this package itself; `prodrome evaluate` on other data writes its own report"),
            ),
            ("Who tested", ours(HOSPITAL)),
            ("How representative those data are", ours(HOSPITAL)),
            ("How it was tested", and_hospital("`docs/guides/evaluate.md` tells the protocol.")),
        ],
    }
}

fn measures(card: &Described) -> Group {
    let validity = match card.discrimination() {
        Some([low, middle, high]) => format!(
            "validation patients (used to choose what is shown, so a little too good): AUROC {low:.3} to {high:.3}, median \
             {middle:.3}, over {} outcome-horizons shown; each with its interval against age and sex in the table above. \
             Test figures are those of `prodrome evaluate`, in its report",
            card.shown().count()
        ),
        None => "not measured while packaging; see the report of `prodrome evaluate`".to_owned(),
    };
    Group {
        title: "Quantitative measures of performance",
        attributes: vec![
            ("Validity, same source", validity),
            ("Fairness, same source", ours("subgroup tables in the report of `prodrome evaluate`")),
            ("Validity, other source", and_hospital("None in the package.")),
            ("Fairness, other source", and_hospital("None in the package.")),
            ("Evaluations of its use on outcomes of care", ours("none: it was never used in care")),
        ],
    }
}

fn upkeep(card: &Described) -> Group {
    let local = match &card.origin.recalibrated {
        Some(site) => format!(
            "calibrated on {} to {} local patients; its validity there is `prodrome evaluate`'s to say",
            site.made, site.patients
        ),
        None => "not calibrated on local data; `prodrome calibrate` does it".to_owned(),
    };
    Group {
        title: "Ongoing maintenance",
        attributes: vec![
            (
                "How and how often validity is watched",
                and_hospital("`prodrome evaluate` on recent patients, calibration first."),
            ),
            ("Validity in local data", and_hospital(&local)),
            ("How and how often fairness is watched", and_hospital("The subgroup tables of the same report.")),
            ("Fairness in local data", ours(HOSPITAL)),
        ],
    }
}

fn updates() -> Group {
    Group {
        title: "Updates and continued validation",
        attributes: vec![
            (
                "How and how often it is updated",
                and_hospital(
                    "`prodrome calibrate` in minutes, `prodrome train` and `package` anew; every package has its own hash, which each answer names.",
                ),
            ),
            ("How often performance is corrected when risks are found", ours(HOSPITAL)),
        ],
    }
}
