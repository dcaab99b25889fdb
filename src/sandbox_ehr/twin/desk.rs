//! The desk of the clinician whom the control API plays: who is chosen, which drafts lie there, how the EHR behaves.

use super::super::chart::Resource;
use super::super::hook_call::Service;
use super::super::practitioners::ON_DUTY;
use super::{Basket, DraftError, Faults, Kind, Profile, Switches};
use jiff::civil::Date;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Everything on it.
pub struct Desk {
    pub patient: Option<String>,
    /// `Practitioner/x` or one of the other types that a user may have.
    pub user: String,
    pub encounter: Option<String>,
    pub as_of: Option<Date>,
    pub profile: Profile,
    pub switches: Switches,
    pub faults: Faults,
    /// Services typed in by hand, for an EHR that asks for no list: each with the base address that it is at.
    pub advisories: Vec<(String, Service)>,
    /// Feedback that waits for its batch: where to, and each entry.
    pub unsent: Vec<(String, Value)>,
    baskets: HashMap<String, Basket>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            patient: None,
            user: ON_DUTY.reference.to_owned(),
            encounter: None,
            as_of: None,
            profile: Profile::Plain,
            switches: Switches::default(),
            faults: Faults::default(),
            advisories: Vec::new(),
            unsent: Vec::new(),
            baskets: HashMap::new(),
        }
    }
}

/// What one call is written from.
#[derive(Clone)]
pub struct Snapshot {
    pub user: String,
    pub encounter: Option<String>,
    pub switches: Switches,
    pub faults: Faults,
    pub drafts: Vec<Value>,
    /// Orders signed in this session, `Type/id`.
    pub signed: Vec<String>,
    /// The same orders as resources, and what else was recorded.
    pub record: Vec<Arc<Resource>>,
}

impl Desk {
    pub fn basket(&self, patient: &str) -> Basket {
        self.baskets.get(patient).cloned().unwrap_or_default()
    }

    /// Patients are those of the charts, so there are no more baskets than charts.
    pub fn basket_mut(&mut self, patient: &str) -> &mut Basket {
        self.baskets.entry(patient.to_owned()).or_default()
    }

    /// Adds a draft, which is called as this EHR calls its orders.
    ///
    /// # Errors
    /// When it is no draft of this patient, or one too many.
    pub fn add_draft(&mut self, patient: &str, mut draft: Value) -> Result<String, DraftError> {
        if let Some(id) = self.switches.order_id.as_ref().filter(|_| Kind::Order.holds(&draft) && draft["id"].is_null())
        {
            draft["id"] = id.clone().into();
        }
        self.basket_mut(patient).add(draft, patient)
    }

    /// As it is for this patient now. The chosen visit is the chosen patient's.
    pub fn snapshot(&self, patient: &str) -> Snapshot {
        let basket = self.basket(patient);
        Snapshot {
            user: self.user.clone(),
            encounter: self.encounter.clone().filter(|_| self.patient.as_deref() == Some(patient)),
            switches: self.switches.clone(),
            faults: self.faults.clone(),
            signed: basket.orders().map(|order| format!("{}/{}", order.resource_type, order.id)).collect(),
            drafts: basket.drafts,
            record: basket.signed,
        }
    }
}

impl Snapshot {
    /// Who the user is said to be.
    pub fn user_reference(&self) -> String {
        match self.user.strip_prefix("Practitioner/") {
            Some(id) if self.switches.user_as_role => format!("PractitionerRole/{id}"),
            _ => self.user.clone(),
        }
    }
}
