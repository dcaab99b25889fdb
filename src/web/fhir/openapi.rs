//! Every address of the server for programs (`/openapi.json`) and for people (`/docs`), drawn from one list.
//!
//! The page needs nothing from elsewhere and runs no script.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use maud::{DOCTYPE, html};
use serde_json::{Map, Value, json};

const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("docs.css");

/// One address.
struct Address {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// What is sent, and what comes back.
    body: Option<&'static str>,
    answer: &'static str,
    token: Token,
}

/// By what right it is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    None,
    /// A SMART access token with one of these scopes.
    Access(&'static [&'static str]),
    /// The JWT of a CDS client.
    Hook,
}

const RISK: Token = Token::Access(&["patient/RiskAssessment.r", "user/RiskAssessment.r", "system/RiskAssessment.r"]);
const STATE: Token = Token::Access(&["patient/*.r", "user/*.r", "system/*.r"]);

const fn read(path: &'static str, summary: &'static str, answer: &'static str) -> Address {
    Address { method: "get", path, summary, body: None, answer, token: Token::None }
}

const fn write(
    path: &'static str,
    summary: &'static str,
    sent: &'static str,
    answer: &'static str,
    token: Token,
) -> Address {
    Address { method: "post", path, summary, body: Some(sent), answer, token }
}

const ADDRESSES: [Address; 15] = [
    write("/fhir/$assess-risk", "Risks of one chart as of one moment", "Parameters", "Bundle", RISK),
    write("/fhir/$embed", "The model's state of one chart, as a vector", "Parameters", "Parameters", STATE),
    write("/fhir", "A batch of operations, each answered with a status of its own", "Bundle", "Bundle", RISK),
    read("/fhir/metadata", "What the API offers", "CapabilityStatement"),
    read("/fhir/OperationDefinition/{code}", "One operation: assess-risk or embed", "OperationDefinition"),
    read("/fhir/.well-known/smart-configuration", "Where access tokens are had", "JSON"),
    read("/cds-services", "CDS Hooks: the services", "JSON"),
    write(
        "/cds-services/{id}",
        "CDS Hooks: one call, answered with cards",
        "CDS Hooks request",
        "CDS Hooks response",
        Token::Hook,
    ),
    write(
        "/cds-services/{id}/feedback",
        "CDS Hooks: what was done with cards",
        "CDS Hooks feedback",
        "nothing",
        Token::Hook,
    ),
    read("/.well-known/jwks.json", "Public halves of our own keys", "JWK Set"),
    read("/healthz", "Alive", "text"),
    read("/readyz", "Ready: model and database are loaded", "text"),
    read("/metrics", "Prometheus metrics", "text"),
    read("/openapi.json", "This list as OpenAPI 3.1", "OpenAPI"),
    read("/docs", "This list as a page", "HTML"),
];

/// `GET /openapi.json`
pub async fn document() -> HttpResponse {
    HttpResponse::Ok().json(openapi())
}

/// `GET /docs`
pub async fn page() -> HttpResponse {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Prodrome API" }
                link rel="stylesheet" href="/docs/style.css";
            }
            body {
                main {
                    h1 { "Prodrome API" }
                    p {
                        "Risks come from a model trained on synthetic patients: they show how the software works, not what \
                         medicine knows. Programs read the same list as " a href="/openapi.json" { "OpenAPI" }
                        " and " a href="/fhir/metadata" { "CapabilityStatement" } "."
                    }
                    @for address in &ADDRESSES {
                        section {
                            h2 { span .method { (address.method.to_uppercase()) } " " code { (address.path) } }
                            p { (address.summary) "." }
                            dl {
                                @if let Some(sent) = address.body { dt { "Sent" } dd { (sent) } }
                                dt { "Answer" } dd { (address.answer) }
                                @match address.token {
                                    Token::None => {}
                                    Token::Hook => { dt { "Token" } dd { "JWT of a CDS client" } }
                                    Token::Access(scopes) => {
                                        dt { "Token" }
                                        dd { "SMART access token with one of " @for scope in scopes { code { (scope) } " " } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(page.into_string())
}

/// `GET /docs/style.css`
pub async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

fn openapi() -> Value {
    let mut paths = Map::new();
    for address in &ADDRESSES {
        let item = paths.entry(address.path).or_insert_with(|| json!({}));
        item[address.method] = operation(address);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Prodrome",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Risks come from a model trained on synthetic patients. Not for use in care.",
        },
        "paths": paths,
        "components": {"securitySchemes": {
            "smart": {"type": "http", "scheme": "bearer", "description": "SMART access token (RFC 6750)"},
            "cdsClient": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "JWT of a CDS client"},
        }},
    })
}

fn operation(address: &Address) -> Value {
    let is_fhir = address.path.starts_with("/fhir") && address.answer != "JSON";
    let media = match (address.answer, is_fhir) {
        (_, true) => "application/fhir+json",
        ("text", _) => "text/plain",
        ("HTML", _) => "text/html",
        _ => "application/json",
    };
    let schema = |name: &str| match is_fhir {
        true => {
            json!({"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"const": name}}})
        }
        false => json!({}),
    };
    let mut responses =
        json!({"200": {"description": address.answer, "content": {media: {"schema": schema(address.answer)}}}});
    if address.token != Token::None {
        responses["401"] = json!({"description": "No token, or one that cannot be accepted"});
        responses["default"] = json!({"description": "OperationOutcome, after docs/reference/errors.md"});
    }
    let mut operation = json!({"summary": address.summary, "responses": responses});
    if let Some(sent) = address.body {
        operation["requestBody"] = json!({"required": true, "content": {media: {"schema": schema(sent)}}});
    }
    let names = address.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let parameters: Vec<Value> =
        names.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})).collect();
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    match address.token {
        Token::None => {}
        Token::Access(scopes) => {
            operation["security"] = json!(scopes.iter().map(|s| json!({"smart": [s]})).collect::<Vec<_>>())
        }
        Token::Hook => operation["security"] = json!([{"cdsClient": []}]),
    }
    operation
}
