use super::*;
use crate::decision_support::protocol::Edition;
use crate::patient_record::timeline::Sex;
use crate::prediction::answer::Abstention;
use crate::prediction::calibration::{AgeSexTable, Line};
use crate::prediction::interval::Spread;
use crate::prediction::model::Outcome;
use crate::prediction::package::FittedPair;
use crate::prediction::pairs::KnownPair;
use crate::prediction::phenotype::{DEFAULT, Phenotypes};
use std::path::Path;

/// What a package answers that knows every outcome of the default file.
fn known() -> Vec<Outcome> {
    let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
    let horizons = &phenotypes.horizons_days;
    let outcomes = phenotypes.outcomes.iter().flat_map(|(name, outcome)| {
        horizons.iter().map(|&horizon_days| Outcome {
            phenotype: name.as_str().into(),
            title: outcome.title.clone(),
            group: outcome.group,
            horizon_days,
            alert_threshold: 0.25,
            false_alerts: Vec::new(),
            silent: None,
        })
    });
    outcomes.collect()
}

/// Every pair of the default file, silent as told by name.
fn known_pairs(silent: impl Fn(&str) -> Option<Abstention>) -> Vec<KnownPair> {
    let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
    let baseline = AgeSexTable::fit((30..90).map(|age| (f64::from(age), Sex::Female, age % 4 == 0)));
    let known = |name: &String| {
        let fitted = FittedPair {
            pair: name.clone(),
            line: Line::UNCHANGED,
            spread: Spread { slope: 0.01, intercept: 0.01, both: 0.0 },
            baseline: baseline.clone(),
            silent: silent(name),
            skill: None,
        };
        KnownPair::new(fitted, &phenotypes).unwrap()
    };
    phenotypes.occasions.pairs.iter().map(|(name, _)| known(name)).collect()
}

const PAIR: &str = r#"format = 1
hooks = ["order-sign"]
description = "Says what followed"
usage_requirements = "Needs orders."

[[pair]]
pair = "nsaid-creatinine-90"
indicator = "info"
topic = "nsaid"
group = "who start an NSAID"
wording = "reach creatinine 2.0 mg/dL"
note = "Monitoring was suggested."

[[pair.suggestion]]
label = "Order creatinine"
system = "http://loinc.org"
code = "2160-0"
display = "Creatinine"
"#;

fn load_pair(text: &str, pairs: &[KnownPair]) -> Result<Catalogue, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("x")).unwrap();
    std::fs::write(folder.path().join("x/service.toml"), text).unwrap();
    let outcomes = known();
    Catalogue::load(folder.path(), Known { outcomes: &outcomes, pairs }).map_err(|error| error.to_string())
}

#[test]
fn every_fault_of_a_pair_names_file_and_remedy() {
    let pairs = known_pairs(|_| None);
    assert!(load_pair(PAIR, &pairs).is_ok());
    for (from, to, expected) in [
        ("nsaid-creatinine-90\"", "nsaid-creatinin-90\"", "nearest one is `nsaid-creatinine-90`"),
        (
            "nsaid-creatinine-90\"",
            "readmission-30\"",
            "a discharge, which none of `hooks` is; add `encounter-discharge`",
        ),
        ("\"order-sign\"", "\"patient-view\"", "an order, which none of `hooks` is; add `order-select`"),
        ("\"order-sign\"", "\"order-sing\"", "the nearest one is `order-sign`"),
        ("\"order-sign\"", "\"order-sign\", \"com..example\"", "reverse-domain"),
        ("topic = \"nsaid\"", "topic = \"n-said\"", "letters and digits"),
        ("who start an NSAID", "who start an NSAID such as naproxen or ibuprofen", "`group` and `wording`"),
        ("indicator = ", "threshold = 2.0\nindicator = ", "`threshold`"),
        ("note = ", "notes = ", "nearest one is `note`"),
        ("Monitoring was suggested.", " ", "`note` must be"),
    ] {
        let message = load_pair(&PAIR.replacen(from, to, 1), &pairs).err().unwrap_or_default();
        assert!(message.contains("x/service.toml") && message.contains(expected), "{from} -> {to}: {message}");
    }
    let outcomes = SMALL.split_once("\n[[outcome]]").unwrap().1;
    let both = load_pair(&format!("{PAIR}\n[[outcome]]{outcomes}"), &pairs).unwrap_err();
    assert!(both.contains("[[outcome]] and [[pair]]"), "{both}");
}

