//! One call's body, written from the desk for one service.

use super::leave::FhirAuthorization;
use super::{CallError, CdsServer, Service};
use crate::platform::clock;
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::chart::{Chart, Resource};
use crate::sandbox_ehr::prefetch::{self, Filled, Filling, Said};
use crate::sandbox_ehr::search::Record;
use crate::sandbox_ehr::twin::{Asked, Context, Hook, Snapshot};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// A request, ready to be sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HookRequest {
    hook: &'static str,
    hook_instance: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir_server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir_authorization: Option<FhirAuthorization>,
    context: Value,
    #[serde(serialize_with = "prefetch::as_object", skip_serializing_if = "nothing_is_sent")]
    pub prefetch: Vec<Filled>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    extension: Map<String, Value>,
}

/// How a hook is fired.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// The end of this day in the past, or now.
    pub as_of: Option<Date>,
    /// No prefetch is sent: the service reads the chart back from the FHIR server.
    pub reads_back: bool,
    /// Prefetch holds nothing that is dated later, for services that know nothing of our as-of extension.
    pub until: Option<Timestamp>,
    pub asked: Asked,
    /// One `hookInstance` for several services.
    pub instance: Option<Uuid>,
}

impl HookRequest {
    /// The token that it brings.
    pub fn access_token(&self) -> Option<&str> {
        self.fhir_authorization.as_ref().map(|leave| &*leave.access_token)
    }
}

/// What may be found about a patient: the chart, orders signed since, and the staff.
pub fn beside(ehr: &SandboxEhr, desk: &Snapshot) -> Vec<Arc<Resource>> {
    desk.record.iter().chain(&ehr.staff).cloned().collect()
}

/// Writes the request for one service.
///
/// # Errors
/// When the desk lacks what the hook is about.
pub fn request(
    ehr: &SandboxEhr,
    (server, service): (&CdsServer, &Service),
    (hook, trigger): (Hook, Hook),
    chart: &Chart,
    desk: &Snapshot,
    manner: &Manner,
) -> Result<HookRequest, CallError> {
    let switches = &desk.switches;
    let beside = beside(ehr, desk);
    let record = Record { chart, beside: &beside, until: manner.until };
    let base = switches.fhir_base(&ehr.page_base);
    let context = Context::of(hook, desk, &record, &manner.asked)?;
    let plain = context.written(&Snapshot { switches: Default::default(), ..desk.clone() }, &base);
    let fhir_server = Some(base.clone())
        .filter(|base| switches.fhir_server && (!switches.production || base.starts_with("https://")));
    let gives = fhir_server.is_some() && switches.access_token && switches.registered;
    let fills = switches.prefetch && switches.registered && !desk.faults.prefetch_withheld && !manner.reads_back;
    let filling = Filling {
        context: &plain,
        record,
        server: &base,
        today: clock::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
        switches,
        fault: desk.faults.fhir.as_ref(),
    };
    let templates = if fills { &*service.prefetch } else { &[] };
    Ok(HookRequest {
        hook: hook.name(),
        hook_instance: manner.instance.unwrap_or_else(Uuid::new_v4),
        fhir_authorization: gives.then(|| FhirAuthorization::give(ehr, server, chart, desk)),
        fhir_server,
        prefetch: prefetch::fill(templates, &filling),
        context: context.written(desk, &base),
        extension: extension(desk, trigger, manner.as_of),
    })
}

/// The development extension that opens a chart in the past, and what Epic says of itself.
fn extension(desk: &Snapshot, trigger: Hook, as_of: Option<Date>) -> Map<String, Value> {
    let mut extension = Map::new();
    let mut say = |name: &str, value: Value| extension.insert(name.to_owned(), value);
    if let Some(day) = as_of {
        say("org.prodrome.as-of", json!(format!("{day}T23:59:59Z")));
    }
    if desk.switches.vendor_extension {
        let trigger = trigger.epic_trigger();
        let as_number = desk.switches.trigger_as_number;
        say(
            "com.epic.cdshooks.request.bpa-trigger-action",
            if as_number { json!(trigger) } else { json!(trigger.to_string()) },
        );
        say("com.epic.cdshooks.request.fhir-version", json!(desk.switches.fhir_version));
        say("com.epic.cdshooks.request.cds-hooks-su-version", json!("R4"));
        say("com.epic.cdshooks.request.of-tomorrow", json!({"nobody": "knows it yet"}));
    }
    extension
}

fn nothing_is_sent(prefetch: &[Filled]) -> bool {
    prefetch.iter().all(|filled| matches!(filled.said, Said::LeftOut(_)))
}
