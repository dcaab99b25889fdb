//! What an ingest has to say for itself: what came in, what was left out and why, what looks like a leak.
//! Counts and codes only, nothing of a person.

use super::seal::date_of;
use super::state::{SkipCounts, State};
use super::tally::{Findings, Likeness, Seen, Tally};
use crate::learning::shard::{Dataset, Split};
use crate::patient_record::timeline::SkipReason;
use crate::prediction::vocabulary::{Trait, Vocabulary, kind_is_read};
use serde::Serialize;
use std::collections::BTreeMap;

/// Units and code systems of fewer patients are not named: a sender's own text could be anything.
const NAMED_FROM: u64 = 5;

/// `report.json`
#[derive(Serialize)]
pub struct Report {
    /// Patients in the shards, by split.
    pub patients: BTreeMap<Split, u64>,
    /// Patients left out, by reason.
    pub patients_left_out: BTreeMap<String, u64>,
    pub export_date: String,
    /// False: the latest date in the export was taken.
    pub export_date_stated: bool,
    /// Events in the shards.
    pub events: u64,
    /// Resources received, by type.
    pub resources: BTreeMap<String, u64>,
    pub event_kinds: Vec<KindRow>,
    /// Events that tell a personal trait: read from the export, and in no shard.
    pub never_read: BTreeMap<Trait, u64>,
    pub skipped: Vec<SkipRow>,
    pub files_not_fhir: u64,
    /// Events per patient, of kinds that the model reads.
    pub histories: Histories,
    pub vocabulary: VocabularyRow,
    pub unknown_units: BTreeMap<String, Seen>,
    pub unknown_code_systems: BTreeMap<String, Seen>,
    pub leaks: Leaks,
}

/// Events of one kind, by split.
#[derive(Serialize)]
pub struct KindRow {
    pub kind: &'static str,
    pub read_by_the_model: bool,
    pub events: BTreeMap<Split, u64>,
}

/// What was not read, and why.
#[derive(Serialize)]
pub struct SkipRow {
    pub resource_type: String,
    pub reason: SkipReason,
    pub count: u64,
}

/// How long histories are, in events.
#[derive(Serialize)]
pub struct Histories {
    pub median: u32,
    pub p90: u32,
    pub longest: u32,
}

/// The size of the vocabulary and how much of the data it knows.
#[derive(Serialize)]
pub struct VocabularyRow {
    pub keys: usize,
    pub numbers: usize,
    pub auxiliary: usize,
    /// Share of events whose key is known, 0 to 1, by split.
    pub covered: BTreeMap<Split, f64>,
}

/// Things by which a model could know more than it should.
#[derive(Serialize)]
pub struct Leaks {
    pub patients_in_two_splits: u64,
    /// Groups of patients with the same events and gaps, whatever their ids and dates.
    pub same_life: Alike,
    /// Groups of patients with the same set of at least 20 conditions, medications and procedures.
    pub same_diagnoses: Alike,
    pub patients_with_events_after_death: u64,
    pub events_after_death: u64,
    pub events_after_export_left_out: u64,
    pub births_after_export_left_out: u64,
    pub deaths_after_export_left_out: u64,
    pub events_before_birth: u64,
    pub identifying_texts_withheld: u64,
    pub identifying_texts_shared_by_many: u64,
}

/// Groups of patients who are alike.
#[derive(Serialize, Debug, PartialEq)]
pub struct Alike {
    pub groups: u64,
    pub groups_across_splits: u64,
    pub patients_across_splits: u64,
}

fn by_split(counts: [u64; 4]) -> BTreeMap<Split, u64> {
    Split::ALL.into_iter().zip(counts).collect()
}

impl Report {
    /// Puts the counts of all steps together.
    pub fn of(tally: &Tally, state: &State, dataset: &Dataset, vocabulary: &Vocabulary, export: (i32, bool)) -> Self {
        let mut skipped: SkipCounts = state.counts.skipped.clone();
        tally.skipped.iter().for_each(|(key, n)| *skipped.entry(key.clone()).or_default() += n);
        let kinds = tally.kinds.iter().map(|(kind, counts)| KindRow {
            kind: kind.short(),
            read_by_the_model: kind_is_read(*kind),
            events: by_split(*counts),
        });
        Self {
            patients: dataset.patients.clone(),
            patients_left_out: tally.left_out.clone(),
            export_date: date_of(export.0),
            export_date_stated: export.1,
            events: dataset.events,
            resources: state.counts.resources.clone(),
            event_kinds: kinds.collect(),
            never_read: tally.never_read.clone(),
            skipped: skipped
                .into_iter()
                .map(|((resource_type, reason), count)| SkipRow { resource_type, reason, count })
                .collect(),
            files_not_fhir: state.counts.files_not_fhir,
            histories: histories(&tally.lengths),
            vocabulary: VocabularyRow {
                keys: vocabulary.keys.len(),
                numbers: vocabulary.numbers.len(),
                auxiliary: vocabulary.auxiliary.len(),
                covered: covered(tally, vocabulary),
            },
            unknown_units: named(&tally.unknown_units),
            unknown_code_systems: named(&tally.unknown_systems),
            leaks: leaks(&tally.findings, &tally.likenesses),
        }
    }

