//! What one resource says before the rest of the chart is known: its findings may still wait for an encounter's
//! start or a medication's code, which may come later in any order.

use super::{Kind, Second, SkipReason, Source, Value};
use crate::patient_record::fhir::{Meta, Moment, One, Text};
use crate::patient_record::terminology::Code;
use std::cmp::Ordering;

/// An event in the making.
#[derive(Debug)]
pub(crate) struct Finding {
    pub kind: Kind,
    pub code: Option<Code>,
    /// When it could first be known, as far as the resource itself says.
    pub known: Option<Second>,
    /// When it was so; `known` where not stated.
    pub clinical: Option<Second>,
    pub value: Value,
}

/// A resource read.
#[derive(Debug)]
pub(crate) struct Draft {
    pub source: Source,
    pub updated: Option<Second>,
    /// Reference to the patient, as sent.
    pub patient: Option<Box<str>>,
    /// Reference to an encounter before whose start nothing here can be known.
    pub encounter: Option<Box<str>>,
    /// Reference to the Medication that has the code.
    pub medication: Option<Box<str>>,
    pub findings: Vec<Finding>,
    /// Why parts of it, or all, were not read.
    pub skipped: Vec<SkipReason>,
}

impl Draft {
    /// An empty draft of a resource of this type.
    pub fn new(
        resource_type: &'static str,
        id: &Option<Text<'_>>,
        meta: &One<Meta<'_>>,
        patient: Option<&str>,
    ) -> Self {
        let meta = meta.as_ref();
        let version = meta.and_then(|meta| meta.version_id.as_deref());
        Self {
            source: Source {
                resource_type,
                id: id.as_deref().unwrap_or_default().into(),
                version: version.map(Into::into),
            },
            updated: meta.and_then(|meta| meta.last_updated).map(|moment| moment.0),
            patient: patient.map(Into::into),
            encounter: None,
            medication: None,
            findings: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Counts a reason once for the resource.
    pub fn skip(&mut self, reason: SkipReason) {
        if !self.skipped.contains(&reason) {
            self.skipped.push(reason);
        }
    }

    /// The resource states no fact at all.
    pub fn not_a_fact(mut self) -> Self {
        self.findings.clear();
        self.skip(SkipReason::NotAFact);
        self
    }

    /// Adds a finding known at the later of two moments, clinically at the first of them that is stated.
    pub fn add(
        &mut self,
        kind: Kind,
        code: Option<Code>,
        clinical: Option<Moment>,
        recorded: Option<Moment>,
        value: Value,
    ) {
        let known = clinical.max(recorded).map(|moment| moment.0);
        self.findings.push(Finding { kind, code, known, clinical: clinical.map(|moment| moment.0), value });
    }

    /// Orders copies of one resource, the one to keep first: the newest, and between copies of one version the
    /// same one whatever the order they came in.
    pub fn newest_first(&self, other: &Self) -> Ordering {
        let number = |draft: &Self| draft.source.version.as_ref().and_then(|version| version.parse::<u64>().ok());
        let newer = other
            .updated
            .cmp(&self.updated)
            .then_with(|| number(other).cmp(&number(self)))
            .then_with(|| other.source.version.cmp(&self.source.version));
        newer
            .then_with(|| self.patient.cmp(&other.patient))
            .then_with(|| self.encounter.cmp(&other.encounter))
            .then_with(|| self.medication.cmp(&other.medication))
            .then_with(|| self.skipped.cmp(&other.skipped))
            .then_with(|| super::order::findings(&self.findings, &other.findings))
    }
}
