//! Handles by which our SMART app knows the card that it was opened from (`appContext`): opaque, good once, for as long as
//! a card, and bound to FHIR server, patient, service and card.
//!
//! Only hashes are kept. That of the patient is taken together with the handle, which has 244 random bits, so that a row
//! names nobody to who has not the handle too.

use super::GovernanceError;
use crate::platform::database::{Database, DatabaseError};
use crate::platform::expiring::secret;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// How long a handle is good.
pub const LIFE: Duration = Duration::from_secs(8 * 3600);
/// How often rows whose time is over are removed, in milliseconds.
const PURGE_EVERY: i64 = 60_000;
/// Longest text that can be a handle.
const LONGEST: usize = 64;

/// Whom a card is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The base address of the FHIR server, as registered.
    pub fhir_server: &'a str,
    /// Logical id.
    pub patient: &'a str,
}

/// The card that a handle stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedCard {
    /// The service that showed it.
    pub service: String,
    pub card: Uuid,
    /// What it estimates.
    pub phenotype: Option<String>,
}

/// What became of a handle. Either way it is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    Card(OpenedCard),
    /// It was made for another patient or another FHIR server.
    OfAnother,
    /// It was used, is over, or never was.
    Unknown,
}

/// Where handles are remembered; all replicas share them.
#[derive(Clone)]
pub struct CardHandles {
    database: Database,
    /// When rows were last removed, in milliseconds since 1970.
    purged: Arc<AtomicI64>,
}

impl CardHandles {
    pub fn new(database: Database) -> Self {
        Self { database, purged: Arc::default() }
    }

    /// A handle for each of these cards. Once this returns, every replica knows them.
    pub async fn give(
        &self,
        about: About<'_>,
        cards: Vec<OpenedCard>,
        now: Timestamp,
    ) -> Result<Vec<String>, GovernanceError> {
        let handles: Vec<String> = cards.iter().map(|_| secret()).collect();
        let rows = handles.iter().zip(cards);
        let rows = rows.map(|(handle, card)| (hash(&[handle]), bound(handle, about), card)).collect();
        let (now, until) = (now.as_millisecond(), (now + LIFE).as_millisecond());
        self.database.run(move |pool| insert(pool, rows, until)).await?;
        self.purge(now).await;
        Ok(handles)
    }

    /// Removes rows whose time is over, now and then. A failure is only told: they do no harm.
    async fn purge(&self, now: i64) {
        let last = self.purged.load(Ordering::Relaxed);
        let due = now - last >= PURGE_EVERY;
        if !due || self.purged.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let removed = self.database.run(move |pool| async move {
            let delete = sqlx::query("delete from card_handle where until_ms <= $1").bind(now);
            delete.execute(&pool).await.map(drop).map_err(DatabaseError::from)
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "handles of cards whose time is over could not be removed from the database");
        }
    }

    /// Uses a handle up, whatever it says; of several who try at once one finds it.
    pub async fn redeem(&self, handle: &str, about: About<'_>, now: Timestamp) -> Result<Redeemed, GovernanceError> {
        if handle.is_empty() || handle.len() > LONGEST || !handle.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Redeemed::Unknown);
        }
        let (known, bound, now) = (hash(&[handle]), bound(handle, about), now.as_millisecond());
        let found = self.database.run(move |pool| async move {
            let delete = sqlx::query(
                "delete from card_handle where handle_hash = $1 and until_ms > $2 returning bound_hash, service, card, phenotype",
            );
            let rows = delete.bind(known).bind(now).fetch_all(&pool).await?;
            rows.first().map(read).transpose().map_err(GovernanceError::from)
        });
        Ok(match found.await? {
            Some((known, card)) if known == bound => Redeemed::Card(card),
            Some(_) => Redeemed::OfAnother,
            None => Redeemed::Unknown,
        })
    }
}

/// What a handle is bound to, and its card.
fn read(row: &AnyRow) -> Result<(String, OpenedCard), sqlx::Error> {
    let card = Uuid::parse_str(row.try_get("card")?).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let card = OpenedCard { service: row.try_get("service")?, card, phenotype: row.try_get("phenotype")? };
    Ok((row.try_get("bound_hash")?, card))
}

async fn insert(
    pool: sqlx::AnyPool,
    rows: Vec<(String, String, OpenedCard)>,
    until: i64,
) -> Result<(), GovernanceError> {
    let mut transaction = pool.begin().await?;
    for (handle, bound, OpenedCard { service, card, phenotype }) in rows {
        sqlx::query(
            "insert into card_handle (handle_hash, bound_hash, service, card, phenotype, until_ms) \
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(handle)
        .bind(bound)
        .bind(service)
        .bind(card.to_string())
        .bind(phenotype)
        .bind(until)
        .execute(&mut *transaction)
        .await?;
    }
    Ok(transaction.commit().await?)
}

fn bound(handle: &str, about: About<'_>) -> String {
    hash(&[handle, about.fhir_server, about.patient])
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
