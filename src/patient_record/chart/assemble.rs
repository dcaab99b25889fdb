//! From drafts to timelines: copies counted once, references followed, events put in order. Nothing here depends
//! on the order in which resources came.

use super::orders::OrderDraft;
use super::{ChartReader, MedicationCatalogue};
use crate::patient_record::fhir::logical_id;
use crate::patient_record::terminology::Code;
use crate::patient_record::timeline::draft::{Draft, Finding};
use crate::patient_record::timeline::{
    Event, Kind, Second, SkipReason, Skipped, SourceId, Timeline, UnsignedOrder, certifies_death, order,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Timelines of all patients, or of one, counts of what belonged to none of them, and the unsigned orders about them.
pub(super) fn assemble(reader: ChartReader, only: Option<&str>) -> (Vec<Timeline>, Skipped, Vec<UnsignedOrder>) {
    let ChartReader { patients, mut drafts, orders, medications, shared, addresses, mut skipped, .. } = reader;
    keep_newest(&mut drafts);
    let references = References { starts: encounter_starts(&drafts), medications, shared, addresses };
    let mut timelines: Vec<Timeline> = Vec::new();
    for draft in patients.into_values() {
        if only.is_none_or(|id| id == &*draft.patient.id) {
            let (events, sources) = (Vec::new(), Vec::new());
            timelines.push(Timeline { patient: draft.patient, events, sources, skipped: Skipped::default() });
        } else {
            skipped.count("Patient", SkipReason::OtherPatient);
        }
    }
    let mut last: Option<(Box<str>, usize)> = None;
    for draft in drafts {
        let resource_type = draft.source.resource_type;
        let known = last.as_ref().filter(|(reference, _)| draft.patient.as_deref() == Some(&**reference));
        let position = match known {
            Some(&(_, position)) => Ok(position),
            None => references.patient(&draft, &timelines),
        };
        match position {
            Ok(position) => {
                if known.is_none() {
                    last = draft.patient.clone().map(|reference| (reference, position));
                }
                if let Some(timeline) = timelines.get_mut(position) {
                    add(timeline, draft, &references);
                }
            }
            Err(reason) => skipped.count(resource_type, reason),
        }
    }
    for timeline in &mut timelines {
        timeline.events.sort_unstable_by(order::events);
    }
    let orders = unsigned(orders, &timelines, &references, &mut skipped);
    (timelines, skipped, orders)
}

/// The orders that state something about one of these patients, or about nobody by name.
fn unsigned(
    orders: Vec<OrderDraft>,
    timelines: &[Timeline],
    references: &References,
    skipped: &mut Skipped,
) -> Vec<UnsignedOrder> {
    let mut kept = Vec::new();
    for (mut draft, json) in orders {
        let whose = draft.patient.is_none() || references.patient(&draft, timelines).is_ok();
        let medication = draft.medication.as_deref().and_then(|reference| references.medication(reference));
        let event = match draft.findings.pop() {
            _ if !whose => Err(SkipReason::OtherPatient),
            Some(finding) => event(finding, 0, None, medication),
            None => Err(SkipReason::NotAFact),
        };
        match event {
            Ok(event) => kept.push(UnsignedOrder { event, source: draft.source, json }),
            Err(reason) => skipped.count(draft.source.resource_type, reason),
        }
    }
    kept
}

/// Sorts drafts by type and id, and empties all copies of a resource but the newest.
fn keep_newest(drafts: &mut [Draft]) {
    drafts.sort_by(|one, other| {
        (one.source.resource_type, &one.source.id)
            .cmp(&(other.source.resource_type, &other.source.id))
            .then_with(|| one.newest_first(other))
    });
    for pair in 1..drafts.len() {
        if let Some([kept, copy]) = drafts.get_mut(pair - 1..=pair)
            && !copy.source.id.is_empty()
            && (kept.source.resource_type, &kept.source.id) == (copy.source.resource_type, &copy.source.id)
        {
            copy.findings.clear();
            copy.skipped = vec![SkipReason::Duplicate];
        }
    }
}

fn encounter_starts(drafts: &[Draft]) -> HashMap<Box<str>, Second> {
    let starts = drafts.iter().filter_map(|draft| {
        let start = draft.findings.iter().find(|finding| finding.kind == Kind::Encounter)?.known?;
        Some((draft.source.id.clone(), start))
    });
    starts.collect()
}

/// What references point to.
struct References {
    starts: HashMap<Box<str>, Second>,
    medications: MedicationCatalogue,
    shared: Option<Arc<MedicationCatalogue>>,
    addresses: HashMap<Box<str>, Box<str>>,
}

impl References {
    fn id<'a>(&'a self, reference: &'a str, resource_type: &str) -> Option<&'a str> {
        self.addresses.get(reference).map(|id| &**id).or_else(|| logical_id(reference, resource_type))
    }

    /// The position of a draft's patient among the timelines, which are ordered by patient id.
    fn patient(&self, draft: &Draft, timelines: &[Timeline]) -> Result<usize, SkipReason> {
        let reference = draft.patient.as_deref().ok_or(SkipReason::NoPatient)?;
        let id = self.id(reference, "Patient").ok_or(SkipReason::NoPatient)?;
        timelines.binary_search_by(|timeline| (*timeline.patient.id).cmp(id)).map_err(|_| SkipReason::OtherPatient)
    }

    fn medication(&self, reference: &str) -> Option<&Code> {
        let id = self.id(reference, "Medication")?;
        self.medications.get(id).or_else(|| self.shared.as_ref()?.get(id))
    }
}

/// Adds what a draft found to its patient's timeline.
fn add(timeline: &mut Timeline, mut draft: Draft, references: &References) {
    let id = draft.encounter.as_deref().and_then(|reference| references.id(reference, "Encounter"));
    let start = id.and_then(|id| references.starts.get(id)).copied();
    let medication = draft.medication.as_deref().and_then(|reference| references.medication(reference));
    let source = SourceId::try_from(timeline.sources.len()).unwrap_or(SourceId::MAX);
    let before = timeline.events.len();
    for finding in std::mem::take(&mut draft.findings) {
        match event(finding, source, start, medication) {
            Ok(event) => timeline.events.push(event),
            Err(reason) => draft.skip(reason),
        }
    }
    for &reason in &draft.skipped {
        timeline.skipped.count(draft.source.resource_type, reason);
    }
    if timeline.events.len() > before {
        timeline.sources.push(draft.source);
    }
}

fn event(
    finding: Finding,
    source: SourceId,
    encounter_start: Option<Second>,
    medication: Option<&Code>,
) -> Result<Event, SkipReason> {
    let code = finding.code.or_else(|| medication.cloned()).ok_or(SkipReason::NoCode)?;
    if certifies_death(&code) {
        return Err(SkipReason::DeathCertificate);
    }
    let known = finding.known.max(encounter_start).ok_or(SkipReason::NoDate)?;
    let clinical_offset = finding.clinical.map_or(0, |clinical| clinical - known);
    Ok(Event { known, clinical_offset, kind: finding.kind, code, value: finding.value, source })
}
