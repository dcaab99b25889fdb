//! One type for each thing worth reporting; `emit` writes its log line and its metrics together.
//!
//! Fields are counts, durations and words of ours. A service id is one of the configured ones.

use super::metrics::{
    APP_LAUNCHES, CALLS_REFUSED, CARDS, EVENTS_READ, FEEDBACK, FHIR_READS, HOOK_CALLS, HOOK_SECONDS, HTTP_REQUESTS,
    HTTP_SECONDS, OPERATIONS, READY, REPAIRS, RESOURCES_SKIPPED,
};
use metrics::{counter, gauge, histogram};
use std::time::Duration;

/// A hook call was answered.
pub struct HookAnswered<'a> {
    pub service: &'a str,
    pub hook: &'a str,
    /// `cards`, `no-cards`, `silent`.
    pub outcome: &'static str,
    pub cache_hit: bool,
    pub cards: usize,
    pub events_read: usize,
    /// Reason and count of what was not read.
    pub skipped: &'a [(&'static str, u64)],
    pub duration: Duration,
}

impl HookAnswered<'_> {
    pub fn emit(&self) {
        let cache = if self.cache_hit { "hit" } else { "miss" };
        let (service, hook) = (self.service.to_string(), self.hook.to_string());
        let skipped: u64 = self.skipped.iter().map(|(_, count)| count).sum();
        let milliseconds = self.duration.as_secs_f64() * 1000.0;
        tracing::info!(
            service,
            hook,
            outcome = self.outcome,
            cache,
            cards = self.cards,
            events_read = self.events_read,
            skipped,
            milliseconds,
            "hook answered"
        );
        counter!(HOOK_CALLS.name, "service" => service.clone(), "hook" => hook, "outcome" => self.outcome, "cache" => cache)
            .increment(1);
        histogram!(HOOK_SECONDS.name, "service" => service.clone(), "cache" => cache)
            .record(self.duration.as_secs_f64());
        counter!(CARDS.name, "service" => service).increment(self.cards as u64);
        counter!(EVENTS_READ.name).increment(self.events_read as u64);
        for &(reason, count) in self.skipped {
            counter!(RESOURCES_SKIPPED.name, "reason" => reason).increment(count);
        }
    }
}

/// An operation of our API was answered.
pub struct OperationAnswered {
    pub operation: &'static str,
    pub outcome: &'static str,
    pub cache_hit: bool,
    pub events_read: usize,
    /// Resources that were not read.
    pub skipped: u32,
    pub duration: Duration,
}

impl OperationAnswered {
    pub fn emit(&self) {
        let cache = if self.cache_hit { "hit" } else { "miss" };
        let milliseconds = self.duration.as_secs_f64() * 1000.0;
        tracing::info!(
            operation = self.operation,
            outcome = self.outcome,
            cache,
            events_read = self.events_read,
            skipped = self.skipped,
            milliseconds,
            "operation answered"
        );
        counter!(OPERATIONS.name, "operation" => self.operation, "cache" => cache).increment(1);
        counter!(EVENTS_READ.name).increment(self.events_read as u64);
    }
}

/// A call was answered with an error.
pub struct CallRefused<'a> {
    /// The stable code of `web/problem.rs`.
    pub code: &'static str,
    pub status: u16,
    /// What went wrong inside, for the log; never what the caller sent.
    pub cause: Option<&'a str>,
}

impl CallRefused<'_> {
    pub fn emit(&self) {
        let cause = self.cause.unwrap_or_default();
        if self.status >= 500 && self.status != 503 {
            tracing::error!(code = self.code, status = self.status, cause, "call failed");
        } else {
            tracing::info!(code = self.code, status = self.status, cause, "call refused");
        }
        counter!(CALLS_REFUSED.name, "code" => self.code).increment(1);
    }
}

/// Feedback was stored.
pub struct FeedbackStored<'a> {
    pub service: &'a str,
    pub entries: usize,
    pub stored: usize,
    pub unknown_cards: usize,
}

