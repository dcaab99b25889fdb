//! Which tokens were used, in the database that all replicas share: a token is good for one call.
//!
//! A row is written only for a token whose signature and claims were verified, so strangers cannot fill the
//! table. Of the token's own id only a hash is kept: it may be any text.

use super::token::SKEW;
use super::{Refusal, Verified};
use crate::platform::database::{Database, DatabaseError};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicI64, Ordering};

/// How often rows of tokens that have expired are removed, in milliseconds.
const PURGE_EVERY: i64 = 60_000;

/// Why a verified token does not let its call in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    #[error("{}", Refusal::Replayed)]
    Replayed,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The memory of tokens.
pub struct Replay {
    /// When expired rows were last removed, in milliseconds since 1970.
    purged: AtomicI64,
}

impl Default for Replay {
    fn default() -> Self {
        Self { purged: AtomicI64::new(0) }
    }
}

impl Replay {
    /// Writes that this token was used; only the first of all who try is let in.
    pub async fn admit(&self, database: &Database, verified: &Verified, now: Timestamp) -> Result<(), AdmitError> {
        let (issuer, jti) = (verified.client.issuer.clone(), hash(&verified.jti));
        let until = ((verified.expires + SKEW) * 1000.0).ceil() as i64;
        let now = now.as_millisecond();
        // One statement, so that two processes cannot both find the row missing. A row whose time is over is as
        // good as none.
        let written = database.run(move |pool| async move {
            let insert = sqlx::query(
                "insert into used_token (issuer, jti_hash, until_ms) values ($1, $2, $3) \
                 on conflict (issuer, jti_hash) do update set until_ms = excluded.until_ms \
                 where used_token.until_ms <= $4",
            );
            let written = insert.bind(issuer).bind(jti).bind(until).bind(now).execute(&pool).await;
            Ok::<_, DatabaseError>(written.map_err(DatabaseError::from)?.rows_affected())
        });
        if written.await? == 0 {
            return Err(AdmitError::Replayed);
        }
        self.purge(database, now).await;
        Ok(())
    }

    /// Removes expired rows now and then. A failure is only told: the rows do no harm.
    async fn purge(&self, database: &Database, now: i64) {
        let last = self.purged.load(Ordering::Relaxed);
        let due = now - last >= PURGE_EVERY;
        if !due || self.purged.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let removed = database.run(move |pool| async move {
            let delete = sqlx::query("delete from used_token where until_ms <= $1").bind(now);
            delete.execute(&pool).await.map(drop).map_err(DatabaseError::from)
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "expired tokens could not be removed from the database");
        }
    }
}

fn hash(jti: &str) -> String {
    Sha256::digest(jti).iter().map(|byte| format!("{byte:02x}")).collect()
}
