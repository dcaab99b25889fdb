//! What the API offers: the CapabilityStatement, its OperationDefinitions, and where tokens are had.

use super::operations::{FHIR_JSON, Operation};
use super::parameters::{Outcomes, Parameter, outcomes, parameters};
use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use fhir_fence::risk_assessment::OUTCOMES;
use serde_json::{Value, json};

/// Where our definitions are named.
const CANONICAL: &str = "https://prodrome.org/fhir/OperationDefinition";
/// When the definitions last changed.
const DATE: &str = "2026-11-26";

/// `GET /fhir/metadata`
pub async fn metadata(state: Data<State>) -> HttpResponse {
    answer(&capability_statement(&state))
}

/// `GET /fhir/OperationDefinition/{code}`, with the outcomes of the model that answers here.
pub async fn operation_definition(state: Data<State>, code: Path<String>) -> Result<HttpResponse, Problem> {
    let operation = Operation::ALL.into_iter().find(|operation| operation.code() == code.as_str());
    let operation = operation.ok_or(Problem::UnknownRoute)?;
    Ok(answer(&definition(operation, &outcomes(&state))))
}

/// `GET /fhir/.well-known/smart-configuration`: where a token for this API is had. With several authorization servers, the
/// first that says where.
pub async fn smart_configuration(state: Data<State>) -> Result<HttpResponse, Problem> {
    let mut servers = state.access.servers();
    let server = servers.find(|server| server.token_url.is_some()).ok_or(Problem::UnknownRoute)?;
    let mut grants = vec!["client_credentials"];
    let mut configuration = json!({
        "token_endpoint": server.token_url,
        "code_challenge_methods_supported": ["S256"],
        "capabilities": ["permission-patient", "permission-user", "permission-v1", "permission-v2"],
        "scopes_supported": [
            "patient/RiskAssessment.r", "user/RiskAssessment.r", "system/RiskAssessment.r",
            "patient/*.r", "user/*.r", "system/*.r",
        ],
    });
    if let Some(url) = &server.authorize_url {
        configuration["authorization_endpoint"] = json!(url);
        grants.push("authorization_code");
    }
    configuration["grant_types_supported"] = json!(grants);
    Ok(HttpResponse::Ok().json(configuration))
}

fn answer(resource: &Value) -> HttpResponse {
    HttpResponse::Ok().content_type(FHIR_JSON).body(resource.to_string())
}

fn capability_statement(state: &State) -> Value {
    let operations = Operation::ALL
        .map(|operation| json!({"name": operation.code(), "definition": format!("{CANONICAL}/{}", operation.code())}));
    let mut statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "experimental": true,
        "date": DATE,
        "publisher": "Prodrome",
        "kind": "instance",
        "software": {"name": "Prodrome", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Risks of a chart, computed by a model trained on synthetic patients"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{
            "mode": "server",
            "security": {
                "cors": true,
                "service": [{"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                    "code": "SMART-on-FHIR",
                }]}],
            },
            "interaction": [{"code": "batch"}],
            "operation": operations,
        }],
    });
    if let Some(url) = &state.public_url {
        statement["implementation"]["url"] = json!(format!("{url}/fhir"));
    }
    statement
}

fn definition(operation: Operation, outcomes: &Outcomes) -> Value {
    let (title, description, answer) = match operation {
        Operation::AssessRisk => (
            "Assess risk",
            "Risks of every outcome that the model knows, or of those named, for one chart as of one moment.",
            "Bundle",
        ),
        Operation::Embed => {
            ("Embed", "What the model makes of one chart, as a vector, before any outcome is asked.", "Parameters")
        }
    };
    let mut written: Vec<Value> = parameters(operation).iter().map(|one| parameter(one, outcomes)).collect();
    let bound = written.iter().any(|one| one["binding"].is_object());
    written.push(json!({"name": "return", "use": "out", "min": 1, "max": "1", "type": answer}));
    let mut definition = json!({
        "resourceType": "OperationDefinition",
        "url": format!("{CANONICAL}/{}", operation.code()),
        "name": title.replace(' ', ""),
        "title": title,
        "status": "draft",
        "experimental": true,
        "kind": "operation",
        "date": DATE,
        "publisher": "Prodrome",
        "description": description,
        "affectsState": false,
        "code": operation.code(),
        "system": true,
        "type": false,
        "instance": false,
        "parameter": written,
    });
    if bound {
        definition["contained"] = json!([value_set(outcomes)]);
    }
    definition
}

fn parameter(parameter: &Parameter, outcomes: &Outcomes) -> Value {
    let Parameter { name, most, kind, text, .. } = parameter;
    let mut written = json!({"name": name, "use": "in", "min": 0, "max": most, "type": kind, "documentation": text});
    if *name == "phenotype" && !outcomes.is_empty() {
        written["binding"] = json!({"strength": "required", "valueSet": "#outcomes"});
    }
    written
}

/// The outcomes of one model package.
fn value_set(outcomes: &Outcomes) -> Value {
    let concepts: Vec<Value> = outcomes.iter().map(|(code, title)| json!({"code": code, "display": title})).collect();
    json!({"resourceType": "ValueSet", "id": "outcomes", "status": "active",
           "compose": {"include": [{"system": OUTCOMES, "concept": concepts}]}})
}
