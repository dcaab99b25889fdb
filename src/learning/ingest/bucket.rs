//! Step two: the patients of one bucket, one after the other, become rows and counts.

use super::audit::Stated;
use super::dictionary::Dictionary;
use super::disclosure::Identity;
use super::part::{Part, Person};
use super::pseudonym::Salt;
use super::row::{self, Life};
use super::spill::{Frame, frames};
use super::tally::{Likeness, NumberCount, Seen, Tally};
use super::{chart, likeness};
use crate::learning::shard::{PatientRow, SHARD_FORMAT, Shard, Split};
use crate::patient_record::chart::MedicationCatalogue;
use crate::patient_record::terminology::CodeSystem;
use crate::patient_record::timeline::{Skipped, Timeline, Value};
use crate::prediction::vocabulary::kind_is_read;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Values that one patient adds to a number's sample: of one code a few patients may hold nearly all values.
const VALUES_PER_PATIENT: usize = 10;

/// What all buckets share.
pub struct Setting<'a> {
    pub medications: &'a Arc<MedicationCatalogue>,
    pub salt: &'a Salt,
    pub keep_ids: bool,
    pub audit: bool,
    /// Days since 1970-01-01.
    pub today: i32,
}

/// Reads a bucket's frames.
pub fn read(bytes: &[u8], setting: &Setting) -> anyhow::Result<Part> {
    let mut by_patient: HashMap<&str, Vec<Frame>> = HashMap::new();
    for frame in frames(bytes) {
        let frame = frame?;
        by_patient.entry(frame.patient).or_default().push(frame);
    }
    let mut patients: Vec<_> =
        by_patient.into_iter().map(|(id, frames)| (setting.salt.pseudonym(id), id, frames)).collect();
    // In the order of keys, so that neither ids nor the order of the export show.
    patients.sort_by_key(|(pseudonym, ..)| pseudonym.key);
    let mut bucket = Bucket::default();
    for (pseudonym, id, mut frames) in patients {
        frames.sort_by_key(|frame| frame.sequence);
        let folders: BTreeSet<u8> = frames.iter().filter_map(|frame| frame.folder_split).collect();
        if folders.len() > 1 {
            bucket.tally.findings.in_two_splits.push(pseudonym.key);
            continue;
        }
        let folder = folders.first().and_then(|&index| Split::ALL.get(usize::from(index)).copied());
        bucket.patient(id, pseudonym.key, folder.unwrap_or(pseudonym.split()), &frames, setting);
    }
    Ok(bucket.finish())
}

#[derive(Default)]
struct Bucket {
    dictionary: Dictionary,
    rows: Vec<PatientRow>,
    persons: Vec<Person>,
    numbers: BTreeMap<(u32, u16), NumberCount>,
    tally: Tally,
}

impl Bucket {
    fn patient(&mut self, id: &str, key: [u8; 16], split: Split, frames: &[Frame], setting: &Setting) {
        let Some(timeline) = chart::read(id, frames, setting.medications) else {
            return self.left_out("no Patient resource");
        };
        self.skipped(&timeline.skipped);
        let Some(birth) = timeline.patient.birth.map(row::day) else { return self.left_out("no birth date") };
        let identity = Identity::of(id, frames.iter().filter(|frame| frame.is_patient).map(|frame| frame.resource));
        let death = match timeline.patient.deceased {
            Some(Some(second)) => Some(row::day(second)),
            _ => None,
        };
        self.count_timeline(&timeline, split, death, &identity, setting.today);
        let life = row::life(&timeline, birth, &mut self.dictionary, &identity);
        self.dictionary.count(&life.facts, split as usize, &identity);
        if split == Split::Train {
            self.sample(key, &life);
        }
        self.tally.patients[split as usize] += 1;
        self.tally.findings.events_before_birth += life.before_birth;
        life.never_read.iter().for_each(|(which, n)| *self.tally.never_read.entry(*which).or_default() += n);
        self.tally.lengths.push(life.read_by_the_model);
        self.tally.likenesses.push(Likeness {
            split,
            whole: likeness::whole(&life.events, &self.dictionary),
            diagnoses: likeness::diagnoses(&life.events, &self.dictionary),
        });
        let stated = frames.iter().find(|frame| frame.is_patient).filter(|_| setting.audit);
        let audit = stated.map(|frame| Stated::of(frame.resource));
        let (sex, undated_death) = (timeline.patient.sex, timeline.patient.deceased == Some(None));
        let death = death.map(|day| day - birth);
        self.rows.push(PatientRow { key, split, sex, follow_up_end: 0, death, events: life.events });
        self.persons.push(Person { birth, undated_death, id: setting.keep_ids.then(|| id.to_owned()), audit });
    }

