//! One row for each answer, written before the answer leaves.
//!
//! Owns the audit and card tables. Holds hashes, counts and ids of answers; has no place for a patient's
//! name, identifier or text.

use super::GovernanceError;
use crate::patient_record::timeline::Skipped;
use crate::platform::database::Database;
use crate::prediction::answer::Abstention;
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;
use uuid::Uuid;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    /// At least one card was shown.
    Cards,
    /// An answer without cards.
    NoCards,
    /// The service is silent: computed, nothing shown.
    Silent,
    /// Data the service needs did not come (412).
    DataMissing,
    /// Every risk asked about was given to a caller of our API.
    Assessment,
    /// The model's state was given to a caller of our API.
    State,
}

impl CallOutcome {
    /// The stable word in rows, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cards => "cards",
            Self::NoCards => "no-cards",
            Self::Silent => "silent",
            Self::DataMissing => "data-missing",
            Self::Assessment => "assessment",
            Self::State => "state",
        }
    }
}

/// Why one outcome, or with `phenotype: None` the whole chart, stayed unsaid.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Silence {
    pub phenotype: Option<String>,
    pub horizon_days: Option<u32>,
    pub reason: Abstention,
}

/// What is remembered of one hook call, or of one call of our API.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// When the call arrived.
    pub at: Timestamp,
    pub hook_instance: String,
    pub service: String,
    pub hook: String,
    /// The issuer, for our API with its client's id; `None`: anonymous.
    pub client: Option<String>,
    /// Name and hash of the model, [`crate::prediction::answer::Oracle::identity`].
    pub model: String,
    /// SHA-256 of the service's definition, hex.
    pub definition_hash: String,
    /// SHA-256 of what was read, hex.
    pub input_hash: String,
    pub as_of: Timestamp,
    /// Events read into the timeline and known at `as_of`.
    pub events_read: usize,
    pub skipped: Skipped,
    /// The uuids of the cards shown, in order.
    pub cards: Vec<Uuid>,
    pub abstained: Vec<Silence>,
    pub outcome: CallOutcome,
    /// From arrival until the row is written.
    pub duration: Duration,
}

/// One line of the `skipped` column.
#[derive(Serialize)]
struct SkippedCount<'a> {
    r#type: &'a str,
    reason: crate::patient_record::timeline::SkipReason,
    count: u32,
}

/// Where answers are remembered.
#[derive(Clone)]
pub struct Audit {
    database: Database,
}

impl Audit {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Writes the row and its cards, together or not at all. Once this returns, another process can read them.
    pub async fn record(&self, row: AuditRow) -> Result<(), GovernanceError> {
        let skipped: Vec<SkippedCount> = row
            .skipped
            .0
            .iter()
            .map(|((r#type, reason), &count)| SkippedCount {
                r#type: fhir_fence::resource_type(r#type).unwrap_or("(no R4 type)"),
                reason: *reason,
                count,
            })
            .collect();
        let skipped = serde_json::to_string(&skipped)?;
        let cards = serde_json::to_string(&row.cards)?;
        let abstained = serde_json::to_string(&row.abstained)?;
        self.database.run(|pool| insert(pool, row, [skipped, cards, abstained])).await
    }
}

async fn insert(pool: sqlx::AnyPool, mut row: AuditRow, json: [String; 3]) -> Result<(), GovernanceError> {
    let id = Uuid::new_v4().to_string();
    let at = row.at.as_millisecond();
    let [skipped, cards, abstained] = json;
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "insert into audit (id, at_ms, hook_instance, service, hook, client, model, definition_hash, input_hash, \
         as_of_ms, events_read, skipped, cards, abstained, outcome, duration_ms) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(id.clone())
    .bind(at)
    .bind(row.hook_instance)
    .bind(row.service.clone())
    .bind(row.hook)
    .bind(row.client)
    .bind(row.model)
    .bind(row.definition_hash)
    .bind(row.input_hash)
    .bind(row.as_of.as_millisecond())
    .bind(i64::try_from(row.events_read).unwrap_or(i64::MAX))
    .bind(skipped)
    .bind(cards)
    .bind(abstained)
    .bind(row.outcome.as_str())
    .bind(row.duration.as_secs_f64() * 1000.0)
    .execute(&mut *transaction)
    .await?;
    // In one order everywhere, so that processes which show the same cards at once never wait in a circle.
    row.cards.sort();
    for card in row.cards {
        sqlx::query("insert into card (uuid, service, audit_id, at_ms) values ($1, $2, $3, $4) on conflict do nothing")
            .bind(card.to_string())
            .bind(row.service.clone())
            .bind(id.clone())
            .bind(at)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}
