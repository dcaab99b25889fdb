//! What the twin's FHIR server finds, what it brings along, and what it refuses because it would have to guess.

use prodrome::sandbox_ehr::{SandboxEhr, read_folder};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

/// A FHIR server of two patients, and tokens for the first.
struct Server {
    page: String,
    tokens: Vec<String>,
}

struct Answer {
    status: u16,
    challenge: Option<String>,
    body: Value,
}

fn records() -> [(&'static str, Vec<Value>); 2] {
    let order = |id: &str, patient: &str, drug: &str| {
        json!({"resourceType": "MedicationRequest", "id": id, "status": "active", "authoredOn": "2020-01-01",
            "subject": {"reference": format!("Patient/{patient}")}, "medicationReference": {"reference": format!("Medication/{drug}")}})
    };
    let seen = |id: &str, day: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final", "effectiveDateTime": day,
            "code": {"coding": [{"system": "s", "code": "c"}]}, "subject": {"reference": "Patient/p1"}})
    };
    let drug = |id: &str| json!({"resourceType": "Medication", "id": id});
    let about = json!({"reference": "Patient/p1"});
    let first = vec![
        json!({"resourceType": "Patient", "id": "p1"}),
        order("r1", "p1", "m1"),
        order("r2", "p1", "m2"),
        order("r3", "p1", "m1"),
        drug("m1"),
        drug("m2"),
        drug("m3"),
        seen("b", "2020-02-03"),
        seen("a", "2021-05-06T07:08:09Z"),
        seen("c", "2019-01-01"),
        json!({"resourceType": "Encounter", "id": "stay", "status": "finished", "subject": about,
            "period": {"start": "2019-12-30T08:00:00Z", "end": "2020-01-02T08:00:00Z"}}),
        json!({"resourceType": "Condition", "id": "old", "subject": about, "onsetDateTime": "2010-01-01", "recordedDate": "2020-01-01"}),
    ];
    let second = vec![json!({"resourceType": "Patient", "id": "p2"}), order("r9", "p2", "m9"), drug("m9")];
    [("p1", first), ("p2", second)]
}

impl Server {
    /// With a token of each scope, in their order.
    fn letting(scopes: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (id, resources) in records() {
            let lines: Vec<String> = resources.iter().map(Value::to_string).collect();
            std::fs::write(folder.path().join(format!("{id}.ndjson")), lines.join("\n")).expect("written");
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let page = format!("http://{}", listener.local_addr().expect("an address"));
        let charts = read_folder(folder.path()).expect("patients");
        let ehr = SandboxEhr::new(charts, "http://127.0.0.1:9".into(), page.clone(), Vec::new()).expect("an EHR");
        let life = Duration::from_secs(60);
        let tokens = scopes.iter().map(|scope| ehr.give_token(scope, Some("p1"), life)).collect();
        actix_web::rt::spawn(ehr.serve(listener).expect("a page"));
        Self { page, tokens }
    }

    fn of_one_patient() -> Self {
        Self::letting(&["patient/*.rs"])
    }

    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = awc::Client::default().get(format!("{}/fhir/{path}", self.page));
        for header in headers {
            request = request.insert_header(*header);
        }
        let mut answer = request.send().await.expect("an answer");
        let challenge =
            answer.headers().get("www-authenticate").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = serde_json::from_slice(&answer.body().await.expect("a body")).unwrap_or_default();
        Answer { status: answer.status().as_u16(), challenge, body }
    }

    async fn with(&self, token: usize, path: &str) -> Answer {
        self.ask(path, &[("authorization", &format!("Bearer {}", self.tokens[token]))]).await
    }

    /// Ids of the matches, and of what came along, of a search that has to succeed.
    async fn found(&self, token: usize, path: &str) -> (Vec<String>, Vec<String>) {
        let Answer { status, body, .. } = self.with(token, path).await;
        assert_eq!(status, 200, "{path}: {body}");
        let of = |mode: &str| {
            let entries = body["entry"].as_array().into_iter().flatten().filter(|one| one["search"]["mode"] == mode);
            entries.map(|one| one["resource"]["id"].as_str().expect("an id").to_owned()).collect()
        };
        (of("match"), of("include"))
    }
}

