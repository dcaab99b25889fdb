//! A chart assessed without a hook: for our own API, and for apps that show a patient's risks.
//!
//! The same path as a hook call: chart reader, timeline, prediction with interval, average, reasons and silence; the audit
//! row is written before an answer leaves. [`request`] reads what is asked, [`chart`] gets the chart, [`fhir`] writes the
//! answer as FHIR, [`course`] looks back to earlier moments of the same chart. Makes no cards and follows no occasions.

mod chart;
mod course;
mod fhir;
mod remember;
mod request;

pub use chart::ChartSource;
pub use course::{Course, PAGE_SERVICE, assess_course};
pub use fhir::{assessment_bundle, state_parameters};
pub use request::{Asked, AssessRequest, ParameterError, read_parameters};

use super::answer_hook::HookParts;
use super::service_definition::Mode;
use crate::governance::GovernanceError;
use crate::governance::audit::{CallOutcome, Silence};
use crate::patient_record::timeline::{Event, Second, Skipped, Source};
use crate::prediction::answer::{Abstention, Answer, Explain, Question, Reason, Risk};
use crate::prediction::predictor::{AskError, CacheStatus};
use chart::Charted;
use jiff::Timestamp;
use remember::Done;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// What every reader must know.
pub const NOTE: &str = "Computed by a machine-learning model trained on synthetic patients: it shows how the software \
    works, not what medicine knows. Not for use in care. Probabilities are in percent.";

/// Risks whose evidence is looked for at most, when phenotypes are named; it costs more than the risk itself.
const MOST_EXPLAINED: usize = 8;
/// The same when none is named: as many as cards would show.
const EXPLAINED_UNASKED: usize = 3;

/// Why a chart is not assessed. Holds no part of the request.
#[derive(Debug, thiserror::Error)]
pub enum AssessError {
    /// 400
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// 400
    #[error("`chart` is no FHIR Bundle that can be read")]
    NotFhir,
    /// 400
    #[error("`chart` holds no Patient with this id")]
    NoPatient,
    /// 400
    #[error("`chart` holds several patients: say which one by `patient`")]
    SeveralPatients,
    /// 404
    #[error("the FHIR server has no such patient")]
    PatientNotThere,
    /// 403
    #[error("the FHIR server does not let this token read the patient")]
    PatientForbidden,
    /// 403
    #[error("the FHIR server does not take this token, or not any more")]
    TokenRefused,
    /// 502
    #[error("the FHIR server did not give the patient")]
    FhirServerAway,
    /// 501
    #[error("the model of this server has no state to give")]
    NoState,
    /// 503, but 500 for [`AskError::Failed`]
    #[error(transparent)]
    Ask(#[from] AskError),
    /// 503
    #[error("the call could not be recorded, so it was not answered")]
    NotRecorded(#[from] GovernanceError),
    /// 500
    #[error("reading the chart failed because of a fault in this server")]
    Interrupted,
}

/// Everything that is said of one patient at one moment.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// Names this answer in the audit.
    pub id: Uuid,
    /// Logical id.
    pub patient: Box<str>,
    pub as_of: Second,
    /// Name and content hash of the model, `prodrome-s@1a2b3c4d5e6f`.
    pub model: String,
    /// Events known by then.
    pub events_read: usize,
    /// What of the chart was not used, and why.
    pub skipped: Skipped,
    /// What the FHIR server did not give, by prefetch key: not read, which is not absent.
    pub unread: Vec<String>,
    pub outcomes: Vec<AssessedOutcome>,
    /// Why nothing may be shown for this chart at all.
    pub abstained: Option<Abstention>,
    pub cache: CacheStatus,
}

/// One outcome within every horizon.
#[derive(Clone, Debug)]
pub struct AssessedOutcome {
    pub phenotype: Arc<str>,
    /// The same for people.
    pub title: String,
    /// The SNOMED CT code, where the outcome is exactly one.
    pub snomed: Option<String>,
    /// In rising order.
    pub horizons: Vec<AssessedRisk>,
}

/// One outcome within one horizon.
#[derive(Clone, Debug)]
pub struct AssessedRisk {
    pub risk: Risk,
    /// Why it must not be shown as a risk; that of the whole chart first.
    pub silence: Option<Abstention>,
    /// A service of this installation may show it to clinicians.
    pub live: bool,
    /// What moved it most, the strongest first; empty where that was not looked for.
    pub evidence: Vec<Evidence>,
}

/// One fact behind a risk: association, not effect.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Index in the timeline's events.
    pub event: usize,
    /// The resource; its id is empty where the sender gave none.
    pub source: Source,
    /// What it says, the chart's own words: hostile like the chart.
    pub what: Box<str>,
    /// When it happened.
    pub when: Second,
    /// How often such facts were there.
    pub occurrences: u32,
    /// Calibrated probability without them, 0 to 1.
    pub risk_without: f64,
}

