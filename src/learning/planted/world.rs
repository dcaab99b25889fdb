//! What exists in the planted world: outcomes, findings, laboratory values, drugs, by code and name.
//!
//! Owns codes, names and the outcome definitions written from them. Everything is invented; no code is of a real
//! terminology. How fast what happens is said in [`super::hazards`].

/// The code system of everything invented here.
pub const SYSTEM: &str = "https://prodrome.example/planted";
/// Horizons of the outcomes in days, rising.
pub const HORIZONS: [i32; 2] = [365, 1825];
/// Days after the index day that the headline evaluation does not count.
pub const GAP: i32 = 30;
/// Number of outcomes.
pub const N: usize = OUTCOMES.len();

/// A code and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub code: &'static str,
    pub display: &'static str,
}

const fn word(code: &'static str, display: &'static str) -> Word {
    Word { code, display }
}

/// An outcome: it is written into the record, and nothing follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Task name, and code of its Condition.
    pub name: &'static str,
    pub title: &'static str,
    /// Group in the outcome definitions.
    pub group: &'static str,
    pub first_only: bool,
}

const fn disease(name: &'static str, title: &'static str) -> Outcome {
    Outcome { name, title, group: "disease", first_only: false }
}

/// Every outcome; [`Which`] gives their places.
pub const OUTCOMES: [Outcome; 13] = [
    Outcome { name: "coin-flip", title: "coin-flip illness", group: "control", first_only: false },
    Outcome { name: "age-alone", title: "grey knee (age alone)", group: "control", first_only: true },
    Outcome { name: "age-and-sex", title: "marsh ague (age and sex)", group: "disease", first_only: true },
    disease("count", "fen fatigue (recent fevers counted)"),
    Outcome { name: "marks", title: "mottling (both marks together)", group: "disease", first_only: true },
    disease("order", "amber collapse (cough, then rash)"),
    disease("switch", "changeover storm (from pallidine to quillamine)"),
    disease("interval", "violet cluster (two spells close together)"),
    disease("echo", "elm echo (half a year after exposure)"),
    disease("drift", "meander fall (slope of a laboratory value)"),
    disease("treated", "glow crisis (laboratory value and tamerol)"),
    disease("side-effect", "tamerol ache (side effect)"),
    Outcome { name: "death", title: "death", group: "death", first_only: true },
];

/// Places in [`OUTCOMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Which {
    CoinFlip,
    AgeAlone,
    AgeAndSex,
    Count,
    Marks,
    Order,
    Switch,
    Interval,
    Echo,
    Drift,
    Treated,
    SideEffect,
    Death,
}

/// A finding that care writes down: the causes of what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    AmberCough,
    BlueRash,
    VioletSpell,
    ElmExposure,
    FenFever,
    GreyMark,
    GreenMark,
}

impl Finding {
    /// Every finding.
    pub const ALL: [Finding; 7] = [
        Finding::AmberCough,
        Finding::BlueRash,
        Finding::VioletSpell,
        Finding::ElmExposure,
        Finding::FenFever,
        Finding::GreyMark,
        Finding::GreenMark,
    ];

    pub fn word(self) -> Word {
        match self {
            Finding::AmberCough => word("amber-cough", "amber cough"),
            Finding::BlueRash => word("blue-rash", "blue rash"),
            Finding::VioletSpell => word("violet-spell", "violet spell"),
            Finding::ElmExposure => word("elm-exposure", "exposure to elm"),
            Finding::FenFever => word("fen-fever", "fen fever"),
            Finding::GreyMark => word("grey-mark", "grey mark"),
            Finding::GreenMark => word("green-mark", "green mark"),
        }
    }
}

/// Drugs. Everyone takes pallidine or quillamine; tamerol works, idlerol does nothing, and both are given where the
/// glow is high.
pub const PALLIDINE: Word = word("pallidine", "pallidine 5 mg");
pub const QUILLAMINE: Word = word("quillamine", "quillamine 5 mg");
pub const TAMEROL: Word = word("tamerol", "tamerol 10 mg");
pub const IDLEROL: Word = word("idlerol", "idlerol 10 mg");

/// Laboratory values: the meander drifts, the glow rises with age and falls under tamerol, haze is noise.
pub const MEANDER: Word = word("meander", "meander");
pub const GLOW: Word = word("glow", "glow");
pub const HAZE: Word = word("haze", "haze");

/// The type of a planned visit.
pub const ROUTINE: Word = word("routine-visit", "routine visit");

/// A drug whose start is asked about: what if it were begun today?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drug {
    Tamerol,
    Idlerol,
}

impl Drug {
    pub const ALL: [Drug; 2] = [Drug::Tamerol, Drug::Idlerol];

    pub fn word(self) -> Word {
        match self {
            Drug::Tamerol => TAMEROL,
            Drug::Idlerol => IDLEROL,
        }
    }
}

/// The outcome definitions in the format of `config/phenotypes.toml`.
pub fn phenotypes() -> String {
    let mut text = format!(
        "# Outcomes of the planted world, written by `prodrome plant`. Invented: no medicine.\n\
         format = 1\ngap_days = {GAP}\nhorizons_days = [{}, {}]\n",
        HORIZONS[0], HORIZONS[1]
    );
    for outcome in &OUTCOMES {
        let Outcome { name, title, group, first_only } = outcome;
        text += &format!("\n[outcome.{name}]\ntitle = \"{title}\"\ngroup = \"{group}\"\n");
        match *group {
            "death" => text += "rule = \"death\"\n",
            // Codes of an unknown system have the prefix X.
            _ => text += &format!("rule = \"condition\"\ncodes = [\"X:{name}\"]\n"),
        }
        if *first_only {
            text += "first_only = true\n";
        }
    }
    text
}