const INCLUDING: &str = "MedicationRequest?patient=p1&_include=MedicationRequest:medication";

#[actix_web::test]
async fn what_comes_along_is_what_the_token_lets_be_read() {
    let server = Server::letting(&[
        "patient/MedicationRequest.rs",
        "patient/MedicationRequest.rs patient/Medication.s",
        "patient/MedicationRequest.rs patient/Medication.r",
        "user/MedicationRequest.rs patient/Medication.r",
        "user/MedicationRequest.rs user/Medication.r",
    ]);
    let orders = ["r1", "r2", "r3"].map(str::to_owned).to_vec();
    for (token, along) in
        [(0, vec![]), (1, vec![]), (2, vec!["m1", "m2"]), (3, vec!["m1", "m2"]), (4, vec!["m1", "m2"])]
    {
        let along: Vec<String> = along.into_iter().map(str::to_owned).collect();
        assert_eq!(server.found(token, INCLUDING).await, (orders.clone(), along), "{token}");
    }
    let other = INCLUDING.replace("p1", "p2");
    assert_eq!(server.found(3, &other).await, (vec!["r9".to_owned()], vec![]), "another patient's medication");
    assert_eq!(server.found(4, &other).await, (vec!["r9".to_owned()], vec!["m9".to_owned()]));
}

#[actix_web::test]
async fn each_page_brings_along_what_its_own_matches_name() {
    let server = Server::of_one_patient();
    let (mut pages, mut next) = (Vec::new(), Some(format!("{INCLUDING}&_count=2")));
    while let Some(path) = next {
        pages.push(server.found(0, &path).await);
        let body = server.with(0, &path).await.body;
        assert_eq!(body["total"], 3, "matches alone are counted");
        let links = body["link"].as_array().expect("links").iter();
        let link = links.filter(|link| link["relation"] == "next").find_map(|link| link["url"].as_str());
        next = link.map(|url| url.replace(&format!("{}/fhir/", server.page), ""));
    }
    let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(pages, [(texts(&["r1", "r2"]), texts(&["m1", "m2"])), (texts(&["r3"]), texts(&["m1"]))]);
}

#[actix_web::test]
async fn a_search_that_would_have_to_be_guessed_is_refused_with_its_parameter_and_what_is_possible() {
    let server = Server::of_one_patient();
    let page = &server.page;
    for (search, said) in [
        ("Observation?patient=p1&_sort=foo", "`_sort` takes `_id` or `date`"),
        ("Observation?patient=p1&_sort=-_lastUpdated", "`_sort` takes `_id` or `date`"),
        ("Observation?patient=p1&_sort=date,foo", "`_sort` takes"),
        ("Observation?patient=p1&_sort:desc=date", "by `_sort:desc` here; its parameters are `_id`, `patient`"),
        ("Observation?patient=p1&_count=abc", "`_count` takes a whole number"),
        ("Observation?patient=p1&_count=-1", "`_count` takes a whole number"),
        ("Observation?patient=p1&_page=x", "`_page` takes a whole number"),
        ("Observation?patient=p1&date=foo", "`date` takes one year, month, day or moment"),
        ("Observation?patient=p1&date=ne2020-01-01", "`date` takes"),
        ("Observation?patient=p1&date=ge2020-01-01,le2021-01-01", "`date` takes one"),
        ("Observation?patient=p1&authoredon=2020", "by `authoredon` here; its parameters are"),
        ("Observation?patient=p1&code:in=x", "by `code:in` here"),
        ("Observation?patient=p1&_summary=count", "by `_summary` here"),
        ("Observation?patient=p1&%3Cb%3E=1", "by one of the parameters here"),
        ("Encounter?patient=p1&_include=MedicationRequest:medication", "by `_include` here; its parameters are"),
        ("MedicationRequest?patient=p1&_include=*", "`_include` takes `MedicationRequest:medication`"),
        ("MedicationRequest?patient=p1&_include=MedicationRequest:patient", "`_include` takes"),
        ("MedicationRequest?patient=p1&_include=MedicationStatement:medication", "`_include` takes"),
        ("Observation?patient=p1,p2", "`patient` takes one patient"),
        ("Observation?patient=", "`patient` takes one patient"),
        ("Observation?subject=Group/p1", "`subject` takes one patient"),
        ("Observation?patient=http://elsewhere.example/fhir/Patient/p1", "`patient` takes one patient"),
        ("Observation", "`patient=ID`"),
        ("Patient?name=x", "by `name` here; its parameters are `_id`"),
    ] {
        let Answer { status, body, .. } = server.with(0, search).await;
        assert_eq!((status, &body["resourceType"]), (400, &json!("OperationOutcome")), "{search}");
        let text = body["issue"][0]["details"]["text"].as_str().unwrap_or_default();
        assert!(text.contains(said), "{search}: {text}");
    }
    let other = format!("Observation?patient={page}/fhir/Patient/p2");
    assert_eq!(server.with(0, &other).await.status, 403, "another patient, by address");
    assert_eq!(server.with(0, "Observation?subject=p2&patient=p1").await.status, 403, "in whatever place");
}

