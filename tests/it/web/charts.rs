//! A chart as prefetch, and the calls made of it. Its patient is 68 years old: [`crate::oracle::AgeOracle`] puts
//! every risk above every threshold.

use serde_json::{Map, Value, json};

/// The patient's id in [`chart`].
pub const PATIENT: &str = "chart-1";

/// One Bundle of everything.
pub fn chart() -> Value {
    serde_json::from_str(include_str!("../../fixtures/releases/r4.json")).expect("the fixture")
}

/// The resources of [`chart`].
pub fn resources() -> Vec<Value> {
    let bundle = chart();
    let entries = bundle["entry"].as_array().expect("entries").iter();
    entries.map(|entry| entry["resource"].clone()).collect()
}

/// A call for the patient with this prefetch.
pub fn call(hook_instance: &str, prefetch: Value) -> Value {
    json!({
        "hook": "patient-view",
        "hookInstance": hook_instance,
        "context": {"userId": "Practitioner/p", "patientId": PATIENT},
        "prefetch": prefetch,
    })
}

/// The whole chart under one key, which nobody asked for.
pub fn one_bundle() -> Value {
    json!({"everything": chart()})
}

/// A searchset for each resource type, the patient by itself.
pub fn bundle_per_type() -> Value {
    let mut bundles = Map::new();
    for resource in resources() {
        let resource_type = resource["resourceType"].as_str().expect("a type").to_string();
        if resource["id"] == PATIENT {
            bundles.insert("patient".into(), resource);
            continue;
        }
        let bundle = bundles
            .entry(resource_type)
            .or_insert_with(|| json!({"resourceType": "Bundle", "type": "searchset", "entry": []}));
        bundle["entry"].as_array_mut().expect("entries").push(json!({"resource": resource}));
    }
    Value::Object(bundles)
}

/// Each resource under a key of its own.
pub fn single_resources() -> Value {
    Value::Object(resources().into_iter().enumerate().map(|(at, resource)| (format!("k{at}"), resource)).collect())
}
