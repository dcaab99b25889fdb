//! What was said (audit) and what was done with it (feedback), and which card opened the app. Keeps ids of answers, never of patients.

pub mod audit;
pub mod card_handles;
pub mod feedback;

use crate::platform::database::DatabaseError;

/// Why something could not be remembered. An answer whose row cannot be written must not leave.
#[derive(Debug, thiserror::Error)]
pub enum GovernanceError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("a row cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<sqlx::Error> for GovernanceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
