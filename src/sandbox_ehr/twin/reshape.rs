//! How an EHR writes resources otherwise than the specification: absolute references, older shapes, codes of the house
//! first, medications beside the orders for them.

use super::Switches;
use serde_json::{Value, json};

/// The system of codes that only the house knows.
const LOCAL: &str = "urn:oid:1.2.840.114350.1.13.0.1.7.2.696580";

impl Switches {
    /// Whether resources are written otherwise at all.
    pub fn reshapes(&self) -> bool {
        self.absolute_references || self.older_shapes || self.local_codes_first
    }

    /// Writes a resource, and what is in it, in this EHR's manner.
    pub fn reshape(&self, value: &mut Value, server: &str) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.reshape(value, server)),
            Value::Object(members) => {
                for (name, value) in members {
                    self.reshape(value, server);
                    match name.as_str() {
                        "reference" if self.absolute_references => absolute(value, server),
                        "category" if self.older_shapes => {
                            if let Some(first) = value.as_array().and_then(|list| list.first()).cloned() {
                                *value = first;
                            }
                        }
                        "coding" if self.local_codes_first => {
                            if let Some(codings) = value.as_array_mut() {
                                codings.insert(0, json!({"system": LOCAL, "code": "4711"}));
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// Draft orders as entries; each medication that an order only describes may become an entry of its own.
    pub fn order_entries(&self, orders: Vec<Value>) -> Vec<Value> {
        if !self.medications_beside_orders {
            return orders;
        }
        let mut entries = Vec::new();
        for mut order in orders {
            let described = order.as_object_mut().and_then(|order| order.remove("medicationCodeableConcept"));
            if let Some(code) = described {
                let id = format!("medication-of-{}", order["id"].as_str().unwrap_or_default());
                order["medicationReference"] = json!({ "reference": format!("Medication/{id}") });
                entries.push(json!({"resourceType": "Medication", "id": id, "code": code}));
            }
            entries.push(order);
        }
        entries
    }
}

fn absolute(value: &mut Value, server: &str) {
    if let Some(reference) = value.as_str().filter(|reference| super::context::is_reference(reference)) {
        *value = format!("{server}/{reference}").into();
    }
}