impl FeedbackStored<'_> {
    pub fn emit(&self) {
        let service = self.service.to_string();
        let unknown = self.unknown_cards as u64;
        tracing::info!(
            service,
            entries = self.entries,
            stored = self.stored,
            unknown_cards = unknown,
            "feedback stored"
        );
        let known = (self.stored as u64).saturating_sub(unknown);
        counter!(FEEDBACK.name, "service" => service.clone(), "card" => "known").increment(known);
        counter!(FEEDBACK.name, "service" => service, "card" => "unknown").increment(unknown);
    }
}

/// A prefetch key was asked for at an EHR's FHIR server.
pub struct FhirRead {
    /// `read`, or why it was not.
    pub outcome: &'static str,
}

impl FhirRead {
    pub fn emit(&self) {
        tracing::debug!(outcome = self.outcome, "read back");
        counter!(FHIR_READS.name, "outcome" => self.outcome).increment(1);
    }
}

/// Something was bent for a client.
pub struct Repaired<'a> {
    pub kind: &'static str,
    /// A name of the settings.
    pub client: &'a str,
    pub count: u64,
}

impl Repaired<'_> {
    pub fn emit(&self) {
        match self.kind {
            "orders-withheld" => tracing::warn!(
                client = self.client,
                "orders were withheld from an order hook: check the service's registered address and the scope for unsigned orders"
            ),
            kind => tracing::debug!(kind, client = self.client, count = self.count, "bent for a client"),
        }
        counter!(REPAIRS.name, "kind" => self.kind, "client" => self.client.to_string()).increment(self.count);
    }
}

/// The SMART app was opened at a patient.
pub struct AppOpened<'a> {
    /// A name of the settings.
    pub ehr: &'a str,
    /// From a card of ours.
    pub from_card: bool,
}

impl AppOpened<'_> {
    pub fn emit(&self) {
        tracing::info!(ehr = self.ehr, from_card = self.from_card, "app opened");
        counter!(APP_LAUNCHES.name, "outcome" => "opened").increment(1);
    }
}

/// The SMART app was not opened, or not any longer.
pub struct AppRefused<'a> {
    /// A stable word of `web/smart/reasons.rs`.
    pub code: &'static str,
    pub status: u16,
    /// What went wrong, for the log; nothing of what the browser or the EHR sent.
    pub cause: &'a str,
}

impl AppRefused<'_> {
    pub fn emit(&self) {
        if self.status >= 500 {
            tracing::warn!(code = self.code, status = self.status, cause = self.cause, "app not opened");
        } else {
            tracing::info!(code = self.code, status = self.status, cause = self.cause, "app not opened");
        }
        counter!(APP_LAUNCHES.name, "outcome" => self.code).increment(1);
    }
}

/// An HTTP request was answered.
pub struct RequestAnswered {
    /// The route's pattern, never the path.
    pub route: String,
    pub method: &'static str,
    pub status: u16,
    pub duration: Duration,
}

impl RequestAnswered {
    pub fn emit(self) {
        let status = self.status.to_string();
        tracing::debug!(
            route = self.route,
            method = self.method,
            status = self.status,
            milliseconds = self.duration.as_secs_f64() * 1000.0,
            "request answered"
        );
        histogram!(HTTP_SECONDS.name, "route" => self.route.clone()).record(self.duration.as_secs_f64());
        counter!(HTTP_REQUESTS.name, "route" => self.route, "method" => self.method, "status" => status).increment(1);
    }
}

/// The server became ready to answer, or stopped being so.
pub struct ReadyChanged<'a> {
    pub ready: bool,
    /// The model in use.
    pub model: &'a str,
}

impl ReadyChanged<'_> {
    pub fn emit(&self) {
        gauge!(READY.name).set(if self.ready { 1.0 } else { 0.0 });
        tracing::info!(ready = self.ready, model = self.model, "readiness changed");
    }
}
