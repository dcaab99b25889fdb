//! Every request that the control API answers, in one table: its routes are made from it and its OpenAPI document is drawn
//! from it, so that neither can lack what the other has.

use super::{cards, desk, exchanges, firing, openapi};
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::twin::{Hook, Profile};
use actix_web::http::Method;
use actix_web::{Route, web};
use serde_json::{Value, json};

/// One request.
pub struct Operation {
    pub method: Method,
    pub path: &'static str,
    /// What a generated client calls it.
    pub id: &'static str,
    pub summary: &'static str,
    pub sent: Option<Sent>,
    pub answer: Answered,
    pub route: Route,
}

/// A body.
pub struct Sent {
    /// Name of its schema.
    pub schema: &'static str,
    /// One that this EHR accepts, whoever its patients are.
    pub example: fn(&SandboxEhr) -> Value,
}

/// What comes back once it is done.
#[derive(Clone, Copy)]
pub enum Answered {
    /// 200 and this schema.
    With(&'static str),
    /// 200 and a list of this schema.
    List(&'static str),
    /// 200 and JSON of any shape.
    Anything,
    /// 201 and this schema.
    Created(&'static str),
    /// 204
    Nothing,
}

use Answered::{Anything, Created, List, Nothing, With};

impl Operation {
    fn new(method: Method, path: &'static str, id: &'static str, answer: Answered, summary: &'static str) -> Self {
        let route = web::method(method.clone());
        Self { method, path, id, summary, sent: None, answer, route }
    }

    fn get(path: &'static str, id: &'static str, answer: Answered, summary: &'static str) -> Self {
        Self::new(Method::GET, path, id, answer, summary)
    }

    fn put(path: &'static str, id: &'static str, answer: Answered, summary: &'static str) -> Self {
        Self::new(Method::PUT, path, id, answer, summary)
    }

    fn post(path: &'static str, id: &'static str, answer: Answered, summary: &'static str) -> Self {
        Self::new(Method::POST, path, id, answer, summary)
    }

    fn delete(path: &'static str, id: &'static str, answer: Answered, summary: &'static str) -> Self {
        Self::new(Method::DELETE, path, id, answer, summary)
    }

    fn sends(mut self, schema: &'static str, example: fn(&SandboxEhr) -> Value) -> Self {
        self.sent = Some(Sent { schema, example });
        self
    }

    fn handled(mut self, by: impl FnOnce(Route) -> Route) -> Self {
        self.route = by(self.route);
        self
    }
}

/// The table.
pub fn operations() -> Vec<Operation> {
    [the_ehr(), the_drafts(), the_calls(), the_cards()].into_iter().flatten().collect()
}

/// What the EHR is, whom it has chosen, and how it behaves.
fn the_ehr() -> Vec<Operation> {
    vec![
        Operation::get("/control", "state", With("State"), "Everything that the EHR can say of itself")
            .handled(|route| route.to(desk::state)),
        Operation::get("/control/openapi.json", "openapi", Anything, "This document")
            .handled(|route| route.to(openapi::document)),
        Operation::put(
            "/control/desk",
            "choose",
            With("State"),
            "Chooses patient, user, visit and day; what is not named stays, null clears",
        )
        .sends("Choice", |ehr| json!({"patient": patient(ehr), "as_of": null}))
        .handled(|route| route.to(desk::choose)),
        Operation::put(
            "/control/behavior",
            "behave",
            With("Behavior"),
            "Takes a profile, then single switches; without a profile the switches change as they stand",
        )
        .sends("BehaviorChange", |_| json!({"profile": Profile::Plain, "switches": {"page_size": 20}}))
        .handled(|route| route.to(desk::behave)),
        Operation::put("/control/faults", "fail", With("Faults"), "Sets every fault; what is not named is well")
            .sends("FaultsChange", |_| json!({"fhir": {"slow": {"millis": 3000}}, "prefetch_withheld": true}))
            .handled(|route| route.to(desk::fail)),
        Operation::put(
            "/control/advisories",
            "typeIn",
            Nothing,
            "Types services in by hand, in place of those typed in before",
        )
        .sends("Advisories", |_| {
            let templates = json!({"patient": "Patient/{{context.patientId}}"});
            json!([{"id": "early-detection", "hook": Hook::PatientView, "prefetch": templates}])
        })
        .handled(|route| route.to(desk::type_in)),
        Operation::post("/control/keys/rotate", "rotateKeys", With("KeySet"), "Signs with new keys from now on")
            .handled(|route| route.to(desk::rotate_keys)),
    ]
}

fn the_drafts() -> Vec<Operation> {
    vec![
        Operation::get("/control/drafts", "drafts", List("Resource"), "The chosen patient's drafts")
            .handled(|route| route.to(desk::drafts)),
        Operation::post(
            "/control/drafts",
            "addDraft",
            Created("Drafted"),
            "Adds a resource to the drafts; it gets what it lacks",
        )
        .sends("Resource", |_| medication("metformin"))
        .handled(|route| route.to(desk::add_draft)),
        Operation::put(
            "/control/drafts/{type}/{id}",
            "changeDraft",
            Nothing,
            "Puts another resource in the place of a draft",
        )
        .sends("Resource", |_| medication("metformin 500 mg"))
        .handled(|route| route.to(desk::change_draft)),
        Operation::delete("/control/drafts/{type}/{id}", "removeDraft", Nothing, "Removes a draft")
            .handled(|route| route.to(desk::remove_draft)),
        Operation::post("/control/drafts/sign", "sign", With("Signed"), "Signs every draft order")
            .handled(|route| route.to(desk::sign)),
    ]
}

/// What is called, and what went over the wire.
fn the_calls() -> Vec<Operation> {
    vec![
        Operation::get(
            "/control/services",
            "services",
            With("Services"),
            "The services of every server, asked for now",
        )
        .handled(|route| route.to(firing::services)),
        Operation::post(
            "/control/fire",
            "fire",
            With("Fired"),
            "Fires a hook for the chosen patient at every service that wants it",
        )
        .sends("Firing", |_| json!({"hook": Hook::PatientView}))
        .handled(|route| route.to(firing::fire)),
        Operation::get(
            "/control/exchanges",
            "exchanges",
            List("Exchange"),
            "What was sent and received, the oldest first",
        )
        .handled(|route| route.to(exchanges::list)),
        Operation::delete("/control/exchanges", "clearExchanges", Nothing, "Forgets what was sent and received")
            .handled(|route| route.to(exchanges::clear)),
        Operation::get("/control/exchanges/{number}", "exchange", With("Exchange"), "One of them")
            .handled(|route| route.to(exchanges::show)),
        Operation::get("/control/exchanges/{number}/body", "exchangeBody", Anything, "The body that was sent")
            .handled(|route| route.to(exchanges::body)),
    ]
}

fn the_cards() -> Vec<Operation> {
    vec![
        Operation::get("/control/cards", "cards", List("ShownCard"), "The cards on the screen, most urgent first")
            .handled(|route| route.to(cards::list)),
        Operation::post("/control/cards/{card}/accept", "accept", With("Decision"), "Does what a suggestion suggests")
            .sends("Acceptance", |_| json!({"suggestion": 0}))
            .handled(|route| route.to(cards::accept)),
        Operation::post("/control/cards/{card}/dismiss", "dismiss", With("Decision"), "Dismisses a card")
            .sends("Dismissal", |_| json!({"comment": "known already"}))
            .handled(|route| route.to(cards::dismiss)),
        Operation::post("/control/feedback/send", "sendFeedback", With("Sending"), "Sends the feedback that waits")
            .handled(|route| route.to(cards::send_waiting)),
    ]
}

/// The first patient there is.
fn patient(ehr: &SandboxEhr) -> Option<&str> {
    ehr.charts.first().map(|chart| &*chart.id)
}

fn medication(text: &str) -> Value {
    json!({"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": text}})
}
