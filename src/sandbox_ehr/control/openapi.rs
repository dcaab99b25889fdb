//! `GET /control/openapi.json`: the control API as OpenAPI 3.1, for clients that are generated from it.

use super::schemas::schemas;
use super::table::{Answered, Operation, operations};
use super::{Answer, Ehr};
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::twin::Direction;
use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::{Map, Value, json};

/// The document of this very EHR: its examples name its own patients.
pub async fn document(ehr: Ehr) -> Answer {
    Ok(HttpResponse::Ok().json(openapi(&ehr)))
}

fn openapi(ehr: &SandboxEhr) -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method.as_str().to_ascii_lowercase()] = described(&operation, ehr);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sandbox EHR, control API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Drives the EHR twin in tests: docs/guides/sandbox-ehr.md. Synthetic patients only. It has one \
                            desk, which all callers share.",
        },
        "servers": [{"url": ehr.page_base}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": {"Refused": {
                "description": "400 not understood, out of range, or not possible as things are; 403 from another site's page, or \
                                about a server that this EHR was not started with; 404; 405 with `Allow`; 409 a card was decided \
                                on before, or a draft changed meanwhile; 413 a body that is too long; 415",
                "content": content(&reference("Error")),
            }},
        },
    })
}

fn described(operation: &Operation, ehr: &SandboxEhr) -> Value {
    let (status, description, schema) = match operation.answer {
        Answered::With(name) => ("200", name, Some(reference(name))),
        Answered::List(name) => ("200", name, Some(json!({"type": "array", "items": reference(name)}))),
        Answered::Anything => ("200", "JSON", Some(json!({}))),
        Answered::Created(name) => ("201", name, Some(reference(name))),
        Answered::Nothing => ("204", "Done", None),
    };
    let mut done = json!({"description": description});
    if let Some(schema) = schema {
        done["content"] = content(&schema);
    }
    let mut described = json!({"operationId": operation.id, "summary": operation.summary, "responses": {
        status: done, "4XX": {"$ref": "#/components/responses/Refused"},
    }});
    if let Some(sent) = &operation.sent {
        let mut body = content(&reference(sent.schema));
        body["application/json"]["example"] = (sent.example)(ehr);
        described["requestBody"] = json!({"required": true, "content": body});
    }
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let names = operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path = |name: &str| {
        let (kind, says) = match name {
            "type" => ("string", "Type of the resource"),
            "number" => ("integer", "`number` of the exchange"),
            "card" => ("string", "`key` of the card"),
            _ => ("string", "Logical id of the resource"),
        };
        json!({"name": name, "in": "path", "required": true, "description": says, "schema": {"type": kind}})
    };
    let mut parameters: Vec<Value> = names.map(in_path).collect();
    if operation.path == "/control/exchanges" && operation.method == Method::GET {
        let kinds = [Direction::Discovery, Direction::Call, Direction::Feedback];
        parameters.push(json!({"name": "kind", "in": "query", "description": "Only those of this kind",
                               "schema": {"type": "string", "enum": kinds}}));
    }
    parameters
}

fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
