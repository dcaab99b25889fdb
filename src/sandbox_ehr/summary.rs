//! A chart in short, as a clinician reads it first: problems, medicines, latest results, visits.
//!
//! Everything as of one moment; for the present, what the record itself calls active.

use super::chart::{Chart, Resource};
use super::facts::{Reading, without_tag};
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeMap;

/// Something that lasts: a problem or a medicine, with when it began.
#[derive(Debug)]
pub struct Lasting<'a> {
    pub title: &'a str,
    pub since: Option<Timestamp>,
}

/// A measurement and how it went.
#[derive(Debug)]
pub struct Measured {
    pub name: &'static str,
    pub unit: Box<str>,
    /// Oldest first; never empty.
    pub history: Vec<(Timestamp, f64)>,
}

/// The measurements shown, by LOINC code, in this order.
const MEASUREMENTS: [(&str, &str); 14] = [
    ("8480-6", "Systolic pressure"),
    ("8462-4", "Diastolic pressure"),
    ("39156-5", "Body mass index"),
    ("4548-4", "HbA1c"),
    ("2339-0", "Glucose"),
    ("2345-7", "Glucose"),
    ("33914-3", "eGFR"),
    ("38483-4", "Creatinine"),
    ("2160-0", "Creatinine"),
    ("14959-1", "Albumin/creatinine, urine"),
    ("18262-6", "LDL cholesterol"),
    ("2571-8", "Triglycerides"),
    ("718-7", "Haemoglobin"),
    ("8867-4", "Heart rate"),
];
/// Findings that a clinician would list as problems although they are not coded as disorders.
const PROBLEM_FINDINGS: [&str; 4] = ["obesity", "Prediabetes", "Body mass index 40+", "Hyperlipidemia"];

/// Active problems, the longest-standing first.
pub fn problems(chart: &Chart, as_of: Timestamp) -> Vec<Lasting<'_>> {
    let active = chart.of_type("Condition").filter(|condition| {
        let facts = &condition.facts;
        let problem = is_problem(&facts.title);
        problem && facts.start.is_some_and(|start| start <= as_of) && facts.end.is_none_or(|end| end > as_of)
    });
    earliest_by_title(active)
}

fn is_problem(title: &str) -> bool {
    title.ends_with("(disorder)") || PROBLEM_FINDINGS.iter().any(|finding| title.contains(finding))
}

/// Medicines in use: for the present those the record calls active, for the past those ordered in the year before.
pub fn medicines(chart: &Chart, as_of: Timestamp, present: bool) -> Vec<Lasting<'_>> {
    let year_before = as_of.checked_sub((365 * 24).hours()).unwrap_or(Timestamp::MIN);
    let in_use = chart.of_type("MedicationRequest").filter(|order| {
        let ordered = order.facts.start.filter(|start| *start <= as_of);
        if present {
            ordered.is_some() && order.facts.status.as_deref() == Some("active")
        } else {
            ordered.is_some_and(|start| start > year_before)
        }
    });
    let mut named: BTreeMap<&str, Option<Timestamp>> = BTreeMap::new();
    for order in in_use {
        let title = medicine_title(chart, order);
        let latest = named.entry(title).or_default();
        *latest = (*latest).max(order.facts.start);
    }
    named.into_iter().map(|(title, since)| Lasting { title, since }).collect()
}

fn medicine_title<'a>(chart: &'a Chart, order: &'a Resource) -> &'a str {
    let named = order.facts.medication.as_deref().and_then(|reference| reference.strip_prefix("Medication/"));
    let medication = named.and_then(|id| chart.of_type("Medication").find(|medication| *medication.id == *id));
    &medication.unwrap_or(order).facts.title
}

/// The measurements that a clinician looks at first, with their history.
pub fn measurements(chart: &Chart, as_of: Timestamp) -> Vec<Measured> {
    let mut found: Vec<Measured> = Vec::new();
    for (code, name) in MEASUREMENTS {
        let mut unit = None;
        let mut history: Vec<(Timestamp, f64)> = readings(chart, code)
            .filter(|(at, _)| *at <= as_of)
            .map(|(at, reading)| {
                unit = Some(&reading.unit);
                (at, reading.number)
            })
            .collect();
        history.sort_by_key(|(at, _)| *at);
        let Some(unit) = unit.cloned() else { continue };
        match found.last_mut().filter(|last| last.name == name) {
            Some(last) if last.unit == unit => {
                last.history.extend(history);
                last.history.sort_by_key(|(at, _)| *at);
            }
            _ => found.push(Measured { name, unit, history }),
        }
    }
    found
}

fn readings<'a>(chart: &'a Chart, code: &'static str) -> impl Iterator<Item = (Timestamp, &'a Reading)> {
    chart.of_type("Observation").filter_map(move |observation| {
        let facts = &observation.facts;
        let own = facts.reading.as_ref().filter(|_| facts.has_code(code));
        let part = || facts.components.iter().find(|(part, _)| **part == *code).map(|(_, reading)| reading);
        Some((facts.start?, own.or_else(part)?))
    })
}

/// How many encounters, and when the last began.
pub fn visits(chart: &Chart, as_of: Timestamp) -> (usize, Option<Timestamp>) {
    let starts = chart.of_type("Encounter").filter_map(|encounter| encounter.facts.start).filter(|at| *at <= as_of);
    starts.fold((0, None), |(count, last), at| (count + 1, last.max(Some(at))))
}

fn earliest_by_title<'a>(resources: impl Iterator<Item = &'a Resource>) -> Vec<Lasting<'a>> {
    let mut lasting: Vec<Lasting> = Vec::new();
    for resource in resources {
        let title = without_tag(&resource.facts.title);
        match lasting.iter_mut().find(|other| other.title == title) {
            Some(other) => other.since = other.since.min(resource.facts.start),
            None => lasting.push(Lasting { title, since: resource.facts.start }),
        }
    }
    lasting.sort_by_key(|one| one.since);
    lasting
}
