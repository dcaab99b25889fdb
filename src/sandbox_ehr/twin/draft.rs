//! What a clinician has begun and not signed: drafts of one patient, changed by hand or by an accepted suggestion, whose
//! actions are one FHIR transaction: deletes, creates, updates, and references to what is created follow its new id
//! (CDS Hooks, "Suggestion").

use super::super::chart::Resource;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Drafts and signed orders of one patient, at most.
const MOST: usize = 200;

/// What drafts a hook is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Order,
    Medication,
    Appointment,
    Allergy,
    Problem,
}

impl Kind {
    pub fn holds(self, draft: &Value) -> bool {
        self.holds_type(draft["resourceType"].as_str().unwrap_or_default())
    }

    /// Whether resources of this type are such drafts.
    pub fn holds_type(self, kind: &str) -> bool {
        match self {
            Self::Order => matches!(
                kind,
                "MedicationRequest" | "ServiceRequest" | "NutritionOrder" | "DeviceRequest" | "VisionPrescription"
            ),
            Self::Medication => kind == "MedicationRequest",
            Self::Appointment => kind == "Appointment",
            Self::Allergy => kind == "AllergyIntolerance",
            Self::Problem => kind == "Condition",
        }
    }
}

/// Why a draft is not changed. Nothing is, then.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    #[error("a draft is a FHIR resource: an object with `resourceType`")]
    NotAResource,
    #[error("a draft holds no null and no empty value")]
    Empty,
    #[error("the draft is about another patient")]
    OtherPatient,
    #[error("there is no such draft")]
    Unknown,
    #[error("the draft was changed since the card was shown: look at it and decide again")]
    Conflict,
    #[error("an action is neither create, update nor delete, or lacks its resource")]
    Action,
    #[error("there are too many drafts: sign or remove some")]
    TooMany,
}

/// One action that was done.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// `delete`, `create` or `update`
    pub action: &'static str,
    /// `Type/id` as it is now, or was.
    pub reference: String,
}

/// One action of a suggestion, read.
enum Change {
    Delete(String),
    Create(Value),
    Update(Value),
}

/// One patient's drafts, and what of them was signed or recorded.
#[derive(Clone, Default)]
pub struct Basket {
    pub drafts: Vec<Value>,
    pub signed: Vec<Arc<Resource>>,
    given: u32,
}

/// `Type/id`
pub fn reference(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap_or_default(), resource["id"].as_str().unwrap_or_default())
}

impl Basket {
    /// Adds a draft. It gets an id, its patient and what its type needs to be a draft, as far as it lacks them.
    pub fn add(&mut self, mut draft: Value, patient: &str) -> Result<String, DraftError> {
        completed(&mut draft, patient)?;
        if self.drafts.len() >= MOST {
            return Err(DraftError::TooMany);
        }
        let named = draft["id"].as_str().is_some_and(super::super::search::is_id);
        if !named || self.find(&reference(&draft)).is_some() {
            draft["id"] = self.new_id().into();
        }
        let name = reference(&draft);
        self.drafts.push(draft);
        Ok(name)
    }

    /// What was signed, without what else was recorded.
    pub fn orders(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.signed.iter().filter(|one| Kind::Order.holds_type(&one.resource_type))
    }

    pub fn find(&self, name: &str) -> Option<&Value> {
        self.drafts.iter().find(|draft| reference(draft) == name)
    }

    pub fn remove(&mut self, name: &str) -> Result<(), DraftError> {
        let place = self.drafts.iter().position(|draft| reference(draft) == name).ok_or(DraftError::Unknown)?;
        self.drafts.remove(place);
        Ok(())
    }

    /// Signs every draft order: they are active now, and part of the record.
    pub fn sign(&mut self) -> Vec<String> {
        self.enter(Kind::Order)
    }

    /// Makes every draft of a kind part of the record, as of now.
    pub fn enter(&mut self, kind: Kind) -> Vec<String> {
        let (entered, kept) = std::mem::take(&mut self.drafts).into_iter().partition(|draft| kind.holds(draft));
        self.drafts = kept;
        let entered: Vec<Value> = entered;
        let now = crate::platform::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let signed = entered.into_iter().filter_map(|mut draft| {
            let (status, at) = match kind {
                Kind::Order | Kind::Medication => (Some("active"), "authoredOn"),
                Kind::Appointment => (Some("booked"), "created"),
                // Active already, by their clinical status.
                Kind::Allergy | Kind::Problem => (None, "recordedDate"),
            };
            if let Some(status) = status {
                draft["status"] = status.into();
            }
            draft[at] = now.clone().into();
            Resource::of(&draft).map(Arc::new)
        });
        let signed: Vec<_> = signed.collect();
        let names = signed.iter().map(|one| format!("{}/{}", one.resource_type, one.id)).collect();
        self.signed.extend(signed);
        self.signed.drain(..self.signed.len().saturating_sub(MOST));
        names
    }