    /// `report.md`
    pub fn markdown(&self) -> String {
        let mut page = String::from("# Ingest report\n");
        let mut section = |title: &str, head: [&str; 2], rows: Vec<(String, String)>| {
            if rows.is_empty() {
                return;
            }
            page.push_str(&format!("\n## {title}\n\n| {} | {} |\n|---|---:|\n", head[0], head[1]));
            rows.iter()
                .for_each(|(name, value)| page.push_str(&format!("| {} | {value} |\n", name.replace('|', "\\|"))));
        };
        let counts = |counts: &BTreeMap<String, u64>| counts.iter().map(|(k, n)| (k.clone(), n.to_string())).collect();
        let splits =
            |counts: &BTreeMap<Split, u64>| counts.values().map(u64::to_string).collect::<Vec<_>>().join(" / ");
        let seen = |seen: &BTreeMap<String, Seen>| {
            seen.iter().map(|(k, n)| (k.clone(), format!("{} / {}", n.events, n.patients))).collect()
        };
        let order = "train / validation / calibration / test";
        section("Dataset", ["what", "value"], self.overview());
        section("Patients", ["split", "patients"], {
            self.patients.iter().map(|(split, n)| (split.as_str().to_owned(), n.to_string())).collect()
        });
        section("Patients left out", ["reason", "patients"], counts(&self.patients_left_out));
        section("Leak findings", ["finding", "count"], self.leaks.rows());
        section("Events by kind", ["kind (* not read by the model)", order], {
            let star = |row: &KindRow| if row.read_by_the_model { "" } else { " *" };
            self.event_kinds.iter().map(|row| (format!("{}{}", row.kind, star(row)), splits(&row.events))).collect()
        });
        section("Personal traits, in no shard", ["trait", "events"], {
            self.never_read.iter().map(|(which, n)| (which.words().to_owned(), n.to_string())).collect()
        });
        section("Resources received", ["type", "count"], counts(&self.resources));
        section("Not read", ["type, reason", "count"], {
            self.skipped
                .iter()
                .map(|row| (format!("{}, {}", row.resource_type, word(row.reason)), row.count.to_string()))
                .collect()
        });
        section("Units that UCUM does not know", ["unit", "events / patients"], seen(&self.unknown_units));
        section("Code systems without a prefix", ["system", "events / patients"], seen(&self.unknown_code_systems));
        page
    }

