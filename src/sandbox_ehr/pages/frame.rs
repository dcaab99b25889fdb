//! What every page has: head, bar, the banner that says the patients are not real, and where content goes.

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
                title { (title) " · Prodrome sandbox EHR" }
                link rel="stylesheet" href="/assets/ehr.css";
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                script type="module" src="/assets/ehr.js" {}
            }
            body {
                a .skip href="#content" { "Skip to content" }
                header .bar {
                    a .brand href="/" {
                        img src="/assets/icon.svg" alt="" width="26" height="26";
                        span { "Sandbox EHR" }
                    }
                    span .made-with { "a demonstration of Prodrome" }
                    nav .tools aria-label="The EHR" { a href="/behavior" { "Behavior" } " " a href="/exchanges" { "Calls" } }
                }
                p .banner { strong { "Synthetic patients." } " Nobody here is real, and nothing here is medical advice." }
                main #content { (content) }
            }
        }
    }
}

/// A page that says what is wrong.
pub fn problem(title: &str, what: &str) -> Markup {
    frame(title, &html! { section .panel { h1 { (title) } p { (what) } p { a href="/" { "All patients" } } } })
}
