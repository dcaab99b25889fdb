//! A hook fired at every service that wants it, at once; each call fares by itself.

use super::answer::{self, Exchange};
use super::discovery::{Service, discover};
use super::request::{HookRequest, Manner, beside, request};
use super::send::{About, Outgoing, send};
use super::{CallError, CdsServer};
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::chart::Chart;
use crate::sandbox_ehr::decisions::Shown;
use crate::sandbox_ehr::prefetch::Filled;
use crate::sandbox_ehr::search::Record;
use crate::sandbox_ehr::twin::{Applied, Context, Direction, Hook, Kind, Snapshot, SystemActions};
use awc::Client;
use futures_util::future::join_all;
use serde_json::Value;
use std::sync::Arc;

/// What is fired, and how.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub hook: Hook,
    pub manner: Manner,
    /// This service alone.
    pub service: Option<String>,
}

/// One service's call.
pub struct Call {
    /// Where feedback goes, without `/feedback`.
    pub url: String,
    pub service: Service,
    pub body: String,
    pub prefetch: Vec<Filled>,
    pub outcome: Result<Exchange, String>,
    /// What system actions changed.
    pub applied: Vec<Applied>,
}

/// Every call of one firing, and what went wrong around them.
#[derive(Default)]
pub struct Round {
    pub calls: Vec<Call>,
    pub problems: Vec<String>,
}

/// Fires a hook. A server whose list cannot be had is a problem of the round and hinders no other.
///
/// # Errors
/// When the desk lacks what the hook is about.
pub async fn fire(ehr: &SandboxEhr, client: &Client, chart: &Chart, wanted: &Wanted) -> Result<Round, CallError> {
    let desk = ehr.desk().snapshot(&chart.id);
    let orders = matches!(wanted.hook, Hook::OrderSelect | Hook::OrderSign | Hook::OrderDispatch);
    let hook = if desk.switches.native_triggers && !orders { Hook::PatientView } else { wanted.hook };
    let mut round = Round::default();
    let hooks = &desk.switches.hooks;
    if !hooks.is_empty() && !hooks.iter().any(|name| name == hook.name()) {
        return Ok(round);
    }
    // What the desk lacks is said, even where nobody listens.
    Context::of(hook, &desk, &Record { chart, beside: &beside(ehr, &desk), until: None }, &wanted.manner.asked)?;
    let lists = join_all(ehr.servers.iter().map(|server| discover(ehr, client, server, &desk.switches))).await;
    let mut prepared = Vec::new();
    let mut manner = wanted.manner.clone();
    manner.instance = desk.switches.shared_hook_instance.then(uuid::Uuid::new_v4);
    for (server, list) in ehr.servers.iter().zip(lists) {
        let (services, problems) = match list {
            Ok(list) => list,
            Err(error) => (Vec::new(), vec![error.to_string()]),
        };
        round.problems.extend(problems);
        for service in services.into_iter().filter(|service| service.hook == hook.name()) {
            if wanted.service.as_ref().is_none_or(|id| *id == service.id) {
                let request = request(ehr, (server, &service), (hook, wanted.hook), chart, &desk, &manner)?;
                prepared.push((server, service, request));
            }
        }
    }
    let sending = prepared.into_iter().map(|(server, service, request)| async {
        let body = serde_json::to_string(&request)?;
        let outcome = called(ehr, client, (server, &service), (&request, &body), chart, &desk).await;
        let (url, outcome) = (server.service_url(&service, &desk.switches), outcome.map_err(|error| error.to_string()));
        Ok(Call { url, service, body, prefetch: request.prefetch, outcome, applied: Vec::new() })
    });
    round.calls = join_all(sending).await.into_iter().collect::<Result<_, CallError>>()?;
    for call in &mut round.calls {
        put_on_screen(ehr, chart, &desk, call);
    }
    Ok(round)
}

