//! Fires `patient-view` as of every moment of a journey: a few at once, and each with what the chart held by then.

use super::super::SandboxEhr;
use super::super::chart::{Chart, Resource};
use super::super::hook_call::{self, CallError, HookRequest, Manner, Service};
use super::super::search::Found;
use super::{AT_ONCE, Answer, Journey, Told};
use awc::Client;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::time::Duration;

/// How often a busy service is asked for one moment, and after what pause.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// Asks every moment of a journey that has begun, and remembers what came.
pub async fn travel(ehr: &SandboxEhr, client: &Client, chart: &Chart, journey: Journey) {
    let services = match hook_call::discover(client, &ehr.cds_base).await {
        Ok(services) => services,
        Err(error) => return ehr.time_machine.end(&chart.id, Some(error.to_string())),
    };
    let moments = stream::iter(journey.moments.iter().enumerate());
    moments
        .for_each_concurrent(AT_ONCE, |(place, moment)| {
            let services = &services;
            async move {
                // Never closed, so a turn always comes.
                let _turn = ehr.time_machine.turns.acquire().await;
                let answer = asked(ehr, client, chart, services, moment.day).await;
                ehr.time_machine.record(&chart.id, place, answer);
            }
        })
        .await;
    ehr.time_machine.end(&chart.id, None);
}

/// One moment, asked of every service in turn.
async fn asked(ehr: &SandboxEhr, client: &Client, chart: &Chart, services: &[Service], day: Date) -> Answer {
    let mut answer = Answer::default();
    for service in services {
        match patiently(ehr, client, chart, service, day).await {
            Ok(told) => answer.told.extend(told),
            Err(error) => answer.faults.push(error.to_string()),
        }
    }
    answer
}

/// Asks again where the service says that it is busy: it serves others too.
async fn patiently(
    ehr: &SandboxEhr,
    client: &Client,
    chart: &Chart,
    service: &Service,
    day: Date,
) -> Result<Vec<Told>, CallError> {
    for _ in 1..TRIES {
        match fired(ehr, client, chart, service, day).await {
            Err(CallError::Refused(_, 503, _)) => actix_web::rt::time::sleep(PAUSE).await,
            answered => return answered,
        }
    }
    fired(ehr, client, chart, service, day).await
}

async fn fired(
    ehr: &SandboxEhr,
    client: &Client,
    chart: &Chart,
    service: &Service,
    day: Date,
) -> Result<Vec<Told>, CallError> {
    let manner = Manner { as_of: Some(day), reads_back: false };
    let mut request = hook_call::request(ehr, service, chart, manner);
    forget_later(&mut request, day);
    let body = serde_json::to_string(&request)?;
    let url = hook_call::service_url(&ehr.cds_base, &service.id);
    let exchange = hook_call::fire(ehr, client, url, body).await?;
    let service = service.title.as_ref().unwrap_or(&service.id);
    Ok(exchange.cards.into_iter().map(|card| Told { service: service.clone(), card }).collect())
}

/// Leaves out of the prefetch what is dated after a day, so that a service that knows nothing of the as-of extension is
/// asked about the past too. What the future wrote into an earlier resource (an end, a status, a death) stays in its text:
/// telling that apart is the part of a service that reads as of a moment.
fn forget_later(request: &mut HookRequest, day: Date) {
    let Ok(end) = day.at(23, 59, 59, 0).to_zoned(TimeZone::UTC).map(|end| end.timestamp()) else { return };
    for found in request.prefetch.iter_mut().filter_map(|filled| filled.found.as_mut().ok()) {
        match found {
            Found::One(one) => *one = one.filter(|resource| was_there(resource, end)),
            Found::Many(many) => many.retain(|resource| was_there(resource, end)),
        }
    }
}

fn was_there(resource: &Resource, end: Timestamp) -> bool {
    resource.facts.start.is_none_or(|start| start <= end)
}
