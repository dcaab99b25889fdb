//! What was done with a card: accepted or overridden, and why.
//!
//! Owns the feedback table. A batch is written whole or not at all; a repeated delivery adds nothing. The text
//! of a comment is not kept: only that there was one.

use super::GovernanceError;
use crate::platform::database::Database;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::Row;
use uuid::Uuid;

/// What the clinician did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackOutcome {
    Accepted,
    Overridden,
}

impl FeedbackOutcome {
    /// The specification's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Overridden => "overridden",
        }
    }
}

/// One checked entry of a feedback batch.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedbackEntry {
    pub card: Uuid,
    pub outcome: FeedbackOutcome,
    /// The suggestions taken.
    pub accepted_suggestions: Vec<Uuid>,
    /// System and code of the reason.
    pub override_reason: Option<(String, String)>,
    pub has_comment: bool,
    /// Milliseconds since 1970, by the EHR's clock.
    pub outcome_at_millisecond: i64,
}

/// How a batch was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedbackTaken {
    /// Rows that are new.
    pub stored: usize,
    /// Among them, those whose card this service never showed.
    pub unknown_cards: usize,
}

/// Where feedback is remembered.
#[derive(Clone)]
pub struct Feedback {
    database: Database,
}

impl Feedback {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Writes a batch, whole or not at all. Once this returns, another process can read it.
    pub async fn record(
        &self,
        service: &str,
        client: Option<&str>,
        at: Timestamp,
        batch: Vec<FeedbackEntry>,
    ) -> Result<FeedbackTaken, GovernanceError> {
        let (service, client) = (service.to_string(), client.map(str::to_string));
        self.database.run(|pool| insert(pool, service, client, at, batch)).await
    }
}

async fn insert(
    pool: sqlx::AnyPool,
    service: String,
    client: Option<String>,
    at: Timestamp,
    batch: Vec<FeedbackEntry>,
) -> Result<FeedbackTaken, GovernanceError> {
    let mut taken = FeedbackTaken::default();
    let mut transaction = pool.begin().await?;
    for (id, entry) in in_order(&service, client.as_deref(), batch) {
        let (system, code) = entry.override_reason.clone().unzip();
        // The card is looked up within the insert: a transaction that reads before it writes can be refused
        // by SQLite when another process wrote in between.
        let written = sqlx::query(
            "insert into feedback (id, at_ms, service, client, card, known_card, outcome, accepted_suggestions, \
             override_system, override_code, has_comment, outcome_at_ms) \
             values ($1, $2, $3, $4, $5, (select count(*) from card where uuid = $5 and service = $3), \
             $6, $7, $8, $9, $10, $11) on conflict do nothing",
        )
        .bind(id)
        .bind(at.as_millisecond())
        .bind(service.clone())
        .bind(client.clone())
        .bind(entry.card.to_string())
        .bind(entry.outcome.as_str())
        .bind(serde_json::to_string(&entry.accepted_suggestions)?)
        .bind(system)
        .bind(code)
        .bind(i64::from(entry.has_comment))
        .bind(entry.outcome_at_millisecond)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if written > 0 {
            taken.stored += 1;
            taken.unknown_cards += usize::from(!is_known(&mut transaction, &service, &entry).await?);
        }
    }
    transaction.commit().await?;
    Ok(taken)
}

/// The entries with their ids, in the order of these. Every process writes in this order: two that are given the same
/// entries at once wait for each other's rows in turn, never in a circle, which PostgreSQL would refuse.
fn in_order(service: &str, client: Option<&str>, batch: Vec<FeedbackEntry>) -> Vec<(String, FeedbackEntry)> {
    let with_id = |mut entry: FeedbackEntry| {
        entry.accepted_suggestions.sort();
        (entry_id(service, client, &entry), entry)
    };
    let mut entries: Vec<_> = batch.into_iter().map(with_id).collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    entries
}

/// Whether this service showed the card.
async fn is_known(
    connection: &mut sqlx::AnyConnection,
    service: &str,
    entry: &FeedbackEntry,
) -> Result<bool, GovernanceError> {
    let found: i64 = sqlx::query("select count(*) as found from card where uuid = $1 and service = $2")
        .bind(entry.card.to_string())
        .bind(service.to_string())
        .fetch_one(connection)
        .await?
        .try_get("found")?;
    Ok(found > 0)
}

/// The same entry, delivered again, has the same id.
fn entry_id(service: &str, client: Option<&str>, entry: &FeedbackEntry) -> String {
    let mut hash = Sha256::new();
    let at = entry.outcome_at_millisecond.to_string();
    for part in [client.unwrap_or(""), service, entry.outcome.as_str(), &at] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    for uuid in std::iter::once(&entry.card).chain(&entry.accepted_suggestions) {
        hash.update(uuid);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
