//! The context of each hook (hook library; CDS Hooks reference, "Hooks"), written from what is on the desk. What a hook
//! needs and the desk lacks is said, with the way to it.

use super::super::chart::Resource;
use super::super::search::Record;
use super::draft::Kind;
use super::{Hook, Snapshot};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What only the user can say when a hook is fired.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// Newly selected draft orders, `Type/id`; the last one added where none is named.
    pub selections: Vec<String>,
    /// Signed orders to dispatch; all of them where none is named.
    pub orders: Vec<String>,
    /// To whom they go, `Type/id`.
    pub performer: Option<String>,
    /// One Task for each dispatched order.
    pub tasks: bool,
    /// The active MedicationRequest to verify; the latest where none is named.
    pub medication: Option<String>,
}

/// Why a hook cannot be fired yet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotYet {
    #[error("{0} needs {1} among the drafts: add one first")]
    Draft(&'static str, &'static str),
    #[error("{0} is fired within a visit, and this patient has none: choose an encounter")]
    Encounter(&'static str),
    #[error("a selection is no draft order")]
    Selection,
    #[error("order-dispatch needs a signed order: sign one first, or name one of the chart")]
    Order,
    #[error("order-dispatch needs a `performer`, such as Organization/laboratory")]
    Performer,
    #[error("medication-verify needs an active order for a medication: sign one first, or name one of the chart")]
    Medication,
}

/// A hook's context. Members that a hook does not define are left out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    patient_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encounter_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selections: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft_orders: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dispatched_orders: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fulfillment_tasks: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    medications: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allergy_intolerance: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    medication: Option<Value>,
}

impl Context {
    /// The context of a hook for the patient of a record.
    ///
    /// # Errors
    /// When the desk lacks what the hook is about.
    pub fn of(hook: Hook, desk: &Snapshot, record: &Record, asked: &Asked) -> Result<Self, NotYet> {
        let latest = || visit_of(hook, record).map(|visit| visit.id.to_string());
        let within = matches!(hook, Hook::EncounterStart | Hook::EncounterDischarge);
        let encounter_id = match &desk.encounter {
            Some(chosen) => Some(chosen.clone()),
            None if within || desk.switches.in_encounter => latest(),
            None => None,
        };
        let context = Self {
            user_id: Some(desk.user_reference()),
            patient_id: record.chart.id.to_string(),
            encounter_id,
            ..Self::default()
        };
        if within && context.encounter_id.is_none() {
            return Err(NotYet::Encounter(hook.name()));
        }
        context.with_matter(hook, desk, record, asked)
    }

    /// Adds what the hook is about.
    fn with_matter(mut self, hook: Hook, desk: &Snapshot, record: &Record, asked: &Asked) -> Result<Self, NotYet> {
        let drafts = |kind: Kind, what| {
            let found: Vec<Value> = desk.drafts.iter().filter(|draft| kind.holds(draft)).cloned().collect();
            if found.is_empty() { Err(NotYet::Draft(hook.name(), what)) } else { Ok(found) }
        };
        match hook {
            Hook::PatientView | Hook::EncounterStart | Hook::EncounterDischarge => {}
            Hook::OrderSelect | Hook::OrderSign => {
                let early = hook == Hook::OrderSelect && desk.switches.selects_before_choosing;
                let orders = match drafts(Kind::Order, "an order") {
                    Err(_) if early => vec![desk.switches.unchosen_order(&self.patient_id)],
                    found => found?,
                };
                if hook == Hook::OrderSelect {
                    self.selections = Some(selected(&orders, &asked.selections)?);
                }
                let withheld = desk.faults.draft_orders_withheld;
                self.draft_orders = (!withheld).then(|| collection(desk.switches.order_entries(orders)));
            }
            Hook::OrderDispatch => self.dispatch(desk, record, asked)?,
            Hook::AppointmentBook => self.appointments = Some(collection(drafts(Kind::Appointment, "an Appointment")?)),
            Hook::MedicationRefill => {
                self.medications = Some(collection(drafts(Kind::Medication, "a MedicationRequest")?));
            }
            Hook::AllergyIntoleranceCreate => {
                self.allergy_intolerance = drafts(Kind::Allergy, "an AllergyIntolerance")?.pop();
            }
            Hook::ProblemListItemCreate => self.conditions = Some(collection(drafts(Kind::Problem, "a Condition")?)),
            Hook::MedicationVerify => self.medication = Some(verified(record, asked).ok_or(NotYet::Medication)?),
        }
        Ok(self)
    }

