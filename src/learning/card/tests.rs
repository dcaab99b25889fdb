//! The card says what the rule asks, in the schema's order, and nothing of it can break the XML.

use super::{Described, Origin, Recalibrated, chai, page, sources};
use crate::learning::shard::Split;
use crate::patient_record::timeline::Kind;
use crate::prediction::answer::Abstention;
use crate::prediction::calibration::{AgeSexTable, Line};
use crate::prediction::false_alerts::FalseAlerts;
use crate::prediction::interval::Spread;
use crate::prediction::package::{Fitted, FittedPair, Limits, Skill};
use crate::prediction::phenotype::{DEFAULT, Phenotypes};
use crate::prediction::vocabulary::{KeyEntry, Vocabulary};

fn described(origin: &Origin, test: impl FnOnce(&Described)) {
    let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
    let skill = Skill { events: 81, rows: 900, auroc: 0.8123, baseline_auroc: 0.7, difference: (0.05, 0.17) };
    let kept = FalseAlerts { alpha: 0.05, threshold: Some(0.31), by_stratum: vec![None; 4] };
    let fitted = [Fitted {
        phenotype: "heart-failure".into(),
        horizon_days: 365,
        line: Line::UNCHANGED,
        baseline: AgeSexTable::fit([].into_iter()),
        alert_threshold: 0.2,
        silent: None,
        spread: None,
        false_alerts: vec![kept],
        skill: Some(skill),
    }];
    let limits = Limits {
        least_age_years: 30.0,
        most_age_years: 105.0,
        least_active_days: 5,
        least_history_days: 365,
        most_unknown_share: 0.1,
        most_distance: Some(2.0),
    };
    let key = "OBS|L:71802-3=L:1".into();
    let entry = KeyEntry { key, kind: Kind::Observation, display: String::new(), patients: 9 };
    let vocabulary = Vocabulary::new(vec![entry], Vec::new(), Vec::new());
    let pair = |name: &str, skill: Option<Skill>, silent| FittedPair {
        pair: name.into(),
        line: Line::UNCHANGED,
        spread: Spread { slope: 0.0, intercept: 0.0, both: 0.0 },
        baseline: AgeSexTable::fit([].into_iter()),
        silent,
        skill,
    };
    let skill = fitted[0].skill.clone();
    let pairs = [pair("readmission-30", skill, None), pair("statin-alt-90", None, Some(Abstention::NoSkill))];
    test(&Described {
        origin,
        phenotypes: &phenotypes,
        vocabulary: &vocabulary,
        fitted: &fitted,
        pairs: &pairs,
        limits: &limits,
    });
}

fn origin() -> Origin {
    Origin {
        name: "prodrome-<s> & more".into(),
        made: "2026-11-22".into(),
        readers: vec!["2 transformers".into()],
        patients: [(Split::Train, 2_006)].into(),
        lint: vec!["calendar-time: 58 keys belong to one era".into()],
        ..Origin::default()
    }
}

#[test]
fn all_thirty_one_source_attributes_are_answered_in_nine_groups() {
    described(&origin(), |card| {
        let groups = sources::groups(card);
        let counts: Vec<usize> = groups.iter().map(|group| group.attributes.len()).collect();
        assert_eq!(counts, [4, 4, 2, 4, 2, 4, 5, 4, 2]);
        assert_eq!(counts.iter().sum::<usize>(), 31);
        assert!(
            groups
                .iter()
                .flat_map(|group| &group.attributes)
                .all(|(asked, answer)| !asked.is_empty() && !answer.is_empty())
        );
        let text = sources::markdown(card);
        assert!(text.contains("read as any other fact: housing;"), "{text}");
        assert!(text.contains("0008-what-is-never-read.md`): race and ethnicity, language,"), "{text}");
        assert!(text.contains("31. *") && text.contains(sources::HOSPITAL) && text.contains("AUROC 0.812 to 0.812"));
    });
}

#[test]
fn the_page_tells_data_faults_promises_and_figures() {
    described(&origin(), |card| {
        let text = page::markdown(card);
        for told in [
            "2006 training patients",
            "58 keys belong to one era",
            "made 2026-11-22",
            "| heart-failure | 365 | 81 | 0.812 | 0.700 | +0.050 to +0.170 | 20.0 % | yes | 31.0 % |",
            "| readmission within 30 days of discharge | 81 | 0.812 | 0.700 | +0.050 to +0.170 | yes |",
            "| alt of 55 u/l or more within 90 days of starting a statin | few | | |  | no-skill |",
            "chronic, back",
            "an unknown number of test patients",
        ] {
            assert!(text.to_lowercase().contains(&told.to_lowercase()), "{told}\n{text}");
        }
    });
    let site = Recalibrated {
        made: "2026-12-01".into(),
        patients: 212,
        index_days: 3_000,
        data_sha256: "ab".into(),
        skill_measured: false,
    };
    described(&Origin { recalibrated: Some(site), ..origin() }, |card| {
        assert!(page::markdown(card).contains("Fitted anew on 2026-12-01 to 212 patients"));
    });
}

/// Element names in the order in which they open.
fn opened(xml: &str) -> Vec<&str> {
    xml.match_indices('<')
        .filter_map(|(at, _)| {
            let name = &xml[at + 1..];
            name.starts_with(char::is_alphabetic).then(|| name.split([' ', '>']).next().unwrap_or_default())
        })
        .collect()
}

#[test]
fn the_xml_has_the_schema_s_elements_in_their_order_and_every_text_is_escaped() {
    described(&origin(), |card| {
        let xml = chai::xml(card);
        assert!(xml.contains("<ModelName>prodrome-&lt;s&gt; &amp; more</ModelName>"), "{xml}");
        let names = opened(&xml);
        let expected = [
            "AppliedModelCard",
            "BasicInfo",
            "ModelName",
            "ModelDeveloper",
            "DeveloperContact",
            "ReleaseInfo",
            "ReleaseStage",
            "ReleaseDate",
            "ReleaseVersion",
            "GlobalAvailability",
            "RegulatoryApproval",
            "ModelSummary",
            "Summary",
            "Keywords",
        ];
        assert_eq!(names[..expected.len()], expected);
        let after =
            |name: &str| names.iter().skip_while(|known| **known != name).skip(1).copied().take(6).collect::<Vec<_>>();
        assert_eq!(
            after("UsesAndDirections")[..5],
            [
                "IntendedUseAndWorkflow",
                "PrimaryIntendedUsers",
                "HowToUse",
                "TargetedPatientPopulation",
                "CautionedOutOfScopeSettings"
            ]
        );
        assert_eq!(
            after("UsefulnessUsabilityEfficacy")[..5],
            ["MetricGoal", "Results", "MetricResult", "Label", "ValueJson"]
        );
        assert_eq!(
            after("Resources")[..4],
            ["EvaluationReferences", "PeerReviewedPublications", "PatientConsentOrDisclosure", "Bibliography"]
        );
        for name in names {
            let closes = xml.matches(&format!("</{name}>")).count();
            let opens = xml.matches(&format!("<{name}>")).count() + xml.matches(&format!("<{name} ")).count();
            assert_eq!(opens, closes, "{name}");
        }
    });
}