#[test]
fn a_service_at_which_the_package_has_no_skill_is_silent_and_says_so() {
    for pairs in [known_pairs(|_| Some(Abstention::NoSkill)), Vec::new()] {
        let catalogue = load_pair(PAIR, &pairs).unwrap();
        let service = catalogue.find("x").unwrap();
        assert_eq!(service.mode, Mode::Silent);
        let told = service.usage_requirements.as_deref().unwrap();
        assert!(told.starts_with("Needs orders. ") && told.contains("it stays silent"), "{told}");
    }
    let skilled = known_pairs(|name| (name != "nsaid-creatinine-90").then_some(Abstention::NoSkill));
    assert_eq!(load_pair(PAIR, &skilled).unwrap().find("x").unwrap().mode, Mode::Live);
    let mut outcomes = known();
    outcomes.iter_mut().for_each(|outcome| outcome.silent = Some(Abstention::NoSkill));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("x")).unwrap();
    std::fs::write(folder.path().join("x/service.toml"), SMALL).unwrap();
    let catalogue = Catalogue::load(folder.path(), only(&outcomes)).unwrap();
    assert_eq!(catalogue.find("x").unwrap().mode, Mode::Silent);
}

/// A package without pairs.
fn only(outcomes: &[Outcome]) -> Known<'_> {
    Known { outcomes, pairs: &[] }
}

const SMALL: &str = r#"format = 1
hooks = ["patient-view", "encounter-start"]
description = "Says something"

[[outcome]]
phenotype = "ckd-any"
horizon_days = 1825
indicator = "info"
topic = "ckd"

[[outcome.suggestion]]
label = "Order eGFR"
system = "http://loinc.org"
code = "98979-8"
display = "eGFR"
"#;

fn load(text: &str) -> Result<Catalogue, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("x")).unwrap();
    std::fs::write(folder.path().join("x/service.toml"), text).unwrap();
    Catalogue::load(folder.path(), only(&known())).map_err(|error| error.to_string())
}

#[test]
fn the_shipped_services_are_valid() {
    let (outcomes, pairs) = (known(), known_pairs(|_| None));
    let known = Known { outcomes: &outcomes, pairs: &pairs };
    let catalogue = Catalogue::load(Path::new("cds-services"), known).unwrap_or_else(|error| panic!("{error}"));
    let service = catalogue.find("early-detection").unwrap();
    assert!(service.mode == Mode::Live && service.outcomes.len() >= 5);
    for outcome in &service.outcomes {
        assert!(outcome.suggestions.iter().all(|offer| offer.code.system.starts_with("http")));
        for offer in outcome.suggestions.iter().filter(|offer| offer.code.system == "http://loinc.org") {
            assert!(offer.also.iter().all(|code| has_check_digit(code)), "`{}`: a misspelt LOINC code", offer.label);
        }
    }
    let outlook = catalogue.find("order-outlook").unwrap();
    let starts = pairs.iter().filter(|pair| pair.occasion != "discharge");
    assert_eq!(outlook.pairs.len(), starts.count(), "every start that the model may know");
    let longest = outlook.pairs.iter().map(|shown| shown.group.chars().count() + shown.wording.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest <= 58));
    insta::assert_json_snapshot!(catalogue.discovery(Edition::Second));
}

/// The last digit of a LOINC code checks the others (LOINC Users' Guide, "mod 10").
fn has_check_digit(code: &str) -> bool {
    let (number, check) = code.split_once('-').unwrap();
    let digits = number.bytes().rev().enumerate().map(|(place, digit)| {
        let digit = u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
        digit / 10 + digit % 10
    });
    check.parse::<u32>().ok() == Some((10 - digits.sum::<u32>() % 10) % 10)
}

#[test]
fn an_empty_folder_lists_nothing_and_a_missing_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::load(folder.path(), only(&known())).unwrap();
    assert_eq!(serde_json::to_string(&catalogue.discovery(Edition::Second)).unwrap(), r#"{"services":[]}"#);
    let missing = Catalogue::load(&folder.path().join("none"), only(&known())).unwrap_err().to_string();
    assert!(missing.contains("services.path"), "{missing}");
    std::fs::create_dir(folder.path().join("lonely")).unwrap();
    let lonely = Catalogue::load(folder.path(), only(&known())).unwrap_err().to_string();
    assert!(lonely.contains("lonely") && lonely.contains("service.toml"), "{lonely}");
}

