//! The definitions in `profiles/` are valid R4, name what the code writes, and list every reason for silence.

use fhir_fence::risk_assessment::{ABSTAINED, BASELINE, INTERVAL, MODELS, NOT_READ, OUTCOMES, PROFILE};
use prodrome::prediction::answer::Abstention;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Every definition by its canonical.
fn definitions() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let files = std::fs::read_dir(folder).expect("profiles/").map(|entry| entry.expect("an entry").path());
    let read = files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).map(|path| {
        let bytes = std::fs::read(&path).expect("a definition");
        fhir_fence::check(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let definition: Value = serde_json::from_slice(&bytes).expect("JSON");
        (definition["url"].as_str().expect("a canonical").to_owned(), definition)
    });
    read.collect()
}

#[test]
fn every_canonical_that_the_code_writes_is_defined_and_no_other() {
    let defined: BTreeSet<String> = definitions().into_keys().collect();
    let written = [PROFILE, BASELINE, ABSTAINED, INTERVAL, NOT_READ, OUTCOMES, MODELS];
    let supporting =
        ["CodeSystem/abstention", "ValueSet/abstention"].map(|end| format!("https://prodrome.org/fhir/{end}"));
    assert_eq!(defined, written.map(str::to_owned).into_iter().chain(supporting).collect());
}

#[test]
fn the_profile_asks_for_the_extensions_by_their_canonicals() {
    let profile = definitions()[PROFILE].to_string();
    for extension in [BASELINE, ABSTAINED, INTERVAL, NOT_READ, OUTCOMES, MODELS] {
        assert!(profile.contains(&format!("\"{extension}\"")), "{extension}");
    }
}

#[test]
fn every_reason_for_silence_has_its_code_and_every_code_its_reason() {
    use Abstention::*;
    // A new variant does not compile until it stands here, and then in the code system.
    let next = |reason: Option<Abstention>| match reason {
        None => Some(ThinChart),
        Some(ThinChart) => Some(AgeOutOfRange),
        Some(AgeOutOfRange) => Some(SexUnknown),
        Some(SexUnknown) => Some(UnfamiliarCodes),
        Some(UnfamiliarCodes) => Some(UnlikeCalibration),
        Some(UnlikeCalibration) => Some(Deceased),
        Some(Deceased) => Some(AlreadyPresent),
        Some(AlreadyPresent) => Some(NotEligible),
        Some(NotEligible) => Some(NoSkill),
        Some(NoSkill) => Some(NotActionable),
        Some(NotActionable) => None,
    };
    let reasons = std::iter::successors(next(None), |&reason| next(Some(reason)));
    let definitions = definitions();
    let system = &definitions["https://prodrome.org/fhir/CodeSystem/abstention"];
    let codes =
        system["concept"].as_array().expect("concepts").iter().map(|concept| concept["code"].as_str().unwrap_or(""));
    assert_eq!(codes.collect::<Vec<_>>(), reasons.map(Abstention::as_str).collect::<Vec<_>>());
}