#[actix_web::test]
async fn a_search_finds_what_r4_says_that_it_finds() {
    let server = Server::of_one_patient();
    let address = format!("Observation?patient={}/fhir/Patient/p1", server.page);
    let searches: &[(&str, &[&str])] = &[
        ("Observation?patient=p1", &["b", "a", "c"]),
        (&address, &["b", "a", "c"]),
        ("Observation?subject=Patient/p1&_sort=date", &["c", "b", "a"]),
        ("Observation?patient=p1&_sort=-date", &["a", "b", "c"]),
        ("Observation?patient=p1&_sort=-_id", &["c", "b", "a"]),
        ("Observation?patient=p1&_sort=_id&_maxresults=2", &["a", "b"]),
        ("Observation?patient=p1&_format=json", &["b", "a", "c"]),
        ("Observation?patient=p1&date=2020", &["b"]),
        ("Observation?patient=p1&date=ge2020-02-03", &["b", "a"]),
        ("Observation?patient=p1&date=gt2020-02-03", &["a"]),
        ("Observation?patient=p1&date=lt2020-02-03&date=ge2019", &["c"]),
        ("Observation?patient=p1&date=gt2021-05-06T07:08:08Z", &["a"]),
        ("Observation?patient=p1&date=gt2021-05-06T07:08:09Z", &[]),
        ("Observation?patient=p1&code=s%7C&_id=a,c", &["a", "c"]),
        ("Encounter?patient=p1&date=ge2020-01-01", &["stay"]),
        ("Encounter?patient=p1&date=sa2020-01-01", &[]),
        ("Condition?patient=p1&onset-date=2020", &[]),
        ("Condition?patient=p1&recorded-date=2020", &["old"]),
        ("Patient", &["p1"]),
        ("Patient?_id=p1,p2", &["p1"]),
    ];
    for (search, ids) in searches {
        assert_eq!(server.found(0, search).await.0, *ids, "{search}");
    }
    let counted = server.with(0, "Observation?patient=p1&_count=0").await.body;
    assert_eq!((&counted["total"], counted.get("entry")), (&json!(3), None), "how many is all that is asked for");
    assert!(counted["link"].as_array().is_some_and(|links| links.len() == 1), "no way on: {counted}");
}

#[actix_web::test]
async fn only_json_is_written_and_whoever_takes_nothing_else_is_told_so() {
    let server = Server::of_one_patient();
    let bearer = format!("Bearer {}", server.tokens[0]);
    for (path, accept, status) in [
        ("Patient/p1", "application/fhir+xml", 406),
        ("Patient/p1", "application/json;q=0, text/html", 406),
        ("Patient?_format=xml", "application/json", 406),
        ("Patient/p1?_format=application/fhir%2Bxml", "*/*", 406),
        ("metadata", "text/xml", 406),
        ("metadata", "application/fhir+json; fhirVersion=4.0", 200),
        (".well-known/smart-configuration", "application/fhir+xml", 200),
        ("Patient/p1", "application/fhir+xml, application/fhir+json;q=0.5", 200),
        ("Patient/p1", "application/json+fhir", 200),
        ("Patient/p1", "text/html,application/xml;q=0.9,*/*;q=0.8", 200),
        ("Patient?_format=application/fhir+json", "text/xml", 200),
    ] {
        let answer = server.ask(path, &[("authorization", &bearer), ("accept", accept)]).await;
        assert_eq!(answer.status, status, "{path} {accept}");
        assert!(status == 200 || answer.body["resourceType"] == "OperationOutcome", "{}", answer.body);
    }
}

