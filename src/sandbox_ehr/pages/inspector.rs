//! The call as it went over the wire, for those who want to build one themselves.

use super::super::hook_call::Exchange;
use super::super::prefetch::Filled;
use maud::{Markup, html};
use serde_json::Value;

/// Resources of a Bundle that the shortened request shows.
const SHOWN_ENTRIES: usize = 2;

/// A request that was sent.
pub struct Sent<'a> {
    /// `POST` address.
    pub url: &'a str,
    pub body: &'a str,
    pub prefetch: &'a [Filled],
    /// An address that gives such a request: a fresh one where it can, else the one that was sent.
    pub ready_made: String,
}

impl Sent<'_> {
    /// The same call from a terminal.
    pub fn as_curl(&self) -> String {
        format!(
            "curl -s '{}' | curl -s -H 'Content-Type: application/json' --data-binary @- '{}'",
            self.ready_made, self.url
        )
    }
}

/// Request and answer, folded away.
pub fn inspector(sent: &Sent, exchange: Option<&Exchange>) -> Markup {
    let curl = sent.as_curl();
    html! {
        details .inspector {
            summary { "The call: " (size(sent.body.len())) " sent" }
            p { code { "POST " (sent.url) } }
            div .copyable {
                pre tabindex="0" #curl { (curl) }
                button type="button" data-copy="#curl" { "Copy as curl" }
            }
            @if sent.prefetch.is_empty() {
                p { "No prefetch was sent: the server reads what it needs from this EHR's FHIR server, with the token of the call." }
            } @else { (prefetch(sent.prefetch)) }
            details {
                summary { "Request, long Bundles shortened" }
                pre tabindex="0" { (shortened(sent.body)) }
                p { a href=(sent.ready_made) { "The whole request" } }
            }
            @if let Some(exchange) = exchange {
                details {
                    summary { "Answer, " (exchange.status) }
                    pre tabindex="0" { (serde_json::to_string_pretty(&exchange.text).unwrap_or_default()) }
                }
            }
        }
    }
}

fn prefetch(filled: &[Filled]) -> Markup {
    html! {
        table .prefetch {
            caption { "Prefetch, filled from the templates of the discovery document" }
            thead { tr { th scope="col" { "Key" } th scope="col" { "Query" } th scope="col" { "Found" } } }
            tbody {
                @for one in filled {
                    tr {
                        th scope="row" { (one.key) }
                        td { code { (one.query) } }
                        td { (one.said.in_words()) }
                    }
                }
            }
        }
    }
}

fn shortened(body: &str) -> String {
    let mut request: Value = serde_json::from_str(body).unwrap_or_default();
    for (_, value) in request["prefetch"].as_object_mut().into_iter().flatten() {
        let Some(entries) = value.get_mut("entry").and_then(Value::as_array_mut) else { continue };
        let more = entries.len().saturating_sub(SHOWN_ENTRIES);
        entries.truncate(SHOWN_ENTRIES);
        if more > 0 {
            entries.push(Value::String(format!("… {more} more")));
        }
    }
    serde_json::to_string_pretty(&request).unwrap_or_default()
}

fn size(bytes: usize) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=999_999 => format!("{} KB", bytes / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
