//! Access tokens that were given out, in memory: what each lets its bearer do, and until when.

use super::scope::Scopes;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// What one token lets.
#[derive(Clone, Debug)]
pub struct Grant {
    pub scopes: Scopes,
    /// The patient of `patient/` scopes.
    pub patient: Option<String>,
    until: Instant,
}

/// Every token that is still good.
#[derive(Default)]
pub struct Tokens {
    given: Mutex<HashMap<String, Grant>>,
}

impl Tokens {
    /// A new token. Opaque, with 244 random bits.
    pub fn give(&self, scopes: Scopes, patient: Option<&str>, life: Duration) -> String {
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let now = Instant::now();
        let grant = Grant { scopes, patient: patient.map(str::to_owned), until: now + life };
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|_, grant| grant.until > now);
        given.insert(token.clone(), grant);
        token
    }

    /// What a token lets now.
    pub fn find(&self, token: &str) -> Option<Grant> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.get(token).filter(|grant| grant.until > Instant::now()).cloned()
    }
}
