//! What every page has: head, the notice that the model is not for care, and where content goes.

use super::assets;
use maud::{DOCTYPE, Markup, html};

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
                link rel="stylesheet" href=(assets::address("app.css"));
                link rel="icon" type="image/svg+xml" href=(assets::address("icon.svg"));
                script type="module" src=(assets::address("app.js")) {}
            }
            body {
                a .skip href="#content" { "Skip to content" }
                header .notice { p { strong { "Not for care." } " The model was trained on synthetic patients." } }
                main #content tabindex="-1" { (content) }
            }
        }
    }
}
