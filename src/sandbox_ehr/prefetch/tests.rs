//! Templates against a little record, by items of the conformance list.

use super::super::chart::{Chart, Resource};
use super::*;
use serde_json::json;
use std::sync::Arc;

fn chart() -> Chart {
    let about = json!({"reference": "Patient/p"});
    let resources = [
        json!({"resourceType": "Patient", "id": "p", "birthDate": "1960-01-01"}),
        json!({"resourceType": "Encounter", "id": "e1", "subject": about}),
        json!({"resourceType": "ServiceRequest", "id": "a", "subject": about, "requester": {"reference": "PractitionerRole/x"}}),
        json!({"resourceType": "ServiceRequest", "id": "b", "subject": about, "requester": {"reference": "Practitioner/y"}}),
        json!({"resourceType": "Medication", "id": "m1", "code": {"coding": [{"system": "s", "code": "1"}]}}),
        json!({"resourceType": "Medication", "id": "m2", "code": {"coding": [{"system": "s", "code": "2"}]}}),
        json!({"resourceType": "Condition", "id": "c", "subject": about, "code": {"coding": [{"system": "s", "code": "c,1"}]}}),
    ];
    let resources = resources.iter().filter_map(Resource::of).collect();
    Chart { id: "p".into(), name: String::new(), sex: "female".into(), birth: None, deceased: None, resources }
}

/// Key, query and value of each template, where values that are left out are the reason.
fn filled(context: &Value, templates: &[(&str, &str)]) -> Vec<(String, Result<Value, String>)> {
    let templates: Vec<(String, String)> =
        templates.iter().map(|(key, text)| ((*key).into(), (*text).into())).collect();
    let (chart, switches) = (chart(), Switches::default());
    let role = Resource::of(
        &json!({"resourceType": "PractitionerRole", "id": "x", "practitioner": {"reference": "Practitioner/z"}}),
    );
    let beside: Vec<Arc<Resource>> = role.into_iter().map(Arc::new).collect();
    let filling = Filling {
        context,
        record: Record { chart: &chart, beside: &beside, until: None },
        server: "http://ehr/fhir",
        today: "2024-09-13".parse().expect("a day"),
        switches: &switches,
        fault: None,
    };
    let value = |said: Said| match said {
        Said::Value { value, .. } => Ok(serde_json::from_str(value.get()).expect("JSON")),
        Said::Null => Ok(Value::Null),
        Said::Failed { why, .. } | Said::LeftOut(why) => Err(why),
    };
    fill(&templates, &filling).into_iter().map(|one| (one.query, value(one.said))).collect()
}

fn query(context: &Value, template: &str) -> String {
    filled(context, &[("k", template)]).remove(0).0
}

fn orders() -> Value {
    json!({"userId": "PractitionerRole/7", "patientId": "p", "encounterId": "e1", "draftOrders": {"resourceType": "Bundle", "entry": [
        {"resource": {"resourceType": "MedicationRequest", "id": "d1", "medicationReference": {"reference": "Medication/m1"},
            "requester": {"reference": "Practitioner/42"}}},
        {"resource": {"resourceType": "MedicationRequest", "id": "d2", "medicationReference": {"reference": "#in"},
            "contained": [{"resourceType": "Medication", "id": "in"}]}},
        {"resource": {"resourceType": "ServiceRequest", "id": "d3"}},
    ]}})
}

#[test]
fn ch_115_user_tokens_are_bare_ids_of_the_users_own_type() {
    assert_eq!(query(&orders(), "PractitionerRole/{{userPractitionerRoleId}}"), "PractitionerRole/7");
    let other =
        filled(&orders(), &[("k", "Patient?_id={{userPatientId}}"), ("l", "Practitioner/{{userPractitionerId}}")]);
    assert!(other.iter().all(|(_, value)| *value == Ok(Value::Null)), "{other:?}");
}

#[test]
fn ch_116_a_token_that_is_the_whole_template_is_a_read() {
    assert_eq!(query(&orders(), "{{context.userId}}"), "PractitionerRole/7");
    let user = json!({"userId": "PractitionerRole/x", "patientId": "p"});
    let found = filled(&user, &[("k", "{{context.userId}}")]).remove(0).1.expect("a resource");
    assert_eq!(found["id"], "x");
}

#[test]
fn ch_117_today_is_a_day() {
    assert_eq!(query(&orders(), "Observation?date=ge{{today()}}"), "Observation?date=ge2024-09-13");
}

#[test]
fn ch_118_days_are_added_to_today_and_taken_from_it() {
    for (token, day) in
        [("today() - 90 days", "2024-06-15"), ("today()+365days", "2025-09-13"), ("%today() - 1 day", "2024-09-12")]
    {
        assert_eq!(
            query(&orders(), &format!("Observation?date=le{{{{ {token} }}}}")),
            format!("Observation?date=le{day}")
        );
    }
}