    fn left_out(&mut self, reason: &str) {
        *self.tally.left_out.entry(reason.to_owned()).or_default() += 1;
    }

    fn skipped(&mut self, skipped: &Skipped) {
        for ((resource_type, reason), n) in &skipped.0 {
            let key = (super::scan::shown_type(resource_type).to_owned(), *reason);
            *self.tally.skipped.entry(key).or_default() += u64::from(*n);
        }
    }

    fn count_timeline(
        &mut self,
        timeline: &Timeline,
        split: Split,
        death: Option<i32>,
        identity: &Identity,
        today: i32,
    ) {
        let mut units: BTreeMap<&str, u64> = BTreeMap::new();
        let mut systems: BTreeMap<&str, u64> = BTreeMap::new();
        let mut after_death = 0;
        for event in &timeline.events {
            self.tally.kinds.entry(event.kind).or_default()[split as usize] += 1;
            let day = row::day(event.known);
            if day <= today {
                self.tally.latest = self.tally.latest.max(Some(day));
            }
            after_death += u64::from(death.is_some_and(|death| day > death));
            if let CodeSystem::Other(uri) = &event.code.system {
                *systems.entry(uri).or_default() += 1;
            }
            if let Value::Quantity { unit, scaled: false, .. } = &event.value {
                *units.entry(unit).or_default() += 1;
            }
        }
        self.tally.findings.events_after_death += after_death;
        self.tally.findings.patients_with_events_after_death += u64::from(after_death > 0);
        note(&mut self.tally.unknown_units, units, identity);
        note(&mut self.tally.unknown_systems, systems, identity);
    }

    /// At most ten values of each number, each value as likely as any other of this patient.
    fn sample(&mut self, key: [u8; 16], life: &Life) {
        let mut rng = ChaCha8Rng::seed_from_u64(u64::from_le_bytes(std::array::from_fn(|i| key[i])));
        let mut own: BTreeMap<(u32, u16), (usize, Vec<f32>)> = BTreeMap::new();
        for &(fact, unit, value) in &life.numbers {
            // Facts that differ in display only are one number: the key stands for them.
            let (seen, values) = own.entry((self.dictionary.key_of(fact), unit)).or_default();
            *seen += 1;
            if values.len() < VALUES_PER_PATIENT {
                values.push(value);
            } else if let Some(kept) = values.get_mut(rng.random_range(0..*seen)) {
                *kept = value;
            }
        }
        for (number, (_, values)) in own {
            let count = self.numbers.entry(number).or_default();
            count.patients += 1;
            count.sample.push((key, values));
        }
    }

    fn finish(mut self) -> Part {
        let (withheld, shared) = self.dictionary.withhold();
        self.tally.findings.texts_withheld += withheld;
        self.tally.findings.texts_shared += shared;
        self.tally.keys = self.dictionary.key_counts();
        self.tally.keys.retain(|_, count| kind_is_read(count.kind));
        for ((key, unit), count) in self.numbers {
            let code = self.dictionary.key_text(key).split_once('|').map(|(_, code)| code.to_owned());
            let unit = self.dictionary.units.get(usize::from(unit)).cloned();
            if let (Some(code), Some(unit)) = (code, unit) {
                self.tally.numbers.insert((code, unit), count);
            }
        }
        let Dictionary { facts, units, .. } = self.dictionary;
        let shard = Shard { format: SHARD_FORMAT, facts, units, patients: self.rows };
        Part { shard, persons: self.persons, tally: self.tally }
    }
}

fn note(into: &mut BTreeMap<String, Seen>, seen: BTreeMap<&str, u64>, identity: &Identity) {
    for (text, events) in seen {
        let text = if identity.is_in(text) { "withheld" } else { text };
        let seen = into.entry(text.to_owned()).or_default();
        seen.events += events;
        seen.patients += 1;
    }
}