/// What the model makes of a chart, before any outcome is asked.
#[derive(Clone, Debug)]
pub struct State {
    pub patient: Box<str>,
    pub as_of: Second,
    pub model: String,
    pub events_read: usize,
    pub values: Vec<f32>,
}

/// Who asks, for the audit.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    pub arrived: Timestamp,
    /// Issuer and client id of the token; `None`: anonymous.
    pub client: Option<String>,
}

/// Assesses one chart.
///
/// # Errors
/// Each says in its documentation which status it becomes. Refusals are not recorded.
pub async fn assess(
    parts: &Arc<HookParts>,
    source: ChartSource,
    request: &AssessRequest,
    asker: &Asker,
) -> Result<Assessment, AssessError> {
    let explain = explained(parts, request)?;
    let max_explained = if request.phenotypes.is_empty() { EXPLAINED_UNASKED } else { MOST_EXPLAINED };
    let purpose = Purpose { operation: "assess-risk", hook: "fhir-operation", explain, max_explained, shown: false };
    let charted = chart::read(parts, source, request.as_of).await?;
    judge(parts, &charted, request, purpose, asker).await
}

/// What an assessment is made for.
struct Purpose {
    /// What the audit has in place of a service and of a hook.
    operation: &'static str,
    hook: &'static str,
    explain: Vec<Explain>,
    max_explained: usize,
    /// Its live outcomes are shown to a clinician, whose feedback names them.
    shown: bool,
}

/// Asks the model about a chart that was read, and records what is said.
async fn judge(
    parts: &Arc<HookParts>,
    charted: &Charted,
    request: &AssessRequest,
    purpose: Purpose,
    asker: &Asker,
) -> Result<Assessment, AssessError> {
    let started = Instant::now();
    let Purpose { operation, hook, explain, max_explained, shown } = purpose;
    let question =
        Question { chart: charted.encoded.clone(), explain: explain.into(), max_explained, pairs: Arc::from([]) };
    let fingerprint = parts.predictor.fingerprint(&question).to_string();
    let (answer, cache) = parts.predictor.ask(question, Instant::now() + parts.patience).await?;
    let assessment = assessment(parts, charted, request, &answer, cache);
    let done = Done { id: assessment.id, operation, hook, charted, as_of: request.as_of, fingerprint, started };
    let cards = if shown { assessment.cards() } else { Vec::new() };
    done.record(parts, asker, CallOutcome::Assessment, (cards, assessment.silences())).await?;
    done.report(CallOutcome::Assessment, cache == CacheStatus::Hit);
    Ok(assessment)
}

/// Reads the model's state of one chart.
///
/// # Errors
/// As [`assess`]; [`AssessError::NoState`] where the model has none.
pub async fn embed(
    parts: &Arc<HookParts>,
    source: ChartSource,
    as_of: Second,
    asker: &Asker,
) -> Result<State, AssessError> {
    let started = Instant::now();
    let charted = chart::read(parts, source, as_of).await?;
    let question =
        Question { chart: charted.encoded.clone(), explain: Arc::from([]), max_explained: 0, pairs: Arc::from([]) };
    let fingerprint = parts.predictor.fingerprint(&question).to_string();
    let values = parts.predictor.state(charted.encoded.clone(), Instant::now() + parts.patience).await?;
    if values.is_empty() {
        return Err(AssessError::NoState);
    }
    let (id, operation, hook) = (Uuid::new_v4(), "embed", "fhir-operation");
    let done = Done { id, operation, hook, charted: &charted, as_of, fingerprint, started };
    done.record(parts, asker, CallOutcome::State, (Vec::new(), Vec::new())).await?;
    done.report(CallOutcome::State, false);
    Ok(State {
        patient: charted.timeline.patient.id.clone(),
        as_of,
        model: parts.predictor.oracle().identity().to_owned(),
        events_read: charted.encoded.events_read,
        values,
    })
}

