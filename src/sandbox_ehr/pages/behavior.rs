//! The panel where this EHR is told whom to take after, and what is to go wrong.

use super::super::twin::{Faults, FhirFault, Profile, Switches};
use super::frame::frame;
use maud::{Markup, html};
use serde_json::Value;

/// The panel.
pub fn behavior(profile: Profile, switches: &Switches, faults: &Faults) -> Markup {
    let now = serde_json::to_value(switches).unwrap_or_default();
    let plain = serde_json::to_value(Switches::default()).unwrap_or_default();
    let changed: Vec<(&String, &Value)> =
        now.as_object().into_iter().flatten().filter(|(name, value)| plain[name.as_str()] != **value).collect();
    let fhir = match &faults.fhir {
        None => "well",
        Some(FhirFault::Slow { .. }) => "slow",
        Some(FhirFault::Failing { .. }) => "failing",
        Some(FhirFault::HalfOpen) => "half-open",
    };
    let ticked = [
        ("prefetch_withheld", "Prefetch is withheld", faults.prefetch_withheld),
        ("expired_access_token", "The token for the FHIR server has ended", faults.expired_access_token),
        ("expired_call_token", "The token of the call has ended", faults.expired_call_token),
        ("draft_orders_withheld", "Draft orders are withheld", faults.draft_orders_withheld),
    ];
    frame(
        "Behavior",
        &html! {
            section .panel aria-labelledby="profile" {
                h1 #profile { "Behavior" }
                form method="post" action="/behavior" {
                    fieldset {
                        legend { "Takes after" }
                        @for one in Profile::ALL {
                            label { input type="radio" name="profile" value=(one.name()) checked[one == profile]; " " (one.name()) }
                        }
                    }
                    fieldset {
                        legend { "The FHIR server is" }
                        @for one in ["well", "slow", "failing", "half-open"] {
                            label { input type="radio" name="fhir" value=(one) checked[one == fhir]; " " (one) }
                        }
                    }
                    fieldset {
                        legend { "Faults" }
                        @for (name, says, on) in ticked {
                            label { input type="checkbox" name=(name) value="on" checked[on]; " " (says) }
                        }
                    }
                    button .primary type="submit" { "Behave so" }
                }
            }
            section .panel aria-labelledby="switches" {
                h2 #switches { "Switched otherwise than the specification" }
                @if changed.is_empty() { p .quiet { "Nothing." } }
                table .prefetch {
                    tbody { @for (name, value) in changed { tr { th scope="row" { code { (name) } } td { code { (value) } } } } }
                }
                p .quiet {
                    "Single switches: " code { "PUT /control/behavior" } ". All that tests can do here is described as "
                    a href="/control/openapi.json" { "OpenAPI" } "."
                }
            }
        },
    )
}
