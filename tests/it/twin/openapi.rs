//! The control API's OpenAPI document, held against the running twin: each of its examples is accepted, each answer has
//! what is promised and nothing that is not named, and the guide tells of the same requests.

use super::stage::{CARD, Stage};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub struct Document(pub Value);

impl Document {
    pub async fn of(stage: &Stage) -> Self {
        Self(stage.get("/control/openapi.json").await)
    }

    /// Method and path of every request, with what is said of it.
    fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.0["paths"].as_object().expect("paths");
        let of_path = |(path, item): (&String, &Value)| {
            let item = item.as_object().expect("operations").clone();
            item.into_iter().map(|(method, said)| (method.to_uppercase(), path.clone(), said)).collect::<Vec<_>>()
        };
        paths.iter().flat_map(of_path).collect()
    }

    fn schema<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(name) => self.schema(self.0.pointer(&name[1..]).unwrap_or_else(|| panic!("{name} is not there"))),
            None => schema,
        }
    }

    /// What of a value the schema does not let be, members that it does not name too.
    fn wrong(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let schema = self.schema(schema);
        for word in ["anyOf", "oneOf"] {
            if let Some(ways) = schema[word].as_array() {
                let fits = |way: &&Value| self.wrong(way, value, at).is_empty();
                let fitting = ways.iter().filter(fits).count();
                let good = fitting == 1 || fitting > 1 && word == "anyOf";
                return if good { vec![] } else { vec![format!("{at}: {value} fits {fitting} ways of {word}")] };
            }
        }
        let of_kind = match schema["type"].as_str() {
            None => true,
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("null") => value.is_null(),
            Some(other) => panic!("{other}: no such type"),
        };
        let listed = schema["enum"].as_array().is_none_or(|words| words.contains(value));
        let constant = schema.get("const").is_none_or(|known| known == value);
        if !of_kind || !listed || !constant {
            return vec![format!("{at}: {value} is not {schema}")];
        }
        let items = value.as_array().into_iter().flatten().flat_map(|item| self.wrong(&schema["items"], item, at));
        let items: Vec<String> = items.collect();
        let members = value.as_object().into_iter().flatten();
        let members = members.flat_map(|(name, value)| match schema["properties"].get(name) {
            Some(schema) => self.wrong(schema, value, &format!("{at}.{name}")),
            None => match (&schema["properties"], &schema["additionalProperties"]) {
                (Value::Null, Value::Null) | (_, Value::Bool(true)) => vec![],
                (_, more @ Value::Object(_)) => self.wrong(more, value, &format!("{at}.{name}")),
                _ => vec![format!("{at}.{name} is not named")],
            },
        });
        let missing = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let missing = missing.filter(|name| value.get(name).is_none()).map(|name| format!("{at}.{name} is missing"));
        items.into_iter().chain(members).chain(missing).collect()
    }

    #[track_caller]
    fn fits(&self, schema: &Value, value: &Value, what: &str) {
        let wrong = self.wrong(schema, value, what);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// Chart, draft, card and exchange that every request needs; nothing is switched and nothing fails.
async fn ready(stage: &Stage) -> String {
    stage.put("/control/behavior", json!({"profile": "plain"})).await;
    stage.put("/control/faults", json!({})).await;
    stage.put("/control/desk", json!({"patient": "ann"})).await;
    let action = json!({"type": "create", "description": "d", "resource": {"resourceType": "ServiceRequest"}});
    let topic = json!({"code": "t", "system": "http://example.org"});
    stage.service.shows(json!({
        "detail": "d", "source": {"label": "l", "url": "http://example.org", "topic": topic},
        "suggestions": [{"label": "do", "uuid": "u", "isRecommended": true, "actions": [action]}],
        "overrideReasons": [{"code": "c", "system": "http://example.org", "display": "d"}],
        "links": [{"label": "l", "url": "http://example.org", "type": "absolute"}],
        "extension": {"org.example": 1},
    }));
    let draft = stage.drug("metformin").await;
    stage.fire("patient-view").await;
    draft
}

/// A path whose parts exist.
async fn real(stage: &Stage, path: &str, draft: &str) -> String {
    let number = stage.get("/control/exchanges?kind=call").await[0]["number"].to_string();
    let path = path.replace("{type}/{id}", draft).replace("{card}", CARD).replace("{number}", &number);
    assert!(!path.contains('{'), "{path}");
    path
}

#[actix_web::test]
async fn every_example_is_accepted_and_every_answer_is_what_is_promised() {
    let stage = Stage::with_two().await;
    let document = Document::of(&stage).await;
    let mut with_body = 0;
    for (method, path, said) in document.operations() {
        let draft = ready(&stage).await;
        let sent = said.pointer("/requestBody/content/application~1json");
        let example = sent.map(|sent| sent["example"].clone());
        if let Some(sent) = sent {
            with_body += 1;
            document.fits(&sent["schema"], &sent["example"], &format!("{method} {path}, its example"));
        }
        let (status, answer) = stage.send(&method, &real(&stage, &path, &draft).await, example).await;
        let promised = &said["responses"][status.to_string()];
        assert!(promised.is_object(), "{method} {path}: {status} {answer}");
        match promised.pointer("/content/application~1json/schema") {
            Some(schema) => document.fits(schema, &answer, &format!("{method} {path}")),
            None => assert_eq!((status, answer), (204, Value::Null), "{method} {path}"),
        }
    }
    assert!(with_body >= 9, "{with_body} examples");
}

#[actix_web::test]
async fn every_profile_every_fault_and_every_hook_is_told_as_is_promised() {
    let stage = Stage::start().await;
    let document = Document::of(&stage).await;
    let schema = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    ready(&stage).await;
    for fault in [json!({"slow": {"millis": 1}}), json!({"failing": {"status": 503}}), json!("half-open"), Value::Null]
    {
        let faults = stage.put("/control/faults", json!({ "fhir": fault })).await;
        document.fits(&schema("Faults"), &faults, "faults");
        document.fits(&schema("Fired"), &stage.fire("patient-view").await, "fired");
    }
    for profile in ["epic", "oracle", "inferno", "plain"] {
        document.fits(&schema("Behavior"), &stage.put("/control/behavior", json!({"profile": profile})).await, profile);
        document.fits(&schema("State"), &stage.get("/control").await, profile);
        for hook in document.0["components"]["schemas"]["Hook"]["enum"].as_array().expect("hooks").clone() {
            let (status, fired) = stage.send("POST", "/control/fire", Some(json!({"hook": hook}))).await;
            match status {
                200 => document.fits(&schema("Fired"), &fired, profile),
                _ => document.fits(&schema("Error"), &fired, profile),
            }
        }
    }
    stage.service.answers(500, json!({}));
    document.fits(&schema("Fired"), &stage.fire("patient-view").await, "a service that fails");
    for exchange in stage.get("/control/exchanges").await.as_array().expect("exchanges") {
        document.fits(&schema("Exchange"), exchange, "exchange");
    }
}

#[actix_web::test]
async fn an_answer_that_lacks_a_member_has_another_or_one_of_another_kind_would_be_seen() {
    let stage = Stage::start().await;
    let document = Document::of(&stage).await;
    let (schema, good) = (json!({"$ref": "#/components/schemas/State"}), stage.get("/control").await);
    document.fits(&schema, &good, "state");
    let mut members = 0;
    for place in ["", "/switches", "/faults", "/capabilities", "/patients/0", "/servers/0"] {
        let part = good.pointer(place).unwrap_or_else(|| panic!("no {place}"));
        for name in part.as_object().expect("an object").keys() {
            let mut without = good.clone();
            without.pointer_mut(place).and_then(Value::as_object_mut).expect("an object").remove(name);
            assert!(!document.wrong(&schema, &without, "").is_empty(), "{place} without {name}");
            let mut odd = good.clone();
            odd.pointer_mut(place).expect("an object")[name] = json!({"odd": 1});
            assert!(!document.wrong(&schema, &odd, "").is_empty(), "{place} with an odd {name}");
            members += 1;
        }
        let mut more = good.clone();
        more.pointer_mut(place).expect("an object")["another"] = json!(1);
        assert!(!document.wrong(&schema, &more, "").is_empty(), "{place} with another");
    }
    assert!(members > 70, "{members} members");
}

#[actix_web::test]
async fn what_a_schema_does_not_let_be_is_refused_by_the_twin() {
    let stage = Stage::start().await;
    let document = Document::of(&stage).await;
    let mut refused = 0;
    for (method, path, said) in document.operations() {
        let Some(sent) = said.pointer("/requestBody/content/application~1json") else { continue };
        let draft = ready(&stage).await;
        let odd = json!(7);
        assert!(!document.wrong(&sent["schema"], &odd, "").is_empty(), "{path}");
        let (status, answer) = stage.send(&method, &real(&stage, &path, &draft).await, Some(odd)).await;
        assert_eq!(status, 400, "{method} {path}: {answer}");
        document.fits(&json!({"$ref": "#/components/schemas/Error"}), &answer, &path);
        refused += 1;
    }
    assert!(refused >= 9, "{refused} refused");
}

/// Requests that the guide's table names: `` `PUT`, `DELETE /control/drafts/{type}/{id}` `` are two.
fn of_the_guide() -> BTreeSet<(String, String)> {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guides/sandbox-ehr.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let cells = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let mut named = BTreeSet::new();
    for cell in cells.filter(|cell| cell.contains("/control") && !cell.starts_with('/')) {
        let mut methods = Vec::new();
        for word in cell.split(['`', ',', ' ']).filter(|word| !word.is_empty()) {
            match word.split('?').next() {
                Some(path) if path.starts_with("/control") => {
                    named.extend(methods.drain(..).map(|method: &str| (method.to_owned(), path.to_owned())));
                }
                _ if ["GET", "PUT", "POST", "DELETE"].contains(&word) => methods.push(word),
                _ => {}
            }
        }
    }
    named
}

#[actix_web::test]
async fn guide_and_document_tell_of_the_same_requests() {
    let stage = Stage::start().await;
    let document = Document::of(&stage).await.operations();
    let document: BTreeSet<_> = document.into_iter().map(|(method, path, _)| (method, path)).collect();
    assert_eq!(document, of_the_guide());
    // What is no request of the document is none of the twin's.
    for path in document.iter().map(|(_, path)| path.replace(['{', '}'], "")).collect::<BTreeSet<_>>() {
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let known = document.iter().any(|(one, other)| one == method && other.replace(['{', '}'], "") == path);
            let (status, _) = stage.send(method, &path, None).await;
            assert!(known || status == 405, "{method} {path}: {status}");
        }
    }
    assert!(stage.page("/behavior").await.1.contains("href=\"/control/openapi.json\""));
}

#[actix_web::test]
async fn the_document_says_what_generators_ask_for() {
    let stage = Stage::start().await;
    let document = Document::of(&stage).await;
    assert_eq!((&document.0["openapi"], &document.0["servers"][0]["url"]), (&json!("3.1.0"), &json!(stage.page)));
    let operations = document.operations();
    let ids: BTreeSet<_> = operations.iter().map(|(_, _, said)| said["operationId"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), operations.len(), "each request has a name of its own");
    // A generated client sends defaults, and a change with all of them would undo the profile that it takes.
    assert!(!document.0.to_string().contains("\"default\""));
    let mut references = Vec::new();
    collect(&document.0, &mut references);
    for reference in references {
        assert!(document.0.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| collect(value, references));
        }
        _ => {}
    }
}