/// Whose evidence is looked for: of all that was named, or of what cards would show.
fn explained(parts: &HookParts, request: &AssessRequest) -> Result<Vec<Explain>, AssessError> {
    let outcomes = parts.predictor.oracle().outcomes();
    let known = |name: &String| outcomes.iter().any(|outcome| *outcome.phenotype == **name);
    if !request.phenotypes.iter().all(known) {
        return Err(ParameterError::UnknownPhenotype.into());
    }
    let unasked = request.phenotypes.is_empty();
    let wanted = outcomes.iter().filter(|outcome| outcome.silent.is_none() && request.asks(&outcome.phenotype));
    Ok(wanted
        .map(|outcome| Explain {
            phenotype: outcome.phenotype.to_string(),
            horizon_days: outcome.horizon_days,
            at_least: if unasked { outcome.alert_threshold } else { 0.0 },
        })
        .collect())
}

fn assessment(
    parts: &HookParts,
    charted: &Charted,
    request: &AssessRequest,
    answer: &Answer,
    cache: CacheStatus,
) -> Assessment {
    let oracle = parts.predictor.oracle();
    let mut outcomes: Vec<AssessedOutcome> = Vec::new();
    for (risk, known) in answer.risks.iter().zip(oracle.outcomes()).filter(|(risk, _)| request.asks(&risk.phenotype)) {
        let assessed = AssessedRisk {
            silence: answer.abstained.or(risk.abstained),
            live: is_live(parts, risk),
            evidence: evidence(charted, answer, risk),
            risk: risk.clone(),
        };
        match outcomes.iter_mut().find(|outcome| outcome.phenotype == risk.phenotype) {
            Some(outcome) => outcome.horizons.push(assessed),
            None => outcomes.push(AssessedOutcome {
                phenotype: risk.phenotype.clone(),
                title: known.title.clone(),
                snomed: oracle.phenotypes().and_then(|all| all.snomed(&risk.phenotype)).map(str::to_owned),
                horizons: vec![assessed],
            }),
        }
    }
    Assessment {
        id: Uuid::new_v4(),
        patient: charted.timeline.patient.id.clone(),
        as_of: request.as_of,
        model: oracle.identity().to_owned(),
        events_read: charted.encoded.events_read,
        skipped: charted.timeline.skipped.clone(),
        unread: charted.unread.clone(),
        outcomes,
        abstained: answer.abstained,
        cache,
    }
}

fn is_live(parts: &HookParts, risk: &Risk) -> bool {
    let live = parts.catalogue.services().iter().filter(|service| service.mode == Mode::Live);
    live.flat_map(|service| &service.outcomes)
        .any(|shown| shown.phenotype == *risk.phenotype && shown.horizon_days == risk.horizon_days)
}

fn evidence(charted: &Charted, answer: &Answer, risk: &Risk) -> Vec<Evidence> {
    let mut found = answer.reasons.iter();
    let found = found.find(|one| one.phenotype == risk.phenotype && one.horizon_days == risk.horizon_days);
    let one = |reason: &Reason| {
        let at = charted.encoded.events.get(reason.event as usize)?.event;
        let event: &Event = charted.timeline.events.get(at as usize)?;
        let what = if event.code.display.trim().is_empty() { &event.code.code } else { &event.code.display };
        Some(Evidence {
            event: at as usize,
            source: charted.timeline.source(event).clone(),
            what: (**what).into(),
            when: event.known.saturating_add(event.clinical_offset),
            occurrences: reason.occurrences,
            risk_without: reason.risk_without,
        })
    };
    found.map(|found| found.reasons.iter().filter_map(one).collect()).unwrap_or_default()
}

impl Assessment {
    /// What feedback on one of its outcomes names.
    pub fn card(&self, phenotype: &str) -> Uuid {
        Uuid::new_v5(&self.id, phenotype.as_bytes())
    }

    /// The outcomes that may be shown to a clinician.
    fn cards(&self) -> Vec<Uuid> {
        let shown = |outcome: &&AssessedOutcome| {
            outcome.horizons.iter().any(|one| one.live) && outcome.horizons.iter().any(|one| one.silence.is_none())
        };
        self.outcomes.iter().filter(shown).map(|outcome| self.card(&outcome.phenotype)).collect()
    }

    fn silences(&self) -> Vec<Silence> {
        let whole = self.abstained.map(|reason| Silence { phenotype: None, horizon_days: None, reason });
        let risks = self.outcomes.iter().flat_map(|outcome| &outcome.horizons).map(|assessed| &assessed.risk);
        let single = risks.filter_map(|risk| {
            let phenotype = Some(risk.phenotype.to_string());
            Some(Silence { phenotype, horizon_days: Some(risk.horizon_days), reason: risk.abstained? })
        });
        whole.into_iter().chain(single).collect()
    }
}
