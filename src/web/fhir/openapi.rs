//! `GET /openapi.json`: every address of the server for programs as OpenAPI 3.1, with the outcomes of the model that
//! answers here and the ids of its services.

use super::addresses::{ADDRESSES, Address, Sent, Token};
use super::parameters::{Outcomes, outcomes};
use super::schemas::{example, name, reference, schemas, typed};
use crate::web::state::State;
use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::{Map, Value, json};

/// Answers with the document.
pub async fn document(state: Data<State>) -> HttpResponse {
    let services = state.parts().map(|parts| parts.hooks.catalogue.services()).unwrap_or_default();
    let services = services.iter().map(|service| service.id.to_string()).collect();
    HttpResponse::Ok().json(openapi(&Known { outcomes: outcomes(&state), services }))
}

/// What the document names besides addresses. Empty while model and services load.
struct Known {
    outcomes: Outcomes,
    services: Vec<String>,
}

fn openapi(known: &Known) -> Value {
    let mut paths = Map::new();
    for address in &ADDRESSES {
        let item = paths.entry(address.path).or_insert_with(|| json!({}));
        item[address.method] = operation(address, known);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Prodrome",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Risks come from a model trained on synthetic patients. Not for use in care.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(&known.outcomes),
            "securitySchemes": {
                "smart": {"type": "http", "scheme": "bearer", "description": "SMART access token (RFC 6750)"},
                "cdsClient": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "JWT of a CDS client"},
            },
        },
    })
}

fn operation(address: &Address, known: &Known) -> Value {
    let mut operation = json!({"summary": address.summary, "responses": responses(address)});
    if let Some(sent) = address.sent {
        let media = if address.path.starts_with("/fhir") { "application/fhir+json" } else { "application/json" };
        operation["requestBody"] = json!({"required": true, "content": {media: {
            "schema": reference(name(sent)), "example": example(sent, &known.outcomes)}}});
    }
    let places: Vec<Value> = address.places().map(|place| in_path(place, &known.services)).collect();
    if !places.is_empty() {
        operation["parameters"] = places.into();
    }
    match address.token {
        Token::None => {}
        Token::Access(scopes) => {
            operation["security"] = scopes.iter().map(|scope| json!({"smart": [scope]})).collect();
        }
        Token::Hook => operation["security"] = json!([{"cdsClient": []}]),
    }
    operation
}

fn in_path(place: &str, services: &[String]) -> Value {
    let schema = match place {
        "code" => json!({"type": "string", "enum": ["assess-risk", "embed"]}),
        _ if services.is_empty() => json!({"type": "string"}),
        _ => json!({"type": "string", "enum": services}),
    };
    json!({"name": place, "in": "path", "required": true, "schema": schema})
}

/// What comes back where all is well, and every reason why it is not.
fn responses(address: &Address) -> Value {
    let mut done = json!({"description": address.answer});
    if address.answer != "nothing" {
        let (media, schema) = answered(address);
        done["content"] = json!({media: {"schema": schema}});
    }
    let mut responses = json!({ "200": done });
    for (status, rows) in address.refusals() {
        let said: Vec<String> = rows.iter().map(|row| format!("`{}`: {}", row.code, row.when)).collect();
        responses[status.to_string()] = match (status, address.token) {
            // Of a hook call's token nothing is said.
            (401, Token::None | Token::Hook) => json!({"description": said.join("\n\n")}),
            _ => json!({"description": said.join("\n\n"), "content": {
                "application/fhir+json": {"schema": reference("OperationOutcome")}}}),
        };
    }
    responses
}

fn answered(address: &Address) -> (&'static str, Value) {
    let fhir = "application/fhir+json";
    match (address.sent, address.answer) {
        (Some(Sent::Parameters(_)), "Bundle") => (fhir, reference("Assessment")),
        (Some(Sent::HookCall), _) => ("application/json", reference("Cards")),
        (_, "text") => ("text/plain", json!({"type": "string"})),
        (_, "HTML") => ("text/html", json!({"type": "string"})),
        (_, resource) if address.path.starts_with("/fhir") && resource != "JSON" => (fhir, typed(resource)),
        _ => ("application/json", json!({"type": "object"})),
    }
}
