//! The app's plain pages, beside that of the patient: which EHR, why not, good-bye; and whose session it is.

use super::page::frame::frame;
use super::session::SmartSession;
use crate::trust::smart_client::SmartClient;
use maud::{Markup, html};
use std::sync::Arc;

/// A page of one section.
fn plain(title: &str, content: &Markup) -> Markup {
    frame(title, &html! { section .panel { h1 { (title) } (content) } })
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

/// Whose session it is and how it ends, at the foot of the page.
pub fn session(session: &SmartSession) -> Markup {
    html! {
        p .quiet {
            "Opened from " (session.client.ehr.name)
            @if let Some(card) = &session.card { ", from a card of " (card.service) }
            @if let Some(user) = &session.fhir_user { ", by " code { (user) } }
            ". May read "
            @for scope in session.scope.split_whitespace() { code { (scope) } " " }
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
