use super::choose::{MOST_CARDS, choose, explain};
use super::compose::CallSeed;
use super::wording::{horizon, moves, percent, plain};
use crate::decision_support::protocol::{Coding, Indicator};
use crate::decision_support::service_definition::{Mode, Service, ShownOutcome};
use crate::prediction::answer::{Abstention, Answer, Risk};
use proptest::prelude::*;

fn service(outcomes: &[(&str, f64, Option<&str>)]) -> Service {
    let coding = || Coding { system: "s".into(), code: "c".into(), display: None };
    let shown = |&(name, threshold, family): &(&str, f64, Option<&str>)| ShownOutcome {
        phenotype: name.into(),
        horizon_days: 365,
        threshold,
        indicator: Indicator::Info,
        topic: coding(),
        wording: name.into(),
        family: family.map(str::to_owned),
        suggestions: vec![],
    };
    Service {
        id: "x".into(),
        hooks: vec!["patient-view".into()],
        title: String::new(),
        description: "d".into(),
        usage_requirements: None,
        mode: Mode::Live,
        source_label: "x".into(),
        prefetch: vec![],
        outcomes: outcomes.iter().map(shown).collect(),
        pairs: vec![],
        override_reasons: vec![],
        hash: String::new(),
    }
}

fn answer(risks: &[(&str, f64)]) -> Answer {
    let risk = |&(name, risk): &(&str, f64)| Risk {
        phenotype: name.into(),
        horizon_days: 365,
        risk,
        interval: None,
        baseline_risk: 0.1,
        abstained: None,
    };
    Answer { risks: risks.iter().map(risk).collect(), reasons: vec![], pairs: vec![], abstained: None }
}

fn chosen(service: &Service, answer: &Answer) -> Vec<String> {
    choose(service, answer).iter().map(|(shown, _)| shown.phenotype.clone()).collect()
}

#[test]
fn the_furthest_above_its_threshold_comes_first_and_a_family_shows_one() {
    let service = service(&[
        ("ckd", 0.2, Some("kidney")),
        ("ckd3", 0.1, Some("kidney")),
        ("a", 0.2, None),
        ("b", 0.2, None),
        ("c", 0.2, None),
        ("below", 0.5, None),
    ]);
    let answer = answer(&[("ckd", 0.3), ("ckd3", 0.2), ("a", 0.2), ("b", 0.25), ("c", 0.9), ("below", 0.49)]);
    assert_eq!(chosen(&service, &answer), ["c", "ckd3", "b"]);
    let (rules, most) = explain(&service);
    assert_eq!((rules.len(), most), (6, MOST_CARDS + 1));
}

#[test]
fn an_abstention_silences_its_outcome_or_the_whole_chart() {
    let service = service(&[("a", 0.2, None), ("b", 0.2, None)]);
    let mut answer = answer(&[("a", 0.3), ("b", 0.3)]);
    answer.risks[0].abstained = Some(Abstention::AlreadyPresent);
    assert_eq!(chosen(&service, &answer), ["b"]);
    answer.abstained = Some(Abstention::ThinChart);
    assert!(chosen(&service, &answer).is_empty());
}

#[test]
fn uuids_repeat_for_a_repeated_call_and_differ_in_every_other() {
    let call = CallSeed::new(Some("iss"), "x", "instance", b"{}");
    assert_eq!(call, CallSeed::new(Some("iss"), "x", "instance", b"{}"));
    for other in [
        CallSeed::new(None, "x", "instance", b"{}"),
        CallSeed::new(Some("iss"), "y", "instance", b"{}"),
        CallSeed::new(Some("iss"), "x", "instances", b"{}"),
        CallSeed::new(Some("iss"), "x", "instance", b"{} "),
        CallSeed::new(Some("issx"), "", "instance", b"{}"),
    ] {
        assert_ne!(call, other);
    }
}

#[test]
fn figures_never_claim_certainty() {
    for (risk, text) in [(0.0, "< 0.1 %"), (0.0312, "3.1 %"), (0.0996, "10 %"), (0.231, "23 %"), (1.0, "> 99 %")] {
        assert_eq!(percent(risk), text);
    }
    assert_eq!([horizon(365), horizon(1825), horizon(90), horizon(0)], ["1 year", "5 years", "90 days", "0 days"]);
}

#[test]
fn a_fact_is_worth_a_line_where_its_figure_differs() {
    assert!(!moves(0.1561, 0.1642) && moves(0.1561, 0.1448) && !moves(0.0551, 0.0549) && moves(0.0551, 0.0562));
}

#[test]
fn chart_text_stays_readable() {
    assert_eq!(plain("Prediabetes (finding)"), "Prediabetes (finding)");
    assert_eq!(plain("  24 HR\nmetformin 500 MG, 1.5 mg/dL "), "24 HR metformin 500 MG, 1&#46;5 mg/dL");
    assert_eq!(plain("<img src=x onerror=alert(1)>"), "&#60;img src&#61;x onerror&#61;alert(1)&#62;");
    assert_eq!(plain("\u{202e}evil\u{200b}"), "evil");
    assert!(plain(&"x".repeat(500)).chars().count() <= 101);
}

proptest! {
    #[test]
    fn no_chart_text_becomes_markup(text in "\\PC{0,60}|[<>&*_`\\[\\]!#|~:.@\\\\w/h-t]{0,60}") {
        let line = format!("- {}, 2020-01-01\n", plain(&text));
        let mut html = String::new();
        pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new_ext(&line, pulldown_cmark::Options::all()));
        let inside = html.trim().strip_prefix("<ul>\n<li>").and_then(|rest| rest.strip_suffix("</li>\n</ul>"));
        prop_assert!(inside.is_some_and(|inside| !inside.contains('<')), "{}", html);
        prop_assert!(!plain(&text).contains(['<', '>', '"', '|', '`']), "{}", plain(&text));
    }
}