#[actix_web::test]
async fn a_refusal_says_what_is_wrong_with_the_token() {
    let server = Server::letting(&["patient/Observation.s"]);
    let nothing = server.ask("Observation?patient=p1", &[]).await;
    assert_eq!((nothing.status, nothing.challenge.as_deref()), (401, Some("Bearer")));
    for odd in ["Bearer made-up", "Basic eDp5"] {
        let wrong = server.ask("Patient/p1", &[("authorization", odd)]).await;
        assert_eq!((wrong.status, wrong.challenge.as_deref()), (401, Some("Bearer error=\"invalid_token\"")), "{odd}");
    }
    for (path, scope) in [
        ("Observation/a", ", scope=\"patient/Observation.r\""),
        ("Condition?patient=p1", ", scope=\"patient/Condition.s\""),
        ("Observation?patient=p2", ", scope=\"user/Observation.s\""),
        ("Practitioner/sandbox", ", scope=\"user/Practitioner.r\""),
        ("x%22%2C/1", ""),
    ] {
        let refused = server.with(0, path).await;
        let challenge = format!("Bearer error=\"insufficient_scope\"{scope}");
        assert_eq!((refused.status, refused.challenge), (403, Some(challenge)), "{path}");
        assert_eq!(refused.body["issue"][0]["code"], "forbidden");
    }
}

/// A value that a search parameter of this type can have.
fn example(kind: &str) -> &'static str {
    match kind {
        "date" => "ge2020-01-01",
        _ => "p1",
    }
}

#[actix_web::test]
async fn the_capability_statement_lists_what_can_be_done_and_that_can_be_done() {
    let server = Server::of_one_patient();
    let statement = server.ask("metadata", &[]).await.body;
    let rest = &statement["rest"][0];
    let resources = rest["resource"].as_array().expect("resources");
    let types: BTreeSet<&str> = resources.iter().filter_map(|one| one["type"].as_str()).collect();
    for (_, records) in records() {
        let kept: BTreeSet<&str> = records.iter().filter_map(|one| one["resourceType"].as_str()).collect();
        assert!(types.is_superset(&kept), "{types:?}");
    }
    let mut searched = 0;
    for resource in resources {
        let name = resource["type"].as_str().expect("a type");
        let codes: Vec<&Value> =
            resource["interaction"].as_array().expect("interactions").iter().map(|one| &one["code"]).collect();
        assert!(codes.contains(&&json!("read")), "{resource}");
        let patient = if name == "Patient" { "_id" } else { "patient" };
        for parameter in resource["searchParam"].as_array().into_iter().flatten() {
            let (own, kind) =
                (parameter["name"].as_str().expect("a name"), parameter["type"].as_str().expect("a kind"));
            let search = format!("{name}?{patient}=p1&{own}={}", example(kind));
            assert_eq!(server.with(0, &search).await.status, 200, "{search}");
            searched += 1;
        }
        for include in resource["searchInclude"].as_array().into_iter().flatten() {
            let search = format!("{name}?patient=p1&_include={}", include.as_str().expect("an include"));
            assert_eq!(server.with(0, &search).await.status, 200, "{search}");
        }
        let searches = server.with(0, &format!("{name}?{patient}=p1")).await.status == 200;
        assert_eq!(codes.contains(&&json!("search-type")), searches, "{name}");
    }
    assert!(searched > 90, "{searched}");
    let discovery = server.ask(".well-known/smart-configuration", &[]).await.body;
    let uris = rest["security"]["extension"][0]["extension"].as_array().expect("addresses").clone();
    for (name, member) in [("authorize", "authorization_endpoint"), ("token", "token_endpoint")] {
        let uri = uris.iter().find(|uri| uri["url"] == name).map(|uri| &uri["valueUri"]);
        assert_eq!(uri, Some(&discovery[member]), "{name}");
    }
}