    fn overview(&self) -> Vec<(String, String)> {
        let covered: Vec<String> =
            self.vocabulary.covered.values().map(|share| format!("{:.2} %", 100.0 * share)).collect();
        let date = if self.export_date_stated { "" } else { " (the latest date found; state --export-date)" };
        let rows = [
            ("events", self.events.to_string()),
            ("export date", format!("{}{date}", self.export_date)),
            ("events per patient: median", self.histories.median.to_string()),
            ("events per patient: 90th percentile", self.histories.p90.to_string()),
            ("events per patient: most", self.histories.longest.to_string()),
            ("vocabulary: keys", self.vocabulary.keys.to_string()),
            ("vocabulary: numbers", self.vocabulary.numbers.to_string()),
            ("vocabulary: auxiliary keys", self.vocabulary.auxiliary.to_string()),
            ("events with a known key, by split", covered.join(" / ")),
            ("files that are no FHIR", self.files_not_fhir.to_string()),
        ];
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Leaks {
    fn rows(&self) -> Vec<(String, String)> {
        let rows = [
            ("patients in two splits", self.patients_in_two_splits),
            ("groups with the same life", self.same_life.groups),
            ("... across splits", self.same_life.groups_across_splits),
            ("groups with the same diagnoses", self.same_diagnoses.groups),
            ("... across splits", self.same_diagnoses.groups_across_splits),
            ("patients with events after death", self.patients_with_events_after_death),
            ("events after death", self.events_after_death),
            ("events after the export, left out", self.events_after_export_left_out),
            ("births after the export, left out", self.births_after_export_left_out),
            ("deaths after the export, left out", self.deaths_after_export_left_out),
            ("events before birth", self.events_before_birth),
            ("texts with a name or identifier, withheld", self.identifying_texts_withheld),
            ("texts with a name or identifier, shared by many and kept", self.identifying_texts_shared_by_many),
        ];
        rows.into_iter().map(|(name, n)| (name.to_owned(), n.to_string())).collect()
    }
}

fn word(reason: SkipReason) -> String {
    serde_json::to_value(reason).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn histories(lengths: &[u32]) -> Histories {
    let mut lengths = lengths.to_vec();
    lengths.sort_unstable();
    let at = |share: f64| lengths.get((share * lengths.len().saturating_sub(1) as f64) as usize).copied().unwrap_or(0);
    Histories { median: at(0.5), p90: at(0.9), longest: at(1.0) }
}

fn covered(tally: &Tally, vocabulary: &Vocabulary) -> BTreeMap<Split, f64> {
    let (mut known, mut all) = ([0; 4], [0; 4]);
    for (key, count) in &tally.keys {
        let is_known = vocabulary.key(key).is_some();
        for (split, n) in count.events.iter().enumerate() {
            all[split] += n;
            known[split] += if is_known { *n } else { 0 };
        }
    }
    Split::ALL
        .into_iter()
        .zip(known.into_iter().zip(all).map(|(k, n): (u64, u64)| k as f64 / n.max(1) as f64))
        .collect()
}

fn named(seen: &BTreeMap<String, Seen>) -> BTreeMap<String, Seen> {
    let mut shown: BTreeMap<String, Seen> = BTreeMap::new();
    for (text, n) in seen {
        let name = if n.patients >= NAMED_FROM { text.as_str() } else { "(others, each of fewer than 5 patients)" };
        let into = shown.entry(name.to_owned()).or_default();
        into.events += n.events;
        into.patients += n.patients;
    }
    shown
}

fn leaks(findings: &Findings, likenesses: &[Likeness]) -> Leaks {
    Leaks {
        patients_in_two_splits: findings.in_two_splits.len() as u64,
        same_life: alike(likenesses.iter().filter_map(|life| Some((life.whole?, life.split)))),
        same_diagnoses: alike(likenesses.iter().filter_map(|life| Some((life.diagnoses?, life.split)))),
        patients_with_events_after_death: findings.patients_with_events_after_death,
        events_after_death: findings.events_after_death,
        events_after_export_left_out: findings.events_after_export,
        births_after_export_left_out: findings.births_after_export,
        deaths_after_export_left_out: findings.deaths_after_export,
        events_before_birth: findings.events_before_birth,
        identifying_texts_withheld: findings.texts_withheld,
        identifying_texts_shared_by_many: findings.texts_shared,
    }
}

fn alike(hashes: impl Iterator<Item = (u64, Split)>) -> Alike {
    let mut hashes: Vec<(u64, Split)> = hashes.collect();
    hashes.sort_unstable();
    let mut alike = Alike { groups: 0, groups_across_splits: 0, patients_across_splits: 0 };
    for group in hashes.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        alike.groups += 1;
        if group.first().map(|one| one.1) != group.last().map(|one| one.1) {
            alike.groups_across_splits += 1;
            alike.patients_across_splits += group.len() as u64;
        }
    }
    alike
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_life_in_two_splits_is_found() {
        let lives = [(1, Split::Train), (2, Split::Train), (1, Split::Test), (3, Split::Test), (3, Split::Test)];
        let found = alike(lives.into_iter());
        assert_eq!(found, Alike { groups: 2, groups_across_splits: 1, patients_across_splits: 2 });
    }

    #[test]
    fn units_of_few_patients_are_not_named() {
        let few = Seen { events: 9, patients: 4 };
        let seen = BTreeMap::from([
            ("odd".to_owned(), few),
            ("rare".to_owned(), few),
            ("IU".to_owned(), Seen { events: 9, patients: 5 }),
        ]);
        let shown = named(&seen);
        assert!(shown.contains_key("IU") && !shown.contains_key("odd"));
        assert_eq!(shown.values().map(|n| n.events).sum::<u64>(), 27);
    }
}
