//! What goes over the control API, as JSON Schema (the dialect of OpenAPI 3.1). Words and switches are taken from the types
//! that read and write them; `required` is what an answer always has.

use crate::sandbox_ehr::card::Indicator;
use crate::sandbox_ehr::twin::{
    Direction, FAILURES, Faults, HELD_BACK, Hook, LONGEST_HEADER, LONGEST_LIST, Profile, Switches, Takes,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Every schema by its name.
pub fn schemas() -> Value {
    let groups = [ehr(), behavior(), drafts_and_services(), calls(), cards(), decisions()];
    Value::Object(groups.into_iter().flatten().map(|(name, schema)| (name.to_owned(), schema)).collect())
}

type Named = Vec<(&'static str, Value)>;

fn ehr() -> Named {
    let people = object(&[("id", text()), ("name", text())], &[]);
    let servers = object(&[("base", text()), ("client_id", text())], &[]);
    let capabilities = [
        ("hooks", list(&one("Hook"))),
        ("profiles", list(&one("Profile"))),
        ("actionSelectionBehavior", list(&text())),
        ("selectionBehavior", list(&text())),
        ("systemActions", flag()),
        ("autolaunchable", flag()),
    ];
    let chosen = [("patient", or_null(&text())), ("encounter", or_null(&text())), ("as_of", or_null(&day()))];
    let state = [
        ("user", text()),
        ("profile", one("Profile")),
        ("switches", one("Switches")),
        ("faults", one("Faults")),
        ("drafts", list(&one("Resource"))),
        ("signed", list(&text())),
        ("waiting_feedback", count()),
        ("patients", list(&people)),
        ("servers", list(&servers)),
        ("fhir_server", text()),
        ("own_reasons", list(&one("Coding"))),
        ("capabilities", object(&capabilities, &[])),
    ];
    let choice: Vec<_> = chosen.iter().cloned().chain([("user", or_null(&text()))]).collect();
    vec![
        ("State", object(&[&chosen[..], &state[..]].concat(), &[])),
        ("Choice", object(&[], &choice)),
        ("Hook", words(&Hook::ALL)),
        ("Profile", words(&Profile::ALL)),
        ("KeySet", object(&[("keys", list(&anything()))], &[])),
        ("Error", object(&[("error", text())], &[])),
    ]
}

fn behavior() -> Named {
    let (plain, well) = (members(&Switches::default()), members(&Faults::default()));
    let switches: Vec<_> = plain.iter().map(|(name, plain)| (name.as_str(), switch(name, plain))).collect();
    let faults: Vec<_> = well.keys().map(|name| (name.as_str(), fault(name))).collect();
    vec![
        ("Behavior", object(&[("profile", one("Profile")), ("switches", one("Switches"))], &[])),
        ("BehaviorChange", object(&[], &[("profile", or_null(&one("Profile"))), ("switches", one("SwitchesChange"))])),
        ("Switches", object(&switches, &[])),
        ("SwitchesChange", object(&[], &switches)),
        ("Faults", object(&faults, &[])),
        ("FaultsChange", object(&[], &faults)),
    ]
}

/// A switch, by what it takes.
fn switch(name: &str, plain: &Value) -> Value {
    let mut switch = Takes::of(name).map_or_else(anything, |takes| taken(&takes));
    // No `default`: generated clients would send it, and a change names only what is to change.
    switch["description"] = format!("In the plain profile: {plain}").into();
    switch
}

fn taken(takes: &Takes) -> Value {
    match takes {
        Takes::Flag => flag(),
        Takes::Number(range) => json!({"type": "integer", "minimum": range.start(), "maximum": range.end()}),
        Takes::Word(words) => json!({"type": "string", "enum": words}),
        Takes::Text(letters) => json!({
            "type": "string", "minLength": letters.start(), "maxLength": letters.end(), "pattern": "^\\P{Cc}*$",
        }),
        Takes::Header => json!({"type": "string", "pattern": format!("^[ -~]{{1,{LONGEST_HEADER}}}$")}),
        Takes::Id => json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,512}$"}),
        Takes::List(each) => json!({"type": "array", "items": taken(each), "maxItems": LONGEST_LIST}),
        Takes::OrNull(other) => or_null(&taken(other)),
    }
}

fn fault(name: &str) -> Value {
    let with = |name, member, range| object(&[(name, object(&[(member, range)], &[]))], &[]);
    let millis = json!({"type": "integer", "minimum": HELD_BACK.start(), "maximum": HELD_BACK.end()});
    let status = json!({"type": "integer", "minimum": FAILURES.start(), "maximum": FAILURES.end()});
    match name {
        "fhir" => json!({"oneOf": [
            with("slow", "millis", millis), with("failing", "status", status), {"const": "half-open"}, {"type": "null"},
        ]}),
        _ => flag(),
    }
}

fn drafts_and_services() -> Named {
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let optional = [("title", text()), ("prefetch", texts), ("url", text())];
    let service = [("id", text()), ("hook", text())];
    let of_server = [("base", text()), ("services", list(&one("Service"))), ("problems", list(&text()))];
    let advisory = object(&service, &[&optional[..], &[("base", text())]].concat());
    let mut resource = object(&[], &[("resourceType", text()), ("id", text())]);
    resource["additionalProperties"] = true.into();
    vec![
        ("Resource", resource),
        ("Drafted", object(&[("reference", text())], &[])),
        ("Signed", object(&[("signed", list(&text()))], &[])),
        ("Service", object(&service, &optional)),
        ("Services", object(&[("servers", list(&object(&of_server, &[])))], &[])),
        ("Advisories", list(&advisory)),
    ]
}

fn calls() -> Named {
    let firing = [
        ("service", or_null(&text())),
        ("server", or_null(&text())),
        ("selections", list(&text())),
        ("orders", list(&text())),
        ("performer", or_null(&text())),
        ("tasks", flag()),
        ("medication", or_null(&text())),
    ];
    let prefetch = object(&[("key", text()), ("query", text()), ("said", text())], &[]);
    let call = [
        ("service", text()),
        ("url", text()),
        ("prefetch", list(&prefetch)),
        ("cards", list(&one("Card"))),
        ("applied", list(&one("Applied"))),
        ("problems", list(&text())),
    ];
    let answered = [("exchange", count()), ("status", count())];
    let pairs = list(&list(&text()));
    let response = object(&[("status", count()), ("headers", pairs.clone()), ("body", text())], &[]);
    let recorded = [
        ("number", count()),
        ("at", json!({"type": "string", "format": "date-time"})),
        ("kind", words(&[Direction::Discovery, Direction::Call, Direction::Feedback])),
        ("method", text()),
        ("url", text()),
        ("headers", pairs),
        ("problems", list(&text())),
        ("took_ms", json!({"type": "number"})),
    ];
    let at_times = [
        ("hook", text()),
        ("service", text()),
        ("patient", text()),
        ("token", anything()),
        ("body", text()),
        ("response", response),
    ];
    vec![
        ("Firing", object(&[("hook", one("Hook"))], &firing)),
        ("Call", object(&call, &answered)),
        ("Fired", object(&[("calls", list(&one("Call"))), ("problems", list(&text()))], &[])),
        ("Exchange", object(&recorded, &at_times)),
    ]
}

/// Cards as this EHR read them: every member that CDS Hooks knows, null where the service was silent.
fn cards() -> Named {
    let (maybe, any) = (or_null(&text()), anything());
    let source = object(&[("label", text()), ("url", maybe.clone()), ("topic", any.clone())], &[]);
    let action =
        [("type", text()), ("description", maybe.clone()), ("resource", any.clone()), ("resourceId", maybe.clone())];
    let suggestion = [
        ("label", text()),
        ("actionSelectionBehavior", maybe.clone()),
        ("uuid", maybe.clone()),
        ("isRecommended", flag()),
        ("actions", list(&object(&action, &[]))),
    ];
    let link = [
        ("label", text()),
        ("url", text()),
        ("type", text()),
        ("appContext", maybe.clone()),
        ("autolaunchable", flag()),
        ("listed", flag()),
        ("opensAtOnce", flag()),
    ];
    let card = [
        ("key", text()),
        ("uuid", maybe.clone()),
        ("summary", text()),
        ("detail", maybe.clone()),
        ("indicator", words(&[Indicator::Info, Indicator::Warning, Indicator::Critical])),
        ("source", source),
        ("suggestions", list(&object(&suggestion, &[]))),
        ("overrideReasons", list(&one("Coding"))),
        ("links", list(&object(&link, &[]))),
        ("selectionBehavior", maybe.clone()),
        ("extension", any),
    ];
    vec![
        ("Coding", object(&[("code", text()), ("system", text()), ("display", maybe)], &[])),
        ("Card", object(&card, &[])),
        ("ShownCard", object(&[("service", text()), ("url", text()), ("card", one("Card"))], &[])),
    ]
}

fn decisions() -> Named {
    let places = or_null(&list(&count()));
    let dismissal = [("reason", or_null(&text())), ("comment", or_null(&text()))];
    let told = json!({"oneOf": [{"type": "integer"}, {"enum": ["failed", "waits", "none"]}]});
    vec![
        ("Acceptance", object(&[("suggestion", json!({"anyOf": [count(), text()]}))], &[("actions", places)])),
        ("Dismissal", object(&[], &dismissal)),
        ("Applied", object(&[("action", words(&["delete", "create", "update"])), ("reference", text())], &[])),
        (
            "Decision",
            object(
                &[("applied", list(&one("Applied"))), ("feedback", told)],
                &[("entry", anything()), ("problem", text())],
            ),
        ),
        ("Sending", object(&[("stored", count()), ("failed", count())], &[])),
    ]
}

fn object(required: &[(&str, Value)], optional: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        required.iter().chain(optional).map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = required.iter().map(|(name, _)| *name).collect();
    }
    object
}

fn list(of: &Value) -> Value {
    json!({"type": "array", "items": of})
}

fn one(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn day() -> Value {
    json!({"type": "string", "format": "date"})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn anything() -> Value {
    json!({})
}

fn or_null(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// The words that a type is written as.
fn words(words: &[impl Serialize]) -> Value {
    json!({"type": "string", "enum": words})
}

/// What a type writes, member by member.
fn members(of: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}