#[test]
fn ch_119_120_123_ids_of_drafts_of_one_type_are_a_list_with_commas() {
    let template = "MedicationRequest?_id={{context.draftOrders.entry.resource.ofType(MedicationRequest).id}}";
    assert_eq!(query(&orders(), template), "MedicationRequest?_id=d1,d2");
}

#[test]
fn ch_121_references_are_followed_into_the_record_and_into_the_resource_itself() {
    let template = "Medication?_id={{context.draftOrders.entry.resource.medication.resolve().id}}";
    assert_eq!(query(&orders(), template), "Medication?_id=m1,in");
}

#[test]
fn ch_122_a_reference_in_the_context_leads_to_its_resource() {
    let template =
        "Practitioner?_id={{context.draftOrders.entry.resource.requester.resolve().ofType(Practitioner).id}}";
    assert_eq!(query(&orders(), template), "Practitioner?_id=42");
}

#[test]
fn ch_124_results_of_earlier_keys_are_variables() {
    let context = json!({"patientId": "p", "dispatchedOrders": ["ServiceRequest/a", "ServiceRequest/b"]});
    let found = filled(
        &context,
        &[
            ("pt", "Patient/{{context.patientId}}"),
            ("reqs", "ServiceRequest?_id={{context.dispatchedOrders.resolve().ofType(ServiceRequest).id}}"),
            ("who", "PractitionerRole?_id={{%reqs.entry.resource.requester.resolve().ofType(PractitionerRole).id}}"),
            ("people", "Practitioner?_id={{%who.entry.resource.practitioner.resolve().id}}"),
            ("me", "Patient?_id={{userPatientId}}"),
        ],
    );
    let queries: Vec<&str> = found.iter().map(|(query, _)| query.as_str()).collect();
    let expected = ["Patient/p", "ServiceRequest?_id=a,b", "PractitionerRole?_id=x", "Practitioner?_id=z"];
    assert_eq!(queries[..4], expected);
    assert_eq!(found[4].1, Ok(Value::Null));
}

#[test]
fn ch_125_keys_that_depend_on_each_other_are_refused_and_others_are_filled() {
    let found = filled(
        &orders(),
        &[
            ("a", "Patient?_id={{%b.id}}"),
            ("b", "Patient?_id={{%a.id}}"),
            ("itself", "Patient?_id={{%itself.id}}"),
            ("nobody", "Patient?_id={{%none.id}}"),
            ("fine", "Patient/{{context.patientId}}"),
        ],
    );
    for (place, word) in [(0, "%b"), (1, "%a"), (2, "%itself"), (3, "no key")] {
        let why = found[place].1.as_ref().expect_err("refused");
        assert!(why.contains(word), "{why}");
    }
    assert!(found[4].1.is_ok());
}

#[test]
fn ch_126_a_union_holds_each_value_once() {
    let token = "context.draftOrders.entry.resource.ofType(ServiceRequest).id | context.draftOrders.entry.resource.id";
    assert_eq!(query(&orders(), &format!("ServiceRequest?_id={{{{{token}}}}}")), "ServiceRequest?_id=d3,d1,d2");
}

#[test]
fn ch_128_a_token_for_nothing_asks_nothing_and_gives_null() {
    let context = json!({"patientId": "p", "draftOrders": {"entry": [{"resource": {"resourceType": "ServiceRequest", "id": "s"}}]}});
    let template = "Practitioner?_id={{context.draftOrders.entry.resource.requester.resolve().id}}";
    assert_eq!(filled(&context, &[("k", template)]), [(template.to_owned(), Ok(Value::Null))]);
}

#[test]
fn ch_129_a_value_adds_no_query_and_leaves_no_path() {
    let odd = json!({"patientId": "p", "encounterId": "1&_include=*"});
    let found = filled(&odd, &[("k", "Condition?patient={{context.encounterId}}")]);
    assert_eq!(found[0].0, "Condition?patient=1%26_include%3D%2A");
    assert_eq!(found[0].1.as_ref().expect("a Bundle")["total"], 0);
    for id in ["../Patient/q", "1/../2", "1?x=y", "a,b", ".."] {
        let refused = filled(&json!({ "encounterId": id }), &[("k", "Encounter/{{context.encounterId}}")]);
        assert!(refused[0].1.is_err(), "{id}: {refused:?}");
    }
    let list = json!({"patientId": "p", "code": "c,1"});
    let found = filled(&list, &[("k", "Condition?_id={{context.code}}")]);
    assert_eq!(found[0].0, "Condition?_id=c%5C,1", "a comma within a value is escaped");
}

#[test]
fn a_structure_is_no_value_and_an_unknown_word_is_an_error_of_its_key_alone() {
    let found = filled(
        &orders(),
        &[
            ("a", "Patient?_id={{context.draftOrders.entry}}"),
            ("b", "Patient?_id={{patient.id}}"),
            ("c", "x"),
            ("d", "Patient/{{context.patientId}}"),
        ],
    );
    assert!(found[..3].iter().all(|(_, value)| value.is_err()), "{found:?}");
    assert!(found[3].1.is_ok());
}
