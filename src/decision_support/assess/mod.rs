//! A chart assessed without a hook: for our own API, and for apps that show a patient's risks.
//!
//! The same path as a hook call: chart reader, timeline, prediction with interval, average, reasons and silence; the audit
//! row is written before an answer leaves. [`request`] reads what is asked, [`chart`] gets the chart, [`assessment`] is
//! what is said of it, [`fhir`] writes that as FHIR, [`course`] looks back to earlier moments of the same chart, [`state`]
//! gives what the model makes of it. Makes no cards and follows no occasions.

mod assessment;
mod chart;
mod course;
mod error;
mod fhir;
mod remember;
mod request;
mod state;

pub use assessment::{AssessedOutcome, AssessedRisk, Assessment, Evidence};
pub use chart::ChartSource;
pub use course::{Course, PAGE_SERVICE, assess_course};
pub use error::AssessError;
pub use fhir::{assessment_bundle, state_parameters};
pub use request::{Asked, AssessRequest, ParameterError, read_parameters};
pub use state::{State, embed};

use super::answer_hook::HookParts;
use crate::governance::audit::CallOutcome;
use crate::prediction::answer::{Explain, Question};
use crate::prediction::predictor::CacheStatus;
use chart::Charted;
use jiff::Timestamp;
use remember::Done;
use std::sync::Arc;
use std::time::Instant;

/// What every reader must know.
pub const NOTE: &str = "Computed by a machine-learning model trained on synthetic patients: it shows how the software \
    works, not what medicine knows. Not for use in care. Probabilities are in percent.";

/// Risks whose evidence is looked for at most, when phenotypes are named; it costs more than the risk itself.
const MOST_EXPLAINED: usize = 8;
/// The same when none is named: as many as cards would show.
const EXPLAINED_UNASKED: usize = 3;

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
    let assessment = Assessment::of(parts, charted, request, &answer, cache);
    let done = Done { id: assessment.id, operation, hook, charted, as_of: request.as_of, fingerprint, started };
    let cards = if shown { assessment.cards() } else { Vec::new() };
    done.record(parts, asker, CallOutcome::Assessment, (cards, assessment.silences())).await?;
    done.report(CallOutcome::Assessment, cache == CacheStatus::Hit);
    Ok(assessment)
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
