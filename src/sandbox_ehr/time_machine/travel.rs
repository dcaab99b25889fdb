//! Fires `patient-view` as of every moment of a journey: a few at once, and each with what the chart held by then.

use super::super::SandboxEhr;
use super::super::chart::Chart;
use super::super::hook_call::{self, CallError, CdsServer, Manner, Service};
use super::{AT_ONCE, Answer, Journey, Told};
use awc::Client;
use futures_util::{StreamExt, stream};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::time::Duration;

/// How often a busy service is asked for one moment, and after what pause.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// What is asked.
const HOOK: &str = "patient-view";

/// A service and the server that it is at.
type Asked<'a> = (&'a CdsServer, Service);

/// Asks every moment of a journey that has begun, and remembers what came.
pub async fn travel(ehr: &SandboxEhr, client: &Client, chart: &Chart, journey: Journey) {
    let services = match services(ehr, client).await {
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

/// Every service for opened charts. A server whose list cannot be had ends the journey.
async fn services<'a>(ehr: &'a SandboxEhr, client: &Client) -> Result<Vec<Asked<'a>>, CallError> {
    let switches = ehr.desk().switches.clone();
    let mut services = Vec::new();
    for server in &ehr.servers {
        let (listed, _) = hook_call::discover(ehr, client, server, &switches).await?;
        services.extend(listed.into_iter().filter(|one| one.hook == HOOK).map(|one| (server, one)));
    }
    Ok(services)
}

/// One moment, asked of every service in turn.
async fn asked(ehr: &SandboxEhr, client: &Client, chart: &Chart, services: &[Asked<'_>], day: Date) -> Answer {
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
    service: &Asked<'_>,
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

/// Nothing dated after the day is found for the prefetch, so that a service that knows nothing of the as-of extension is
/// asked about the past too. What the future wrote into an earlier resource (an end, a status, a death) stays in its text:
/// telling that apart is the part of a service that reads as of a moment.
async fn fired(
    ehr: &SandboxEhr,
    client: &Client,
    chart: &Chart,
    (server, service): &Asked<'_>,
    day: Date,
) -> Result<Vec<Told>, CallError> {
    let end = day.at(23, 59, 59, 0).to_zoned(TimeZone::UTC).map(|end| end.timestamp()).ok();
    let manner = Manner { as_of: Some(day), until: end, ..Manner::default() };
    let exchange = hook_call::ask(ehr, client, (server, service), chart, &manner).await?;
    let service = service.title.as_ref().unwrap_or(&service.id);
    Ok(exchange.cards.into_iter().map(|card| Told { service: service.clone(), card }).collect())
}
