//! How an EHR writes resources otherwise than the specification: absolute references, older shapes, codes of the house
//! first, narrative, medications beside or inside the orders for them, orders in which nothing was chosen yet.

use super::Switches;
use super::context::is_reference;
use serde_json::{Map, Value, json};

/// The system of codes that only the house knows.
const LOCAL: &str = "urn:oid:1.2.840.114350.1.13.0.1.7.2.696580";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
/// A code of RxNorm's form that RxNorm does not have.
const SECOND_DRUG_CODE: &str = "99999999";

impl Switches {
    /// Whether resources are written otherwise at all.
    pub fn reshapes(&self) -> bool {
        self.absolute_references
            || self.older_shapes
            || self.local_codes_first
            || self.several_drug_codes
            || self.narrative_letters > 0
    }

    /// Writes a resource, and what is in it, in this EHR's manner.
    pub fn reshape(&self, value: &mut Value, server: &str) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.reshape(value, server)),
            Value::Object(members) => {
                for (name, value) in members.iter_mut() {
                    self.reshape(value, server);
                    self.reshape_member(name, value, server);
                }
                self.narrate(members);
            }
            _ => {}
        }
    }

    fn reshape_member(&self, name: &str, value: &mut Value, server: &str) {
        match name {
            "reference" if self.absolute_references => absolute(value, server),
            "category" if self.older_shapes => unlisted(value),
            "dosageInstruction" | "dosage" if self.older_shapes => {
                value.as_array_mut().into_iter().flatten().for_each(older_dose);
            }
            "coding" => {
                let Some(codings) = value.as_array_mut() else { return };
                let drug = codings.iter().position(|coding| coding["system"] == RXNORM);
                if let Some(place) = drug.filter(|_| self.several_drug_codes) {
                    let mut second = codings[place].clone();
                    second["code"] = SECOND_DRUG_CODE.into();
                    codings.insert(place + 1, second);
                }
                if self.local_codes_first {
                    codings.insert(0, json!({"system": LOCAL, "code": "4711"}));
                }
            }
            _ => {}
        }
    }

    /// A resource that is not there for others gets a narrative.
    fn narrate(&self, members: &mut Map<String, Value>) {
        let kind = members.get("resourceType").and_then(Value::as_str);
        if self.narrative_letters > 0 && kind.is_some_and(|kind| !matches!(kind, "Bundle" | "OperationOutcome")) {
            let letters = "x".repeat(self.narrative_letters);
            let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{letters}</div>");
            members.insert("text".to_owned(), json!({"status": "generated", "div": div}));
        }
    }

    /// Draft orders as entries; each medication that an order only describes may become a resource of its own.
    pub fn order_entries(&self, orders: Vec<Value>) -> Vec<Value> {
        let mut entries = Vec::new();
        for mut order in orders {
            if self.order_category_as_object {
                categorize(&mut order);
            }
            if self.contained_medications || self.medications_beside_orders {
                entries.extend(self.taken_out(&mut order));
            }
            entries.push(order);
        }
        entries
    }

    /// The medication that an order described: an entry, or nothing where the order contains it now.
    fn taken_out(&self, order: &mut Value) -> Option<Value> {
        let code = order.as_object_mut()?.remove("medicationCodeableConcept")?;
        let medication = |id: &str| json!({"resourceType": "Medication", "id": id, "code": code});
        if self.contained_medications {
            order["contained"] = json!([medication("medication")]);
            order["medicationReference"] = json!({"reference": "#medication"});
            return None;
        }
        let id = format!("medication-of-{}", order["id"].as_str().unwrap_or_default());
        order["medicationReference"] = json!({ "reference": format!("Medication/{id}") });
        Some(medication(&id))
    }

    /// The draft of an order screen where nothing was chosen yet: no `intent`, no medication.
    pub fn unchosen_order(&self, patient: &str) -> Value {
        let id = self.order_id.as_deref().unwrap_or("unchosen");
        json!({"resourceType": "MedicationRequest", "id": id, "status": "draft",
            "subject": {"reference": format!("Patient/{patient}")}})
    }
}

fn absolute(value: &mut Value, server: &str) {
    if let Some(reference) = value.as_str().filter(|reference| is_reference(reference)) {
        *value = format!("{server}/{reference}").into();
    }
}

/// A list of one becomes what is in it; of a longer list nothing is lost.
fn unlisted(value: &mut Value) {
    if let Some([only]) = value.as_array().map(Vec::as_slice) {
        *value = only.clone();
    }
}

/// Before R4 a dose stood in the instruction itself; several have no place there and stay where they are.
fn older_dose(instruction: &mut Value) {
    let Some([Value::Object(dose)]) = instruction["doseAndRate"].as_array().map(Vec::as_slice) else { return };
    let dose = dose.clone();
    let Some(members) = instruction.as_object_mut() else { return };
    members.remove("doseAndRate");
    members.extend(dose.into_iter().filter(|(name, _)| name != "type"));
}

fn categorize(order: &mut Value) {
    let is_chosen = order["resourceType"] == "MedicationRequest" && order["intent"].is_string();
    if is_chosen && order["category"].is_null() {
        let system = "http://terminology.hl7.org/CodeSystem/medicationrequest-category";
        order["category"] = json!({"coding": [{"system": system, "code": "community"}]});
    }
    if let Some(category) = order.get_mut("category") {
        unlisted(category);
    }
}