    /// Does all actions, or none. `sent`: the drafts as the service saw them.
    pub fn apply(&mut self, actions: &[&Value], sent: &[Value], patient: &str) -> Result<Vec<Applied>, DraftError> {
        let mut next = self.clone();
        let mut changes = actions.iter().map(|action| change(action)).collect::<Result<Vec<_>, _>>()?;
        changes.sort_by_key(|change| match change {
            Change::Delete(_) => 0,
            Change::Create(_) => 1,
            Change::Update(_) => 2,
        });
        let mut renamed = BTreeMap::new();
        for change in &mut changes {
            let Change::Create(resource) = change else { continue };
            let placeholder = resource["id"].as_str().map(str::to_owned);
            resource["id"] = next.new_id().into();
            if let Some(placeholder) = placeholder {
                let now = reference(resource);
                let kind = resource["resourceType"].as_str().unwrap_or_default();
                renamed.insert(format!("{kind}/{placeholder}"), now.clone());
                renamed.insert(format!("urn:uuid:{placeholder}"), now);
            }
        }
        let unchanged = |basket: &Self, name: &str| match basket.find(name) {
            None => Err(DraftError::Unknown),
            Some(now) => match sent.iter().find(|draft| reference(draft) == name) {
                Some(seen) if seen == now => Ok(()),
                _ => Err(DraftError::Conflict),
            },
        };
        let mut done = Vec::new();
        for change in changes {
            done.push(match change {
                Change::Delete(name) => {
                    unchanged(&next, &name)?;
                    next.remove(&name)?;
                    Applied { action: "delete", reference: name }
                }
                Change::Create(mut resource) => {
                    follow(&mut resource, &renamed);
                    Applied { action: "create", reference: next.add(resource, patient)? }
                }
                Change::Update(mut resource) => {
                    let name = reference(&resource);
                    unchanged(&next, &name)?;
                    follow(&mut resource, &renamed);
                    completed(&mut resource, patient)?;
                    let place = next.drafts.iter_mut().find(|draft| reference(draft) == name);
                    *place.ok_or(DraftError::Unknown)? = resource;
                    Applied { action: "update", reference: name }
                }
            });
        }
        *self = next;
        Ok(done)
    }

    fn new_id(&mut self) -> String {
        loop {
            self.given += 1;
            let id = format!("draft-{}", self.given);
            if !self.drafts.iter().any(|draft| draft["id"] == *id) && !self.signed.iter().any(|one| *one.id == *id) {
                return id;
            }
        }
    }
}

fn change(action: &Value) -> Result<Change, DraftError> {
    let resource = || {
        let resource = Some(&action["resource"]).filter(|resource| resource["resourceType"].is_string());
        resource.cloned().ok_or(DraftError::Action)
    };
    match action["type"].as_str() {
        Some("create") => Ok(Change::Create(resource()?)),
        Some("update") => Ok(Change::Update(resource()?)),
        Some("delete") => {
            // Services of before 2.0 name what to delete in `resource`.
            let named = action["resourceId"].as_str().or_else(|| action["resource"].as_str());
            let named = named.map(str::to_owned).or_else(|| resource().ok().map(|resource| reference(&resource)));
            named.map(Change::Delete).ok_or(DraftError::Action)
        }
        _ => Err(DraftError::Action),
    }
}

/// Gives a draft what it lacks; refuses what is no draft of this patient.
fn completed(draft: &mut Value, patient: &str) -> Result<(), DraftError> {
    let kind = draft["resourceType"].as_str().unwrap_or_default().to_owned();
    if kind.is_empty() || !kind.chars().all(|letter| letter.is_ascii_alphabetic()) {
        return Err(DraftError::NotAResource);
    }
    if is_bare(draft) {
        return Err(DraftError::Empty);
    }
    let about = json!({ "reference": format!("Patient/{patient}") });
    let lacking: &[(&str, Value)] = match &*kind {
        "Appointment" => {
            let participant = json!([{"actor": about, "status": "needs-action"}]);
            &[("status", json!("proposed")), ("participant", participant)]
        }
        "AllergyIntolerance" => &[("clinicalStatus", clinical("allergyintolerance-clinical")), ("patient", about)],
        "Condition" => {
            let list = json!([{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item"}]}]);
            &[("clinicalStatus", clinical("condition-clinical")), ("category", list), ("subject", about)]
        }
        "NutritionOrder" | "VisionPrescription" => &[("status", json!("draft")), ("patient", about)],
        "MedicationRequest" | "ServiceRequest" | "DeviceRequest" => {
            &[("status", json!("draft")), ("intent", json!("order")), ("subject", about)]
        }
        _ => &[],
    };
    for (name, value) in lacking {
        if draft[*name].is_null() {
            draft[*name] = value.clone();
        }
    }
    let is_other = |name: &str| {
        let reference = draft[name]["reference"].as_str();
        reference.is_some_and(|reference| {
            reference.contains("Patient/") && !reference.ends_with(&format!("Patient/{patient}"))
        })
    };
    if is_other("subject") || is_other("patient") { Err(DraftError::OtherPatient) } else { Ok(()) }
}

fn clinical(system: &str) -> Value {
    json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": "active"}]})
}

/// Whether a value is, or holds, null or nothing (CDS Hooks: neither is ever sent).
pub fn is_bare(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty() || values.iter().any(is_bare),
        Value::Object(members) => members.is_empty() || members.values().any(is_bare),
        _ => false,
    }
}

/// Lets references to what was created lead to its new id.
fn follow(value: &mut Value, renamed: &BTreeMap<String, String>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| follow(value, renamed)),
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value.as_str().and_then(|reference| renamed.get(reference))) {
                    ("reference", Some(now)) => *value = now.clone().into(),
                    _ => follow(value, renamed),
                }
            }
        }
        _ => {}
    }
}