/// Asks one service about an opened chart, and leaves the screen as it is.
///
/// # Errors
/// When the service does not answer as it should.
pub async fn ask(
    ehr: &SandboxEhr,
    client: &Client,
    (server, service): (&CdsServer, &Service),
    chart: &Chart,
    manner: &Manner,
) -> Result<Exchange, CallError> {
    let (desk, hook) = (ehr.desk().snapshot(&chart.id), Hook::PatientView);
    let request = request(ehr, (server, service), (hook, hook), chart, &desk, manner)?;
    let body = serde_json::to_string(&request)?;
    called(ehr, client, (server, service), (&request, &body), chart, &desk).await
}

/// Makes one call; the leave that it brought is over afterwards.
async fn called(
    ehr: &SandboxEhr,
    client: &Client,
    (server, service): (&CdsServer, &Service),
    (request, body): (&HookRequest, &str),
    chart: &Chart,
    desk: &Snapshot,
) -> Result<Exchange, CallError> {
    let url = server.service_url(service, &desk.switches);
    let outcome = exchange(ehr, client, (&url, service), body.to_owned(), chart, desk).await;
    if let Some(token) = request.access_token().filter(|_| desk.switches.revokes_tokens) {
        ehr.authorization.end_leave(token, &server.client_id);
    }
    outcome
}

async fn exchange(
    ehr: &SandboxEhr,
    client: &Client,
    (url, service): (&str, &Service),
    body: String,
    chart: &Chart,
    desk: &Snapshot,
) -> Result<Exchange, CallError> {
    let about = About { hook: Some(&service.hook), service: Some(&service.id), patient: Some(&chart.id) };
    let outgoing = |body: Option<String>| Outgoing {
        kind: Direction::Call,
        url: url.to_owned(),
        body,
        about,
        switches: &desk.switches,
        expired: desk.faults.expired_call_token,
        signs: true,
    };
    if desk.switches.get_first {
        // Whatever it says: an early draft of that EHR's page asked so.
        let _ = send(ehr, client, outgoing(None)).await;
    }
    let (mut number, mut answer) = send(ehr, client, outgoing(Some(body.clone()))).await;
    if desk.switches.repeats {
        (number, answer) = send(ehr, client, outgoing(Some(body))).await;
    }
    let read = answer.and_then(|answer| answer::read(ehr, &desk.switches, url, number, &answer));
    match &read {
        Ok(exchange) => ehr.journal.add_problems(number, &exchange.problems),
        Err(error) => ehr.journal.add_problems(number, &[error.to_string()]),
    }
    read
}

/// The answer's cards take the place of those that the service gave before; a failed call leaves those.
fn put_on_screen(ehr: &SandboxEhr, chart: &Chart, desk: &Snapshot, call: &mut Call) {
    let Ok(exchange) = &mut call.outcome else { return };
    let sent = Arc::new(desk.drafts.clone());
    let shown = |(place, card): (usize, &mut crate::sandbox_ehr::card::Card)| {
        card.key = card.uuid.clone().unwrap_or_else(|| format!("card-{}-{place}", exchange.number));
        Shown {
            url: call.url.clone(),
            service: call.service.id.clone(),
            patient: chart.id.clone(),
            card: card.clone(),
            sent: sent.clone(),
        }
    };
    let shown: Vec<Shown> = exchange.cards.iter_mut().enumerate().map(shown).collect();
    ehr.decisions.replace(&call.url, &chart.id, shown);
    let concerns = |action: &&Value| match desk.switches.system_actions {
        SystemActions::Ignored => false,
        SystemActions::Applied => true,
        SystemActions::ServiceRequests => {
            action["type"] == "update"
                && action["resource"]["resourceType"] == "ServiceRequest"
                && Kind::Order.holds(&action["resource"])
        }
    };
    let actions: Vec<&Value> = exchange.system_actions.iter().filter(concerns).collect();
    if actions.is_empty() {
        return;
    }
    let applied = ehr.desk().basket_mut(&chart.id).apply(&actions, &desk.drafts, &chart.id);
    match applied {
        Ok(applied) => call.applied = applied,
        Err(why) => exchange.problems.push(format!("system actions were not applied: {why}")),
    }
}
