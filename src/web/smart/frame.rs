//! What every page of the app has: head, a way past what stands before the content, and where content goes. Nothing inline,
//! nothing from elsewhere. How a page looks is its own: [`super::pages`] are plain, [`super::page`] has scripts.

use super::page::assets::address;
use maud::{DOCTYPE, Markup, html};

/// One of the app's pages.
pub struct Page<'a> {
    pub title: &'a str,
    /// The name of its style sheet among the assets.
    pub style: &'a str,
    /// What else its head has.
    pub head: Markup,
    /// What stands above the content.
    pub above: Markup,
    pub content: &'a Markup,
}

impl Page<'_> {
    /// The whole of it.
    pub fn whole(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Prodrome" }
                    link rel="stylesheet" href=(address(self.style));
                    link rel="icon" type="image/svg+xml" href=(address("icon.svg"));
                    (self.head)
                }
                body {
                    a .skip href="#content" { "Skip to content" }
                    (self.above)
                    main #content tabindex="-1" { (self.content) }
                }
            }
        }
    }
}
