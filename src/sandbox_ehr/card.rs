//! What a service answered, as an EHR reads it: unknown members are ignored, a card that lacks what the
//! specification requires is not drawn, and markdown is rendered without any raw HTML.

use maud::PreEscaped;
use pulldown_cmark::{Alignment, CowStr, Event, Options, Parser, Tag, TagEnd, html};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One piece of guidance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// What this EHR calls the card: its uuid, or a name of our own.
    #[serde(skip_deserializing)]
    pub key: String,
    pub uuid: Option<String>,
    pub summary: String,
    pub detail: Option<String>,
    pub indicator: Indicator,
    pub source: Source,
    #[serde(default)]
    pub suggestions: Vec<Suggestion>,
    #[serde(default)]
    pub override_reasons: Vec<Coding>,
    #[serde(default)]
    pub links: Vec<Link>,
    pub selection_behavior: Option<String>,
    pub extension: Option<Value>,
    /// `detail` is text without markdown.
    #[serde(skip)]
    pub plain_detail: bool,
}

impl Card {
    /// Another word than the two is an error of the card (CDS Hooks, "Card attributes").
    pub fn has_known_behavior(&self) -> bool {
        matches!(self.selection_behavior.as_deref(), None | Some("at-most-one" | "any"))
    }

    /// Any number of its suggestions may be accepted, one after another.
    pub fn lets_any_be_chosen(&self) -> bool {
        self.selection_behavior.as_deref() == Some("any")
    }
}

/// How much attention the card asks for. Another word is an error, as the specification says.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Indicator {
    Info,
    Warning,
    Critical,
}

impl Indicator {
    /// The word, also the CSS class.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Source {
    pub label: String,
    pub url: Option<String>,
    pub topic: Option<Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    pub label: String,
    /// `all` where it is not said.
    pub action_selection_behavior: Option<String>,
    pub uuid: Option<String>,
    #[serde(default)]
    pub is_recommended: bool,
    /// It was accepted, and is offered no more.
    #[serde(skip)]
    pub taken: bool,
    #[serde(default)]
    pub actions: Vec<Action>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    #[serde(rename = "type")]
    pub what: String,
    pub description: Option<String>,
    pub resource: Option<Value>,
    pub resource_id: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Coding {
    pub code: String,
    pub system: String,
    pub display: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub label: String,
    pub url: String,
    /// `absolute` or `smart`.
    #[serde(rename = "type", default)]
    pub what: String,
    /// What the app is to be told when it is launched.
    pub app_context: Option<String>,
    /// In the specification's spelling and in Epic's.
    #[serde(default, alias = "autoLaunchable")]
    pub autolaunchable: bool,
    /// Whether it leads where this EHR lets links lead.
    #[serde(skip_deserializing)]
    pub listed: bool,
    #[serde(skip_deserializing)]
    pub opens_at_once: bool,
}

impl Link {
    /// Whether it opens an app and not a page.
    pub fn is_smart(&self) -> bool {
        self.what == "smart"
    }
}

/// An address that may stand in a link of the page.
pub fn is_web_address(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Whether markdown holds raw HTML.
pub fn holds_html(markdown: &str) -> bool {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
        .any(|event| matches!(event, Event::Html(_) | Event::InlineHtml(_)))
}

/// Card markdown as HTML. Raw HTML in it is shown as the text it is, images and odd links are left out,
/// and table cells carry no inline style, so that nothing of a card can act on the page.
pub fn rendered(markdown: &str) -> PreEscaped<String> {
    let mut inert = Vec::new();
    let events =
        Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).filter_map(|event| {
            Some(match event {
                Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
                Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
                Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
                Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => return None,
                Event::Start(Tag::Table(columns)) => Event::Start(Tag::Table(vec![Alignment::None; columns.len()])),
                Event::Start(Tag::Link { dest_url, link_type, id, .. }) => {
                    let keep = is_web_address(&dest_url);
                    inert.push(!keep);
                    if !keep {
                        return None;
                    }
                    Event::Start(Tag::Link { dest_url, link_type, id, title: CowStr::Borrowed("") })
                }
                Event::End(TagEnd::Link) if inert.pop().unwrap_or(true) => return None,
                other => other,
            })
        });
    let mut out = String::new();
    html::push_html(&mut out, events);
    PreEscaped(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_html_in_a_card_is_shown_as_text() {
        let html = rendered("**bold** <script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n<b>x</b>").0;
        assert!(html.contains("<strong>bold</strong>"), "{html}");
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<b>"), "{html}");
    }

    #[test]
    fn only_web_links_survive() {
        let html = rendered("[a](javascript:alert(1)) [b](https://example.org) ![c](https://example.org/p.png)").0;
        assert!(!html.contains("javascript") && !html.contains("<img"), "{html}");
        assert_eq!((html.matches("<a ").count(), html.matches("</a>").count()), (1, 1), "{html}");
    }

    #[test]
    fn tables_carry_no_inline_style() {
        let html = rendered("| a | b |\n|:--|--:|\n| 1 | 2 |").0;
        assert!(html.contains("<table>") && !html.contains("style"), "{html}");
    }

    #[test]
    fn an_unknown_indicator_is_an_error() {
        let card = r#"{"summary":"s","indicator":"hard-stop","source":{"label":"l"}}"#;
        assert!(serde_json::from_str::<Card>(card).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_markdown_makes_an_element_that_acts(text in "[<>a-z\"'=/!\\[\\]() \n`|-]{0,80}") {
            let html = rendered(&text).0;
            for element in ["<script", "<img", "<iframe", "<svg", "<style", "<input", "<form"] {
                proptest::prop_assert!(!html.contains(element), "{}", html);
            }
        }
    }
}