#[test]
fn defaults_are_the_models_threshold_every_template_and_patient_view_last() {
    let catalogue = load(SMALL).unwrap();
    let service = catalogue.find("x").unwrap();
    assert_eq!(service.hooks, ["encounter-start", "patient-view"]);
    assert_eq!((service.outcomes[0].threshold, service.outcomes[0].wording.as_str()), (0.25, "chronic kidney disease"));
    assert_eq!(service.prefetch, crate::decision_support::prefetch::standard());
    assert_eq!(catalogue.discovery(Edition::Second).services.len(), 2);
}

#[test]
fn declared_templates_keep_their_order_and_only_simple_ones_are_published() {
    let text = format!(
        "{SMALL}\n[prefetch.zz]\ntemplate = \"Patient/{{{{context.patientId}}}}\"\nrequired = true\n[prefetch.observations]\n\
         [prefetch.aa]\ntemplate = \"Observation?date=ge{{{{today() - 90 days}}}}\"\n"
    );
    let catalogue = load(&text).unwrap();
    let entry = serde_json::to_string(&catalogue.discovery(Edition::Second).services[0]).unwrap();
    assert!(entry.ends_with(
        r#""prefetch":{"zz":"Patient/{{context.patientId}}","observations":"Observation?patient={{context.patientId}}"}}"#
    ));
    assert_eq!(catalogue.find("x").unwrap().prefetch.len(), 3);
}

#[test]
fn every_fault_names_file_line_and_remedy() {
    for (from, to, expected) in [
        ("indicator = ", "indicater = ", ["line 8", "unknown key `indicater`; the nearest one is `indicator`"]),
        ("description", "descripton", ["line 3", "nearest one is `description`"]),
        ("label = ", "lable = ", ["line 12", "nearest one is `label`"]),
        ("\"98979-8\"", "\"98979-8\"\nalso = [\"33914-3\", \"33914-3\"]", ["`also`", "`Order eGFR`"]),
        ("\"98979-8\"", "\"98979-8\"\nalso = [\"98979-8\"]", ["`also`", "x/service.toml"]),
        ("\"98979-8\"", "\"98979-8\"\nalso = [\" \"]", ["`also`", "x/service.toml"]),
        ("\"98979-8\"", "\"98979-8\"\nalos = [\"33914-3\"]", ["line 15", "nearest one is `also`"]),
        ("\"info\"", "\"critical\"", ["line 8", "`info` or `warning`"]),
        ("\"ckd-any\"", "\"ckd-ny\"", ["x/service.toml", "nearest one is `ckd-any`"]),
        ("\"ckd-any\"", "\"death\"", ["x/service.toml", "never be shown"]),
        ("\"ckd-any\"", "\"start-statin\"", ["x/service.toml", "never be shown"]),
        ("1825", "30", ["x/service.toml", "`horizon_days` must be 365 or 1825"]),
        ("topic = \"ckd\"", "topic = \"c-k-d\"", ["x/service.toml", "letters and digits"]),
        ("topic = ", "threshold = 1.5\ntopic = ", ["x/service.toml", "`threshold`"]),
        ("topic = ", "threshold = nan\ntopic = ", ["x/service.toml", "`threshold`"]),
        ("format = 1", "format = 2", ["x/service.toml", "reads format 1"]),
        ("format = 1", "format = ", ["x/service.toml", "line 1"]),
        ("[\"patient-view\", \"encounter-start\"]", "[]", ["x/service.toml", "patient-view"]),
        ("\"encounter-start\"]", "\"patient-view\"]", ["x/service.toml", "twice"]),
        ("[[outcome]]", "[prefetch.patient]\nrequire = true\n[[outcome]]", ["line 6", "nearest one is `required`"]),
        ("[[outcome]]", "[prefetch.odd]\n[[outcome]]", ["prefetch.odd", "`template` is missing"]),
    ] {
        let message = load(&SMALL.replace(from, to)).unwrap_err();
        assert!(expected.iter().all(|part| message.contains(part)), "{from} -> {to}: {message}");
    }
}

#[test]
fn deprecated_hooks_stand_for_their_successors() {
    let service = |hooks: &str| load(&SMALL.replace("\"patient-view\", \"encounter-start\"", hooks)).unwrap();
    let signing = service("\"order-sign\"");
    assert_eq!(signing.find("x").unwrap().hook("order-review"), Some("order-sign"));
    assert_eq!(signing.find("x").unwrap().hook("medication-prescribe"), Some("order-sign"));
    assert_eq!(signing.find("x").unwrap().hook("patient-view"), None);
    assert!(service("\"com.example.ward-round\"").find("x").unwrap().hook("com.example.ward-round").is_some());
}
