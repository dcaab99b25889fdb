//! What this EHR sent to CDS services and what they answered: the list, and one exchange in full.

use super::super::twin::Recorded;
use super::frame::frame;
use maud::{Markup, html};
use serde_json::Value;
use std::sync::Arc;

/// The latest exchanges, latest first.
pub fn exchanges(all: &[Arc<Recorded>]) -> Markup {
    frame(
        "Calls",
        &html! {
            section .panel {
                h1 { "Calls" }
                @if all.is_empty() { p .quiet { "Nothing was sent yet." } }
                table .prefetch {
                    thead { tr { th scope="col" { "Number" } th scope="col" { "What" } th scope="col" { "Status" } th scope="col" { "Time" } } }
                    tbody {
                        @for one in all.iter().rev() {
                            tr {
                                th scope="row" { a href={ "/exchanges/" (one.number) } { (one.number) } }
                                td { (one.method) " " code { (one.url) } @if let Some(hook) = &one.hook { " " span .tag { (hook) } } }
                                td { @match &one.response { Some(response) => (response.status), None => "none" } }
                                td { (format!("{:.0} ms", one.took_ms)) }
                            }
                        }
                    }
                }
            }
        },
    )
}

/// One exchange.
pub fn exchange(one: &Recorded, page_base: &str) -> Markup {
    let curl = as_curl(one, page_base);
    frame(
        &format!("Call {}", one.number),
        &html! {
            nav .crumbs { a href="/exchanges" { "Calls" } " / " span aria-current="page" { (one.number) } }
            section .panel {
                h1 { (one.method) " " code { (one.url) } }
                @for problem in &one.problems { p .note { (problem) } }
                details open {
                    summary { "From a terminal" }
                    div .copyable {
                        pre tabindex="0" #curl { (curl) }
                        button type="button" data-copy="#curl" { "Copy as curl" }
                    }
                }
                @if let Some(token) = &one.token {
                    details { summary { "Token of the call" } pre tabindex="0" { (pretty(&token.to_string())) } }
                }
                @if !one.body.is_empty() {
                    details { summary { "Request" } pre tabindex="0" { (headers(&one.headers)) (pretty(&one.body)) } }
                }
                @if let Some(response) = &one.response {
                    details open {
                        summary { "Answer, " (response.status) }
                        pre tabindex="0" { (headers(&response.headers)) (pretty(&response.body)) }
                    }
                }
            }
        },
    )
}

/// The same request, without a token: who verifies tokens will refuse it.
fn as_curl(one: &Recorded, page_base: &str) -> String {
    match one.method {
        "GET" => format!("curl -s '{}'", one.url),
        _ => format!(
            "curl -s '{page_base}/control/exchanges/{}/body' | curl -s -H 'Content-Type: application/json' --data-binary @- '{}'",
            one.number, one.url
        ),
    }
}

fn headers(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\n")).chain(["\n".to_owned()]).collect()
}

fn pretty(text: &str) -> String {
    let value = serde_json::from_str::<Value>(text);
    value.ok().and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| text.to_owned())
}
