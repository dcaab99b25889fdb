//! A service's answer, read card by card: a card that is none, or that this EHR cannot take, is a problem that is said and
//! hinders no other card.

use super::CallError;
use super::send::Answer;
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::card::{Card, Link, holds_html};
use crate::sandbox_ehr::twin::Switches;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// The longest summary is one letter shorter.
const SUMMARY: usize = 140;

/// A finished call: what the service said, how long it took, and whether it came from its cache.
pub struct Exchange {
    /// In the journal.
    pub number: u64,
    pub status: u16,
    pub took: Duration,
    /// `X-Prodrome-Cache`
    pub cache: Option<String>,
    pub cards: Vec<Card>,
    pub system_actions: Vec<Value>,
    /// What was wrong with the answer.
    pub problems: Vec<String>,
    /// The whole answer, for the inspector.
    pub text: Value,
}

#[derive(Deserialize)]
struct HookResponse {
    cards: Vec<Value>,
    #[serde(rename = "systemActions", default)]
    system_actions: Vec<Value>,
}

/// Reads an answer.
///
/// # Errors
/// A status other than 200, or a body that is no answer to a hook.
pub fn read(
    ehr: &SandboxEhr,
    switches: &Switches,
    url: &str,
    number: u64,
    answer: &Answer,
) -> Result<Exchange, CallError> {
    let response: HookResponse = answer.accepted(url)?;
    let (mut cards, mut problems) = (Vec::new(), Vec::new());
    for (place, value) in response.cards.into_iter().enumerate() {
        match serde_json::from_value::<Card>(value) {
            Ok(mut card) if card.has_known_behavior() => {
                problems.extend(objections(&card, switches).iter().map(|why| format!("card {place}: {why}")));
                adapt(&mut card, switches);
                check_links(ehr, switches, &mut card.links);
                cards.push(card);
            }
            Ok(_) => problems.push(format!("card {place} is not shown: its selectionBehavior is unknown")),
            Err(why) => problems.push(format!("card {place} is not shown: {why}")),
        }
    }
    Ok(Exchange {
        number,
        status: answer.status,
        took: answer.took,
        cache: answer.cache.clone(),
        cards,
        system_actions: response.system_actions,
        problems,
        text: answer.accepted(url)?,
    })
}

/// What this EHR dislikes about a card that it shows.
fn objections(card: &Card, switches: &Switches) -> Vec<&'static str> {
    let mut objections = Vec::new();
    let mut object = |wrong: bool, why| {
        if wrong {
            objections.push(why);
        }
    };
    let topic = card.source.topic.as_ref();
    let topic = |name: &str| topic.and_then(|topic| topic[name].as_str()).unwrap_or_default();
    if switches.strict_cards {
        object(card.summary.chars().count() >= SUMMARY, "summary has 140 letters or more");
        object(topic("code").is_empty() || topic("system").is_empty(), "source.topic lacks code or system");
        object(
            !card.suggestions.is_empty() && card.selection_behavior.is_none(),
            "suggestions without selectionBehavior",
        );
        object(card.suggestions.iter().any(|one| one.actions.is_empty()), "a suggestion without actions");
        object(card.override_reasons.iter().any(|one| one.display.is_none()), "an override reason without display");
        object(
            card.links.iter().any(|link| !link.is_smart() && link.app_context.is_some()),
            "appContext on an absolute link",
        );
    }
    if switches.html_detail {
        let markup = card.detail.as_deref().is_some_and(holds_html);
        object(markup, "detail holds HTML, which this EHR takes for its own");
    }
    if switches.plain_topics {
        let code = topic("code");
        let plain = !code.is_empty() && code.len() <= 100 && code.chars().all(|letter| letter.is_ascii_alphanumeric());
        object(!plain, "source.topic.code is not of letters and digits, at most 100");
    }
    if switches.one_action {
        let other = card.selection_behavior.as_deref().is_some_and(|behavior| behavior != "any");
        object(other, "selectionBehavior is not `any`");
        object(
            card.suggestions.iter().any(|one| one.actions.len() > 1),
            "a suggestion with several actions is not offered",
        );
    }
    objections
}

/// Leaves out and rewords what this EHR does.
fn adapt(card: &mut Card, switches: &Switches) {
    if switches.one_action {
        card.suggestions.retain(|suggestion| suggestion.actions.len() <= 1);
    }
    if switches.shows_action_description {
        for suggestion in &mut card.suggestions {
            if let Some(said) = suggestion.actions.first().and_then(|action| action.description.clone()) {
                suggestion.label = said;
            }
        }
    }
    let kind = card.extension.as_ref().map(|extension| &extension["com.epic.cdshooks.card.detail.content-type"]);
    let is_plain = kind.and_then(Value::as_str).is_some_and(|kind| kind == "text/plain");
    card.plain_detail = switches.detail_content_type && is_plain;
}

/// Which links may be followed: to apps that are registered, and to hosts that are listed.
fn check_links(ehr: &SandboxEhr, switches: &Switches, links: &mut Vec<Link>) {
    for link in links.iter_mut() {
        link.listed = match link.is_smart() {
            true => ehr.authorization.app_at(&link.url).is_some(),
            false => is_listed(ehr, switches, &link.url),
        };
        if switches.own_link_labels && link.listed {
            let app = ehr.authorization.app_at(&link.url).filter(|_| link.is_smart()).map(str::to_owned);
            link.label = app.or_else(|| host(&link.url)).unwrap_or_default();
        }
    }
    if switches.drops_unlisted_links {
        links.retain(|link| link.listed);
    }
    let only = links.len() == 1;
    for link in links {
        link.opens_at_once = switches.autolaunch && only && link.autolaunchable && link.listed;
    }
}

fn is_listed(ehr: &SandboxEhr, switches: &Switches, url: &str) -> bool {
    let Some(wanted) = host(url) else { return false };
    let services = ehr.servers.iter().filter_map(|server| host(&server.base));
    services.chain(switches.link_hosts.iter().cloned()).any(|listed| listed == wanted || listed == "*")
}

fn host(url: &str) -> Option<String> {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned))
}
