//! The app's plain pages: which EHR, why not, whose chart, and good-bye. Nothing inline, nothing from elsewhere, no script.

use super::session::SmartSession;
use crate::trust::smart_client::SmartClient;
use maud::{DOCTYPE, Markup, html};
use std::sync::Arc;

/// The style sheet, shipped inside the program.
pub const STYLE: &str = include_str!("assets/smart.css");

/// A whole page.
pub fn frame(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Prodrome" }
                link rel="stylesheet" href="/smart/assets/smart.css";
            }
            body {
                a .skip href="#content" { "Skip to content" }
                main #content tabindex="-1" { h1 { (title) } (content) }
            }
        }
    }
}

/// Why the app does not open.
pub fn refusal(title: &str, text: &str) -> Markup {
    frame(title, &html! { p role="alert" { (text) } })
}

/// The EHRs from which a patient may be chosen.
pub fn choice<'a>(clients: impl Iterator<Item = &'a Arc<SmartClient>>) -> Markup {
    frame(
        "Choose an EHR",
        &html! {
            p { "Sign in there and choose a patient. From within an EHR, open the app from a card or from its menu instead." }
            ul { @for client in clients { li {
                a href={ "/smart/standalone?ehr=" (client.ehr.name) } { (client.ehr.name) }
            } } }
        },
    )
}

/// Whose chart is open and what may be read of it, with the way out: the foot of the patient's page.
pub fn opened(session: &SmartSession) -> Markup {
    html! {
        h2 { "This session" }
        dl {
            dt { "EHR" } dd { (session.launch.client.ehr.name) }
            dt { "Patient id" } dd { (session.launch.patient) }
            @if let Some(encounter) = &session.launch.encounter { dt { "Encounter id" } dd { (encounter) } }
            @if let Some(user) = &session.launch.fhir_user { dt { "User" } dd { (user) } }
            dt { "May read" } dd { @for scope in session.launch.scope.split_whitespace() { code { (scope) } " " } }
            @if let Some(card) = &session.launch.card { dt { "Opened from a card of" } dd { (card.service) } }
        }
        form method="post" action="/smart/logout" {
            input type="hidden" name="token" value=(session.form_token);
            button type="submit" { "Close this patient" }
        }
    }
}

/// After logging out.
pub fn closed() -> Markup {
    frame("Closed", &html! { p { "No patient is open here any more. The EHR itself is still signed in." } })
}
