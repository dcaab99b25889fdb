//! `GET /docs`: the addresses for people, drawn from the tables that the OpenAPI document is drawn from.
//!
//! The page needs nothing from elsewhere and runs no script.

use super::addresses::{ADDRESSES, Address, Sent, Token};
use super::operations::Operation;
use super::parameters::{Outcomes, outcomes, parameters};
use super::schemas::example;
use crate::web::state::State;
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Data;
use maud::{DOCTYPE, Markup, html};

const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("docs.css");

/// The whole page.
pub async fn page(state: Data<State>) -> HttpResponse {
    let outcomes = outcomes(&state);
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
                    @for address in &ADDRESSES { (section(address, &outcomes)) }
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

fn section(address: &Address, outcomes: &Outcomes) -> Markup {
    html! {
        section {
            h2 { span .method { (address.method.to_uppercase()) } " " code { (address.path) } }
            p { (address.summary) "." }
            dl {
                @if let Some(sent) = address.sent { dt { "Sent" } dd { (sending(sent, outcomes)) } }
                dt { "Answer" } dd { (address.answer) }
                @match address.token {
                    Token::None => {}
                    Token::Hook => { dt { "Token" } dd { "JWT of a CDS client" } }
                    Token::Access(scopes) => {
                        dt { "Token" }
                        dd { "SMART access token with one of " @for scope in scopes { code { (scope) } " " } }
                    }
                }
                @if !address.refused.is_empty() {
                    dt { "Refused" }
                    dd { @for (status, rows) in address.refusals() {
                        (status) " " @for row in rows { code { (row.code) } " " }
                    } }
                }
            }
        }
    }
}

fn sending(sent: Sent, outcomes: &Outcomes) -> Markup {
    let example = serde_json::to_string_pretty(&example(sent, outcomes)).unwrap_or_default();
    let what = match sent {
        Sent::Parameters(_) => "Parameters",
        Sent::Batch => "Bundle",
        Sent::HookCall => "CDS Hooks request",
        Sent::Feedback => "CDS Hooks feedback",
    };
    html! {
        (what)
        @if let Sent::Parameters(operation) = sent {
            ul {
                @for one in parameters(operation) {
                    li {
                        code { (one.name) } " as " @for (place, member) in one.members.iter().enumerate() {
                            @if place > 0 { ", " } code { (member) }
                        } ": " (one.text)
                    }
                }
            }
            @if operation == Operation::AssessRisk && !outcomes.is_empty() {
                details {
                    summary { "The " (outcomes.len()) " outcomes" }
                    ul { @for (code, title) in outcomes { li { code { (code) } " " (title) } } }
                }
            }
        }
        details { summary { "Example" } pre tabindex="0" { (example) } }
    }
}
