//! What happens when a user decides on a card: a suggestion's actions are done on the drafts, all or none, and the service is
//! told as far as the specification lets it be told.

use super::SandboxEhr;
use super::card::{Action, Coding, Suggestion};
use super::decisions::{Choice, Decision, Part, Shown, Told};
use super::hook_call::send_feedback;
use super::twin::{DraftError, Snapshot, Switches};
use crate::platform::clock;
use awc::Client;
use serde_json::{Value, json};

/// The longest comment, in letters.
const LONGEST_COMMENT: usize = 300;
/// What reasons of the house are coded in.
const OWN_REASONS: &str = "urn:prodrome:sandbox-ehr:reasons";
/// Feedback that waits, at most.
const MOST_UNSENT: usize = 500;

/// Why a decision is not made. Nothing is changed or sent, then.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    #[error("the card was decided on before: fire the hook again for a new one")]
    Before,
    #[error("the card has no such suggestion or reason")]
    NotOffered,
    #[error("the suggestion's actionSelectionBehavior is unknown: it is refused as a whole")]
    Behavior,
    #[error("these actions cannot be chosen by themselves")]
    Selection,
    #[error(transparent)]
    Draft(#[from] DraftError),
}

/// What the user wants.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dismissal {
    /// Code of one of the card's reasons, or of the house's.
    pub reason: Option<String>,
    pub comment: Option<String>,
}

/// A suggestion of a card.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(try_from = "Value")]
pub enum Which {
    Place(usize),
    /// Its uuid; where none is so, and it is a number, its place.
    Named(String),
}

impl TryFrom<Value> for Which {
    type Error = &'static str;

    fn try_from(named: Value) -> Result<Self, Self::Error> {
        let place = named.as_u64().and_then(|place| usize::try_from(place).ok());
        let by_name = || named.as_str().map(|name| Self::Named(name.to_owned()));
        place.map(Self::Place).or_else(by_name).ok_or("`suggestion` is a uuid, or a place counted from 0")
    }
}

impl Which {
    /// The suggestion's place.
    fn of(&self, suggestions: &[Suggestion]) -> Option<usize> {
        let by_uuid = |uuid: &str| suggestions.iter().position(|one| one.uuid.as_deref() == Some(uuid));
        let place = match self {
            Self::Place(place) => Some(*place),
            Self::Named(name) => by_uuid(name).or_else(|| name.parse().ok()),
        };
        place.filter(|place| *place < suggestions.len())
    }
}

/// Does what a suggestion suggests. `actions`: the places of those chosen. The card is off the screen then, unless any number
/// of its suggestions may be chosen and some are left.
pub async fn accept(
    ehr: &SandboxEhr,
    client: &Client,
    shown: Shown,
    suggestion: &Which,
    actions: Option<&[usize]>,
) -> Result<Decision, Undecided> {
    let desk = ehr.desk().snapshot(&shown.patient);
    if ehr.decisions.is_decided(&shown) {
        return Err(Undecided::Before);
    }
    let place = suggestion.of(&shown.card.suggestions).ok_or(Undecided::NotOffered)?;
    let chosen = shown.card.suggestions[place].clone();
    let applied = first(ehr, &shown, Part::Suggestion(place), || {
        let wanted = selected(&chosen, actions)?.into_iter();
        let wanted: Vec<Value> = wanted.map(|action| as_this_ehr_orders(action, &desk.switches)).collect();
        let wanted: Vec<&Value> = wanted.iter().collect();
        Ok(ehr.desk().basket_mut(&shown.patient).apply(&wanted, &shown.sent, &shown.patient)?)
    })?;
    let reported = shown.card.uuid.as_ref().zip(chosen.uuid.as_ref());
    let entry =
        reported.map(|(card, id)| json!({"card": card, "outcome": "accepted", "acceptedSuggestions": [{"id": id}]}));
    Ok(decided(ehr, client, shown, Choice::Accepted(chosen, applied), entry, &desk).await)
}

/// Dismisses a card, which is off the screen then.
pub async fn dismiss(
    ehr: &SandboxEhr,
    client: &Client,
    shown: Shown,
    dismissal: &Dismissal,
) -> Result<Decision, Undecided> {
    let desk = ehr.desk().snapshot(&shown.patient);
    let code = dismissal.reason.as_deref().filter(|code| !code.is_empty());
    let own = |code: &str| desk.switches.own_reasons.iter().any(|own| own == code).then(|| own_reason(code));
    let offered = |code: &str| shown.card.override_reasons.iter().find(|reason| reason.code == code).cloned();
    let offered = |code: &str| offered(code).or_else(|| own(code)).ok_or(Undecided::NotOffered);
    let reason = first(ehr, &shown, Part::Whole, || code.map(offered).transpose())?;
    let comment = dismissal.comment.as_deref().map(str::trim).filter(|comment| !comment.is_empty());
    let comment = comment.map(|comment| comment.chars().take(LONGEST_COMMENT).collect::<String>());
    let entry = shown.card.uuid.as_ref().map(|card| {
        let mut entry = json!({"card": card, "outcome": "overridden"});
        explain(&mut entry, reason.as_ref(), comment.as_deref(), desk.switches.feedback_plural);
        entry
    });
    Ok(decided(ehr, client, shown, Choice::Dismissed(reason), entry, &desk).await)
}

