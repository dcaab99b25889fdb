//! A life as FHIR R4 resources, one folder a split, one file a type.
//!
//! Owns what a fact looks like on the wire. Writes no names, addresses or statuses that the future would change.

use super::forward::Care;
use super::life::Life;
use super::rows::patient_id;
use super::shown::Visit;
use super::world::{
    Finding, GLOW, HAZE, IDLEROL, MEANDER, OUTCOMES, PALLIDINE, QUILLAMINE, ROUTINE, SYSTEM, TAMEROL, Which, Word,
};
use crate::learning::shard::Split;
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Level of compression: written once, read a few times.
const LEVEL: i32 = 3;

/// The export being written.
pub struct Export {
    folder: PathBuf,
    files: BTreeMap<(Split, String), zstd::Encoder<'static, File>>,
    pub resources: u64,
}

impl Export {
    /// Begins an export in this folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: BTreeMap::new(), resources: 0 }
    }

    /// Writes one life.
    pub fn write(&mut self, life: &Life) -> anyhow::Result<()> {
        for resource in resources(life) {
            let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
            let file = self.file(life.split, kind)?;
            writeln!(file, "{resource}")?;
            self.resources += 1;
        }
        Ok(())
    }

    fn file(&mut self, split: Split, kind: String) -> anyhow::Result<&mut zstd::Encoder<'static, File>> {
        let path = self.folder.join(split.as_str()).join(format!("{kind}.ndjson.zst"));
        Ok(match self.files.entry((split, kind)) {
            std::collections::btree_map::Entry::Occupied(file) => file.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                std::fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
                let file = File::create(&path).with_context(|| format!("`{}` cannot be written", path.display()))?;
                place.insert(zstd::Encoder::new(file, LEVEL)?)
            }
        })
    }

    /// Closes every file.
    pub fn finish(self) -> anyhow::Result<u64> {
        for file in self.files.into_values() {
            file.finish()?.sync_all()?;
        }
        Ok(self.resources)
    }
}

/// Numbers the resources of one patient and knows what they have in common.
struct Chart<'a> {
    life: &'a Life,
    id: String,
    resources: Vec<Value>,
}

/// Every resource of a life.
pub fn resources(life: &Life) -> Vec<Value> {
    let id = patient_id(life.number);
    let mut patient = json!({
        "resourceType": "Patient", "id": id, "gender": if life.female { "female" } else { "male" },
        "birthDate": life.birth.to_string(),
    });
    if let Some(death) = life.death {
        patient["deceasedDateTime"] = moment(life, death, 18).into();
    }
    let mut chart = Chart { life, id, resources: vec![patient] };
    for (day, care, _) in &life.care {
        match care {
            Care::Routine(visit) => chart.routine(*day, visit),
            Care::Found(finding) => chart.finding(*day, *finding),
        }
    }
    for (outcome, days) in OUTCOMES[..Which::Death as usize].iter().zip(&life.outcomes) {
        let illness = Word { code: outcome.name, display: outcome.title };
        for &day in days {
            let visit = chart.encounter(day, 15, "EMER", None);
            chart.condition(day, 15, &visit, illness);
        }
    }
    chart.resources
}

fn moment(life: &Life, day: i32, hour: u8) -> String {
    format!("{}T{hour:02}:00:00Z", life.date(day))
}

fn concept(word: Word) -> Value {
    json!({"coding": [{"system": SYSTEM, "code": word.code, "display": word.display}]})
}

impl Chart<'_> {
    fn add(&mut self, mut resource: Value) -> String {
        let id = format!("{}-{}", self.id, self.resources.len());
        resource["id"] = id.clone().into();
        resource["subject"] = json!({"reference": format!("Patient/{}", self.id)});
        self.resources.push(resource);
        id
    }

    fn encounter(&mut self, day: i32, hour: u8, class: &str, kind: Option<Word>) -> Value {
        let mut encounter = json!({
            "resourceType": "Encounter", "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class},
            "period": {"start": moment(self.life, day, hour), "end": moment(self.life, day, hour + 1)},
        });
        if let Some(kind) = kind {
            encounter["type"] = json!([concept(kind)]);
        }
        json!({"reference": format!("Encounter/{}", self.add(encounter))})
    }

    fn condition(&mut self, day: i32, hour: u8, visit: &Value, word: Word) {
        let when = moment(self.life, day, hour);
        self.add(json!({
            "resourceType": "Condition", "code": concept(word), "encounter": visit,
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category",
                "code": "encounter-diagnosis"}]}],
            "onsetDateTime": when, "recordedDate": when,
        }));
    }

    fn finding(&mut self, day: i32, finding: Finding) {
        let visit = self.encounter(day, 10, "AMB", None);
        self.condition(day, 10, &visit, finding.word());
    }

    fn routine(&mut self, day: i32, seen: &Visit) {
        let visit = self.encounter(day, 9, "AMB", Some(ROUTINE));
        let when = moment(self.life, day, 9);
        let values =
            [(MEANDER, Some(seen.meander), "U/L"), (GLOW, Some(seen.glow), "mg/dL"), (HAZE, seen.haze, "mmol/L")];
        for (word, value, unit) in values {
            let Some(value) = value else { continue };
            self.add(json!({
                "resourceType": "Observation", "status": "final", "code": concept(word), "encounter": visit,
                "effectiveDateTime": when, "issued": when,
                "valueQuantity":
                    {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
            }));
        }
        let lasting = if seen.quillamine { QUILLAMINE } else { PALLIDINE };
        let orders = [Some(lasting), seen.tamerol.then_some(TAMEROL), seen.idlerol.then_some(IDLEROL)];
        for drug in orders.into_iter().flatten() {
            self.add(json!({
                "resourceType": "MedicationRequest", "status": "completed", "intent": "order", "encounter": visit,
                "medicationCodeableConcept": concept(drug), "authoredOn": when,
            }));
        }
    }
}
