//! What must hold for every chart: hostile bytes never panic, order carries nothing, the future stays out.

use super::{ChartReader, Scan};
use crate::patient_record::timeline::Timeline;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value as Json, json};

/// One resource of each type that is read, some of them twice or in two shapes.
fn resources() -> Vec<Json> {
    let chart: Json = serde_json::from_str(include_str!("../../../tests/fixtures/releases/r4.json")).unwrap();
    chart["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect()
}

/// The same, and a second copy of each that says something else under the same id.
fn with_copies() -> Vec<Json> {
    let mut all = resources();
    for mut copy in resources() {
        for date in
            ["onsetDateTime", "effectiveDateTime", "authoredOn", "birthDate", "recordedDate", "performedDateTime"]
        {
            if copy[date].is_string() {
                copy[date] = json!("2001-02-03");
            }
        }
        all.push(copy);
    }
    all
}

fn timelines(resources: &[Json]) -> Vec<Timeline> {
    let entries: Vec<Json> = resources.iter().map(|resource| json!({"resource": resource})).collect();
    let mut reader = ChartReader::new();
    reader.take_json(json!({"resourceType": "Bundle", "entry": entries}).to_string().as_bytes()).unwrap();
    reader.finish().0
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        prop_oneof!["\\PC{0,12}", "[0-9T:Z+-]{0,20}", "Patient/[a-z]{1,3}", "[#/:?]{1,4}"].prop_map(Json::from),
        Just(json!(1e308)),
        Just(json!([])),
        Just(json!({})),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(
                prop_oneof![
                    Just("code"),
                    Just("coding"),
                    Just("reference"),
                    Just("start"),
                    Just("resourceType"),
                    Just("x")
                ],
                inner,
                0..4
            )
            .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// Every place in a JSON value, as a path of steps.
fn places(value: &Json, path: String, found: &mut Vec<String>) {
    match value {
        Json::Object(members) => {
            members.iter().for_each(|(name, inner)| places(inner, format!("{path}/{name}"), found))
        }
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(i, inner)| places(inner, format!("{path}/{i}"), found));
        }
        _ => {}
    }
    found.push(path);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = ChartReader::new();
        let _ = reader.take_json(&bytes);
        let _ = reader.take_ndjson(&bytes);
        reader.finish();
    }

    #[test]
    fn no_change_in_a_chart_makes_it_panic(changes in prop::collection::vec((any::<Index>(), any_json()), 1..4)) {
        let mut chart = json!({"resourceType": "Bundle", "entry": resources().into_iter().map(|r| json!({"resource": r})).collect::<Vec<_>>()});
        for (place, value) in changes {
            let mut found = Vec::new();
            places(&chart, String::new(), &mut found);
            *chart.pointer_mut(place.get::<String>(&found)).unwrap() = value;
        }
        let mut reader = ChartReader::new();
        let _ = reader.take_json(chart.to_string().as_bytes());
        Scan::of(&chart.to_string()).and_then(|scan| scan.patient_id().map(str::len));
        let before = reader.finish().1;
        prop_assert!(before.total() < 1_000);
    }

    #[test]
    fn a_cut_or_broken_text_never_panics(cut in any::<Index>(), flip in any::<Index>(), byte in any::<u8>()) {
        let mut text = Json::from(resources()).to_string().into_bytes();
        let position = flip.index(text.len());
        text[position] = byte;
        text.truncate(cut.index(text.len()).max(position));
        let mut bundle = br#"{"resourceType":"Bundle","entry":"#.to_vec();
        bundle.extend(text);
        let mut reader = ChartReader::new();
        let _ = reader.take_json(&bundle);
        reader.finish();
    }

    #[test]
    fn the_order_of_an_export_carries_nothing(shuffled in Just(with_copies()).prop_shuffle()) {
        prop_assert_eq!(timelines(&shuffled), timelines(&with_copies()));
    }

    #[test]
    fn no_unit_makes_it_panic(unit in "[a-zA-Z0-9*^./{}()\\[\\]%'+ -]{0,30}", value in any::<f64>()) {
        crate::patient_record::terminology::canonical(value, &unit);
    }

    #[test]
    fn nothing_later_is_known(as_of in -100_000_000i64..2_000_000_000) {
        for timeline in timelines(&resources()) {
            let known = timeline.known_at(as_of);
            prop_assert!(known.iter().all(|event| event.known <= as_of));
            prop_assert!(timeline.events[known.len()..].iter().all(|event| event.known > as_of));
        }
    }
}

#[test]
fn the_chart_of_these_tests_reaches_every_kind_but_devices() {
    let timelines = timelines(&resources());
    let kinds: std::collections::BTreeSet<_> =
        timelines.iter().flat_map(|timeline| &timeline.events).map(|event| event.kind).collect();
    assert_eq!(kinds.len(), crate::patient_record::timeline::Kind::ALL.len() - 1);
}
