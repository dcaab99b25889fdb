//! What every page behind a card has: its look, its scripts, and the notice that the model is not for care.

use super::assets::address;
use crate::web::smart::frame::Page;
use maud::{Markup, html};

/// A whole page.
pub fn frame(title: &str, content: &Markup) -> Markup {
    let head = html! {
        script type="module" src=(address("app.js")) {}
    };
    let above =
        html! { header .notice { p { strong { "Not for care." } " The model was trained on synthetic patients." } } };
    Page { title, style: "app.css", head, above, content }.whole()
}
