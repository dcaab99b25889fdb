//! The context of each hook of the library (CDS Hooks, "Hooks"), and of hooks that nobody published.
//!
//! Owns which members a hook must bring and by which older names they go. Members that it does not know stay as sent.
//! Bundles and resources stay text: reading them is the patient record's.

use super::members::{MAX_ID, Members, is_id_of, members_of};
use super::request::RequestError;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What every hook that concerns a patient tells. No `Debug`: it holds ids.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    /// `Practitioner/x`; optional where a hook may fire without a user.
    pub user_id: Option<String>,
    /// Without `Patient/`.
    pub patient_id: String,
    /// Without `Encounter/`.
    pub encounter_id: Option<String>,
}

/// What a hook tells besides, and its whole context as sent. No `Debug`: it holds patient data.
pub struct About<'a> {
    pub hook: HookContext<'a>,
    /// Every member of the context, those that nobody defined too.
    pub members: Vec<(String, &'a RawValue)>,
}

/// The members of one hook, resources and Bundles still text.
pub enum HookContext<'a> {
    /// patient-view
    PatientView,
    /// order-select. `selections`: which of the orders were just chosen, `Type/id`.
    OrderSelect { selections: Vec<String>, draft_orders: Option<&'a RawValue> },
    /// order-sign, and the deprecated order-review and medication-prescribe. `None` only where a client's habit of
    /// withholding orders is tolerated.
    OrderSign { draft_orders: Option<&'a RawValue> },
    /// order-dispatch: orders that exist, and who is to carry them out. Has no user and no encounter.
    OrderDispatch { dispatched_orders: Vec<String>, performer: String, fulfillment_tasks: Vec<&'a RawValue> },
    /// appointment-book: a Bundle of proposed Appointments.
    AppointmentBook { appointments: &'a RawValue },
    /// encounter-start
    EncounterStart,
    /// encounter-discharge
    EncounterDischarge,
    /// medication-refill: a Bundle of draft MedicationRequests.
    MedicationRefill { medications: &'a RawValue },
    /// allergyintolerance-create: one AllergyIntolerance, or the Bundle that older definitions show.
    AllergyIntoleranceCreate { allergy_intolerance: &'a RawValue },
    /// problem-list-item-create: a Bundle of Conditions.
    ProblemListItemCreate { conditions: &'a RawValue },
    /// medication-verify: one active MedicationRequest.
    MedicationVerify { medication: &'a RawValue },
    /// A hook outside the library, by its reverse-domain name.
    Other,
}

/// What a client's habits allow beyond the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Longest logical id.
    pub longest_id: usize,
    /// An order hook may come without its orders.
    pub orders_withheld: bool,
}

impl Default for Tolerance {
    /// Nothing beyond the specification.
    fn default() -> Self {
        Self { longest_id: MAX_ID, orders_withheld: false }
    }
}

/// The hooks of the library, deprecated ones last, each with the version of its definition.
pub const LIBRARY: [(&str, &str); 13] = [
    ("patient-view", "1.0"),
    ("order-select", "1.0"),
    ("order-sign", "1.0"),
    ("order-dispatch", "1.1"),
    ("appointment-book", "1.0"),
    ("encounter-start", "1.0"),
    ("encounter-discharge", "1.0"),
    ("medication-refill", "0.1.0"),
    ("allergyintolerance-create", "0.1.0"),
    ("problem-list-item-create", "0.1.0"),
    ("medication-verify", "0.1.0"),
    ("order-review", "1.0"),
    ("medication-prescribe", "1.0"),
];

/// Reads the context of a hook.
///
/// # Errors
/// The first member that is missing or of the wrong shape, as `context.draftOrders`.
pub(super) fn read_context<'a>(
    root: &Members<'a>,
    hook: &str,
    tolerance: Tolerance,
) -> Result<(Context, About<'a>), RequestError> {
    let members = root.optional_object("context", "context")?.ok_or(RequestError::Missing("context".into()))?;
    let common = Context::read(&members, hook, tolerance)?;
    let hook = HookContext::read(&members, hook, tolerance)?;
    Ok((common, About { hook, members: members.0 }))
}

impl Context {
    fn read(context: &Members<'_>, hook: &str, tolerance: Tolerance) -> Result<Self, RequestError> {
        let patient_id = context.text("patientId", "context.patientId")?;
        let patient_id = bare_id(&patient_id, "Patient", "context.patientId", tolerance)?;
        let encounter_id = match context.optional_text("encounterId", "context.encounterId")? {
            Some(text) => Some(bare_id(&text, "Encounter", "context.encounterId", tolerance)?),
            None if matches!(hook, "encounter-start" | "encounter-discharge") => return Err(missing("encounterId")),
            None => None,
        };
        let user_id = context.optional_text("userId", "context.userId")?;
        match &user_id {
            None if needs_user(hook) => return Err(missing("userId")),
            Some(user) if !ends_in_id(user, tolerance) => {
                return Err(RequestError::wrong("context.userId", "a reference such as `Practitioner/id`"));
            }
            _ => {}
        }
        Ok(Self { user_id, patient_id, encounter_id })
    }
}

/// Refills may come without a user, dispatched orders have none, and of hooks outside the library nothing is known.
fn needs_user(hook: &str) -> bool {
    let known = LIBRARY.iter().any(|(known, _)| *known == hook);
    known && !matches!(hook, "medication-refill" | "order-dispatch")
}

impl<'a> HookContext<'a> {
    fn read(context: &Members<'a>, hook: &str, tolerance: Tolerance) -> Result<Self, RequestError> {
        let orders = |names: &[&'static str]| match first(context, names) {
            None if tolerance.orders_withheld => Ok(None),
            _ => resource(context, names, &["Bundle"], "a Bundle").map(Some),
        };
        Ok(match hook {
            "patient-view" => Self::PatientView,
            "order-select" => match orders(&["draftOrders"])? {
                None => Self::OrderSelect { selections: Vec::new(), draft_orders: None },
                draft_orders => {
                    Self::OrderSelect { selections: texts(context, &["selections"], tolerance)?, draft_orders }
                }
            },
            "order-sign" => Self::OrderSign { draft_orders: orders(&["draftOrders"])? },
            "order-review" => Self::OrderSign { draft_orders: orders(&["orders", "medications", "draftOrders"])? },
            "medication-prescribe" => {
                Self::OrderSign { draft_orders: orders(&["medications", "orders", "draftOrders"])? }
            }
            "order-dispatch" => Self::OrderDispatch {
                dispatched_orders: texts(context, &["dispatchedOrders", "dispatched-orders", "order"], tolerance)?,
                performer: reference(context, "performer", tolerance)?,
                fulfillment_tasks: tasks(context)?,
            },
            "appointment-book" => {
                Self::AppointmentBook { appointments: resource(context, &["appointments"], &["Bundle"], "a Bundle")? }
            }
            "encounter-start" => Self::EncounterStart,
            "encounter-discharge" => Self::EncounterDischarge,
            "medication-refill" => {
                Self::MedicationRefill { medications: resource(context, &["medications"], &["Bundle"], "a Bundle")? }
            }
            "allergyintolerance-create" => Self::AllergyIntoleranceCreate {
                allergy_intolerance: resource(
                    context,
                    &["allergyIntolerance", "allergyIntolerances"],
                    &["AllergyIntolerance", "Bundle"],
                    "an AllergyIntolerance",
                )?,
            },
            "problem-list-item-create" => {
                Self::ProblemListItemCreate { conditions: resource(context, &["conditions"], &["Bundle"], "a Bundle")? }
            }
            "medication-verify" => Self::MedicationVerify {
                medication: resource(
                    context,
                    &["medication", "order"],
                    &["MedicationRequest", "MedicationOrder"],
                    "a MedicationRequest",
                )?,
            },
            _ => Self::Other,
        })
    }
}

fn missing(name: &str) -> RequestError {
    RequestError::Missing(path(name))
}

fn path(name: &str) -> Cow<'static, str> {
    format!("context.{name}").into()
}

/// The first of these members that is there, with its name.
fn first<'a>(context: &Members<'a>, names: &[&'static str]) -> Option<(&'static str, &'a RawValue)> {
    names.iter().find_map(|name| Some((*name, context.get(name)?)))
}

/// A resource of one of these types, unwrapped where a sender writes `{"resource": …}`.
fn resource<'a>(
    context: &Members<'a>,
    names: &[&'static str],
    types: &[&'static str],
    expected: &'static str,
) -> Result<&'a RawValue, RequestError> {
    let (name, raw) = first(context, names).ok_or_else(|| missing(names[0]))?;
    let wrong = || RequestError::wrong(path(name), expected);
    let members = members_of(raw).ok_or_else(wrong)?;
    if let (None, Some(inside)) = (members.get("resourceType"), members.get("resource")) {
        return is_one_of(inside, types).then_some(inside).ok_or_else(wrong);
    }
    is_one_of(raw, types).then_some(raw).ok_or_else(wrong)
}

fn is_one_of(raw: &RawValue, types: &[&'static str]) -> bool {
    let named = members_of(raw).and_then(|members| members.optional_text("resourceType", "context").ok().flatten());
    named.is_some_and(|named| types.contains(&named.as_str()))
}

/// References, `Type/id`; one alone where an older definition has it so.
fn texts(context: &Members<'_>, names: &[&'static str], tolerance: Tolerance) -> Result<Vec<String>, RequestError> {
    let (name, raw) = first(context, names).ok_or_else(|| missing(names[0]))?;
    let found: Option<Vec<String>> = match name {
        "order" => serde_json::from_str(raw.get()).ok().map(|one| vec![one]),
        _ => serde_json::from_str(raw.get()).ok(),
    };
    let sound = found.filter(|texts| texts.iter().all(|text| ends_in_id(text, tolerance)));
    sound.ok_or_else(|| RequestError::wrong(path(name), "an array of references such as `MedicationRequest/id`"))
}

fn reference(context: &Members<'_>, name: &'static str, tolerance: Tolerance) -> Result<String, RequestError> {
    let text = context.text(name, path(name))?;
    match text.contains('/') && ends_in_id(&text, tolerance) {
        true => Ok(text),
        false => Err(RequestError::wrong(path(name), "a reference such as `Practitioner/id`")),
    }
}

/// Tasks of a dispatched order; one alone in the first definition.
fn tasks<'a>(context: &Members<'a>) -> Result<Vec<&'a RawValue>, RequestError> {
    match first(context, &["fulfillmentTasks", "fulfillment-tasks", "task"]) {
        None => Ok(Vec::new()),
        Some(("task", one)) => Ok(vec![one]),
        Some((name, raw)) => {
            serde_json::from_str(raw.get()).map_err(|_| RequestError::wrong(path(name), "an array of Tasks"))
        }
    }
}

/// Relative `Type/id`, or an absolute URL that ends so.
fn ends_in_id(reference: &str, tolerance: Tolerance) -> bool {
    reference.rsplit('/').next().is_some_and(|id| is_id_of(id, tolerance.longest_id))
}

/// Strips `Patient/` and checks what is left.
pub(super) fn bare_id(
    text: &str,
    resource_type: &str,
    member: &'static str,
    tolerance: Tolerance,
) -> Result<String, RequestError> {
    let id = text.strip_prefix(resource_type).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text);
    if is_id_of(id, tolerance.longest_id) { Ok(id.to_owned()) } else { Err(RequestError::wrong(member, "a FHIR id")) }
}