/// Decides on what nobody decided on before. What is refused is left as it was.
fn first<T>(
    ehr: &SandboxEhr,
    shown: &Shown,
    part: Part,
    decide: impl FnOnce() -> Result<T, Undecided>,
) -> Result<T, Undecided> {
    if !ehr.decisions.claim(shown, part) {
        return Err(Undecided::Before);
    }
    decide().inspect_err(|_| ehr.decisions.release(shown, part))
}

/// A reason of the house.
pub fn own_reason(code: &str) -> Coding {
    Coding { code: code.to_owned(), system: OWN_REASONS.to_owned(), display: None }
}

/// Why a card was overridden, in the specification's shape or in Epic's.
fn explain(entry: &mut Value, reason: Option<&Coding>, comment: Option<&str>, plural: bool) {
    let member = if plural { "overrideReasons" } else { "overrideReason" };
    if let Some(reason) = reason {
        let coding = json!({"code": reason.code, "system": reason.system});
        match plural && reason.system == OWN_REASONS {
            true => entry[member]["extension"] = json!({"com.epic.cdshooks.feedback.override-reason": coding}),
            false => entry[member]["reason"] = coding,
        }
    }
    if let Some(comment) = comment {
        entry[member]["userComment"] = json!(comment);
    }
}

/// Sends the feedback, or lets it wait for its batch, and remembers the decision.
async fn decided(
    ehr: &SandboxEhr,
    client: &Client,
    shown: Shown,
    choice: Choice,
    entry: Option<Value>,
    desk: &Snapshot,
) -> Decision {
    let at = clock::now();
    let feedback = entry.map(|mut entry| {
        entry["outcomeTimestamp"] = json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        entry
    });
    let told = match &feedback {
        None => Told::Nobody,
        Some(entry) if desk.switches.feedback_batch => {
            let unsent = &mut ehr.desk().unsent;
            unsent.push((shown.url.clone(), entry.clone()));
            let over = unsent.len().saturating_sub(MOST_UNSENT);
            unsent.drain(..over);
            Told::Waits
        }
        Some(entry) => tell(ehr, client, &shown.url, &shown.service, desk, vec![entry.clone()]).await,
    };
    let decision = Decision { shown, choice, at, feedback, told };
    ehr.decisions.decide(decision.clone());
    decision
}

async fn tell(
    ehr: &SandboxEhr,
    client: &Client,
    url: &str,
    service: &str,
    desk: &Snapshot,
    entries: Vec<Value>,
) -> Told {
    let body = json!({ "feedback": entries });
    match send_feedback(ehr, client, url, (service, desk), &body).await {
        Ok(receipt) => Told::Stored(receipt),
        Err(error) => Told::Failed(error.to_string()),
    }
}

/// Sends what waits, one batch a service. How many entries were stored, and how many were not.
pub async fn send_waiting(ehr: &SandboxEhr, client: &Client, patient: &str) -> (usize, usize) {
    let mut waiting = std::mem::take(&mut ehr.desk().unsent);
    let desk = ehr.desk().snapshot(patient);
    let (mut stored, mut failed) = (0, 0);
    while let Some((url, _)) = waiting.first().cloned() {
        let (batch, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(other, _)| *other == url);
        waiting = rest;
        let batch: Vec<Value> = batch.into_iter().map(|(_, entry)| entry).collect();
        let count = batch.len();
        let service = url.rsplit('/').next().unwrap_or_default().to_owned();
        match tell(ehr, client, &url, &service, &desk, batch).await {
            Told::Stored(_) => stored += count,
            _ => failed += count,
        }
    }
    (stored, failed)
}

/// The actions that are done: all, or those chosen where the service lets the user choose.
fn selected<'a>(suggestion: &'a Suggestion, chosen: Option<&[usize]>) -> Result<Vec<&'a Action>, Undecided> {
    let all = &suggestion.actions;
    let named = |places: &[usize]| places.iter().map(|place| all.get(*place)).collect::<Option<Vec<_>>>();
    let named = |places: &[usize]| named(places).ok_or(Undecided::Selection);
    match (suggestion.action_selection_behavior.as_deref(), chosen) {
        (None | Some("all" | "any"), None) => Ok(all.iter().collect()),
        (None | Some("all"), Some(places)) if places.len() != all.len() => Err(Undecided::Selection),
        (None | Some("all" | "any"), Some(places)) => named(places),
        (Some("at-most-one"), Some(places)) if places.len() <= 1 => named(places),
        (Some("at-most-one"), None) if all.len() <= 1 => Ok(all.iter().collect()),
        (Some("at-most-one"), _) => Err(Undecided::Selection),
        (Some(_), _) => Err(Undecided::Behavior),
    }
}

/// An action as it is done here: an EHR may know only what is ordered, not how.
fn as_this_ehr_orders(action: &Action, switches: &Switches) -> Value {
    let mut value = serde_json::to_value(action).unwrap_or_default();
    if let (true, Some(resource)) = (switches.orderable_only, value["resource"].as_object_mut()) {
        let kept = ["resourceType", "id", "status", "intent", "subject", "patient", "code", "extension"];
        resource.retain(|name, _| kept.contains(&name.as_str()) || name.starts_with("medication"));
    }
    value
}
