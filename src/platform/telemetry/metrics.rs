//! Every metric, once: its name with unit and its help. Nothing else names a metric.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// A metric's kind decides how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric. Label values are words of ours, never free text.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    pub help: &'static str,
}

const fn metric(name: &'static str, kind: MetricKind, help: &'static str) -> Metric {
    Metric { name, kind, help }
}

pub const HTTP_REQUESTS: Metric = metric(
    "prodrome_http_requests_total",
    MetricKind::Counter,
    "HTTP requests answered, by route pattern, method and status",
);
pub const HTTP_SECONDS: Metric =
    metric("prodrome_http_request_seconds", MetricKind::Histogram, "Time to answer an HTTP request, by route pattern");
pub const HOOK_CALLS: Metric = metric(
    "prodrome_hook_calls_total",
    MetricKind::Counter,
    "Hook calls answered, by service, hook, outcome and cache (hit or miss)",
);
pub const HOOK_SECONDS: Metric =
    metric("prodrome_hook_call_seconds", MetricKind::Histogram, "Time to answer a hook call, by service and cache");
pub const CARDS: Metric = metric("prodrome_cards_total", MetricKind::Counter, "Cards shown, by service");
pub const EVENTS_READ: Metric =
    metric("prodrome_events_read_total", MetricKind::Counter, "Clinical events read from charts");
pub const RESOURCES_SKIPPED: Metric =
    metric("prodrome_resources_skipped_total", MetricKind::Counter, "Resources that were not read, by reason");
pub const CALLS_REFUSED: Metric =
    metric("prodrome_calls_refused_total", MetricKind::Counter, "Calls answered with an error, by stable code");
pub const FEEDBACK: Metric = metric(
    "prodrome_feedback_total",
    MetricKind::Counter,
    "Feedback entries stored, by service and whether the card is known",
);
pub const FHIR_READS: Metric = metric(
    "prodrome_fhir_reads_total",
    MetricKind::Counter,
    "Prefetch keys asked for at EHRs' FHIR servers, by what became of them",
);
pub const REPAIRS: Metric = metric(
    "prodrome_repairs_total",
    MetricKind::Counter,
    "What was bent for a client in requests and answers, by kind and client name",
);
pub const OPERATIONS: Metric = metric(
    "prodrome_operations_total",
    MetricKind::Counter,
    "Operations of our API answered, by operation and cache (hit or miss)",
);
pub const APP_LAUNCHES: Metric = metric(
    "prodrome_app_launches_total",
    MetricKind::Counter,
    "Launches of the SMART app that came to an end, by outcome (opened, or why not)",
);
pub const READY: Metric =
    metric("prodrome_ready", MetricKind::Gauge, "1 when model and database are ready and calls are served, else 0");

/// The whole list.
pub const ALL: [Metric; 14] = [
    HTTP_REQUESTS,
    HTTP_SECONDS,
    HOOK_CALLS,
    HOOK_SECONDS,
    CARDS,
    EVENTS_READ,
    RESOURCES_SKIPPED,
    CALLS_REFUSED,
    FEEDBACK,
    FHIR_READS,
    REPAIRS,
    OPERATIONS,
    APP_LAUNCHES,
    READY,
];

/// Upper bounds of the time histograms, in seconds, around the half second that the specification asks for.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Starts counting, once for the process, and gives the handle that renders all metrics as Prometheus text.
/// `None` when another recorder was installed before ours.
pub fn start() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> Option<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new();
    for name in [HTTP_SECONDS.name, HOOK_SECONDS.name] {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.into()), &SECONDS).ok()?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok()?;
    for metric in ALL {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
    Some(handle)
}
