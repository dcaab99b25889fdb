//! The app's plain pages, without any script: which EHR, why not, whose chart, and good-bye.

use super::frame::Page;
use super::session::SmartSession;
use crate::trust::smart_client::SmartClient;
use maud::{Markup, html};
use std::sync::Arc;

/// A page with no more than its text.
fn plain(title: &str, text: &Markup) -> Markup {
    let content = &html! { h1 { (title) } (text) };
    Page { title, style: "plain.css", head: html! {}, above: html! {}, content }.whole()
}

/// Why the app does not open.
pub fn refusal(title: &str, text: &str) -> Markup {
    plain(title, &html! { p role="alert" { (text) } })
}

/// The EHRs from which a patient may be chosen.
pub fn choice<'a>(clients: impl Iterator<Item = &'a Arc<SmartClient>>) -> Markup {
    plain(
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
    plain("Closed", &html! { p { "No patient is open here any more. The EHR itself is still signed in." } })
}
