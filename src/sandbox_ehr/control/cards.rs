//! The cards on the screen, and what the user does with them.

use super::{Answer, Ehr, Problem, body, chosen, from_here, unknown};
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::deciding::{self, Dismissal, Undecided, Which};
use crate::sandbox_ehr::decisions::{Choice, Decision, Shown, Told};
use crate::sandbox_ehr::twin::DraftError;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use awc::Client;
use serde::Deserialize;
use serde_json::{Value, json};

/// Those of the chosen patient, most urgent first.
pub async fn list(ehr: Ehr) -> Answer {
    let chart = chosen(&ehr)?;
    let told = |shown: Shown| json!({"service": shown.service, "url": shown.url, "card": shown.card});
    let cards: Vec<Value> = ehr.decisions.cards(&chart.id).into_iter().map(told).collect();
    Ok(HttpResponse::Ok().json(cards))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    suggestion: Which,
    /// Places of the chosen actions, where the suggestion lets them be chosen.
    actions: Option<Vec<usize>>,
}

pub async fn accept(
    ehr: Ehr,
    client: web::Data<Client>,
    card: web::Path<String>,
    request: HttpRequest,
    bytes: web::Bytes,
) -> Answer {
    let Acceptance { suggestion, actions } = body(&request, &bytes)?;
    let shown = on_screen(&ehr, &card)?;
    let decision = deciding::accept(&ehr, &client, shown, &suggestion, actions.as_deref()).await;
    decision.map(|decision| told(&decision)).map_err(refused)
}

pub async fn dismiss(
    ehr: Ehr,
    client: web::Data<Client>,
    card: web::Path<String>,
    request: HttpRequest,
    bytes: web::Bytes,
) -> Answer {
    let dismissal: Dismissal = body(&request, &bytes)?;
    let shown = on_screen(&ehr, &card)?;
    let decision = deciding::dismiss(&ehr, &client, shown, &dismissal).await;
    decision.map(|decision| told(&decision)).map_err(refused)
}

/// Sends the feedback that waits for its batch.
pub async fn send_waiting(ehr: Ehr, client: web::Data<Client>, request: HttpRequest) -> Answer {
    from_here(&request)?;
    let patient = ehr.desk().patient.clone().unwrap_or_default();
    let (stored, failed) = deciding::send_waiting(&ehr, &client, &patient).await;
    Ok(HttpResponse::Ok().json(json!({"stored": stored, "failed": failed})))
}

fn on_screen(ehr: &SandboxEhr, card: &str) -> Result<Shown, Problem> {
    let chart = chosen(ehr)?;
    ehr.decisions.card(&chart.id, card).ok_or_else(|| unknown("card on the screen"))
}

fn refused(why: Undecided) -> Problem {
    let status = match why {
        Undecided::Before | Undecided::Draft(DraftError::Conflict) => StatusCode::CONFLICT,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem(status, why.to_string())
}

fn told(decision: &Decision) -> HttpResponse {
    let (feedback, problem) = match &decision.told {
        Told::Stored(receipt) => (json!(receipt.status), None),
        Told::Failed(why) => (json!("failed"), Some(why)),
        Told::Waits => (json!("waits"), None),
        Told::Nobody => (json!("none"), None),
    };
    let applied = match &decision.choice {
        Choice::Accepted(_, applied) => json!(applied),
        Choice::Dismissed(_) => json!([]),
    };
    let mut told = json!({"applied": applied, "feedback": feedback});
    if let Some(entry) = &decision.feedback {
        told["entry"] = entry.clone();
    }
    if let Some(problem) = problem {
        told["problem"] = json!(problem);
    }
    HttpResponse::Ok().json(told)
}