    /// No user and no visit are defined here.
    fn dispatch(&mut self, desk: &Snapshot, record: &Record, asked: &Asked) -> Result<(), NotYet> {
        (self.user_id, self.encounter_id) = (None, None);
        let known = |reference: &String| {
            let (kind, id) = reference.split_once('/')?;
            record.of_type(kind).find(|order| *order.id == *id).map(|_| reference.clone())
        };
        let orders = match &*asked.orders {
            [] => desk.signed.clone(),
            named => named.iter().map(known).collect::<Option<Vec<_>>>().ok_or(NotYet::Order)?,
        };
        if orders.is_empty() {
            return Err(NotYet::Order);
        }
        let performer = asked.performer.clone().filter(|performer| is_reference(performer)).ok_or(NotYet::Performer)?;
        let task = |order: &String| {
            json!({"resourceType": "Task", "id": format!("task-{}", order.replace('/', "-")), "status": "draft",
                "intent": "order", "focus": {"reference": order}, "for": {"reference": format!("Patient/{}", self.patient_id)},
                "owner": {"reference": performer}})
        };
        self.fulfillment_tasks = asked.tasks.then(|| orders.iter().map(task).collect());
        (self.dispatched_orders, self.performer) = (Some(orders), Some(performer));
        Ok(())
    }

    /// As it goes into a request, in this EHR's manner of writing resources.
    pub fn written(&self, desk: &Snapshot, server: &str) -> Value {
        let mut context = serde_json::to_value(self).unwrap_or_default();
        for (name, value) in context.as_object_mut().into_iter().flatten() {
            if value.is_object() || name == "fulfillmentTasks" {
                desk.switches.reshape(value, server);
            }
            if let Some(bundle) = value.as_object_mut().filter(|one| one.get("resourceType") == Some(&json!("Bundle")))
                && desk.switches.bundle_without_type
            {
                bundle.remove("type");
            }
        }
        if desk.switches.unknown_context_member {
            context["com.example.fieldOfTomorrow"] = json!({"of": "a newer version of the hook"});
        }
        context
    }
}

/// The visit that a hook is about where none was chosen: for a discharge the latest stay in hospital, if there was one;
/// else the latest visit.
pub fn visit_of<'a>(hook: Hook, record: &Record<'a>) -> Option<&'a Resource> {
    let visits = || record.of_type("Encounter");
    let stay = visits().filter(|visit| hook == Hook::EncounterDischarge && is_stay(visit));
    stay.max_by_key(|visit| visit.facts.start).or_else(|| visits().max_by_key(|visit| visit.facts.start))
}

/// Whether its class is that of an inpatient (HL7 v3 ActCode, `ActInpatientEncounterCode`).
fn is_stay(visit: &Resource) -> bool {
    let visit: Value = serde_json::from_str(visit.body.get()).unwrap_or_default();
    visit["class"]["code"].as_str().is_some_and(|class| ["IMP", "ACUTE", "NONAC"].contains(&class))
}

/// `Type/id`, without address and version.
pub fn is_reference(text: &str) -> bool {
    let (kind, id) = text.split_once('/').unwrap_or_default();
    let word = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric());
    word(kind) && super::super::search::is_id(id)
}

fn selected(orders: &[Value], named: &[String]) -> Result<Vec<String>, NotYet> {
    let references: Vec<String> = orders.iter().map(super::draft::reference).collect();
    match named {
        [] => Ok(references.into_iter().next_back().into_iter().collect()),
        named if named.iter().all(|one| references.contains(one)) => Ok(named.to_vec()),
        _ => Err(NotYet::Selection),
    }
}

/// The order to verify, as it is in the record.
fn verified(record: &Record, asked: &Asked) -> Option<Value> {
    let active = |order: &&Resource| order.facts.status.as_deref() == Some("active");
    let mut orders = record.of_type("MedicationRequest").filter(active);
    let order = match &asked.medication {
        Some(named) => orders.find(|order| named.strip_prefix("MedicationRequest/") == Some(&*order.id)),
        None => orders.max_by_key(|order| order.facts.start),
    };
    serde_json::from_str(order?.body.get()).ok()
}

fn collection(resources: Vec<Value>) -> Value {
    let entry: Vec<Value> = resources.into_iter().map(|resource| json!({ "resource": resource })).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entry})
}
