//! What goes wrong when it is told to: at the FHIR server, with prefetch, with tokens.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::ops::RangeInclusive;

/// How long an answer may be held back, in milliseconds: nobody waits for ten minutes.
pub const HELD_BACK: RangeInclusive<u64> = 0..=600_000;
/// The statuses that say that something went wrong.
pub const FAILURES: RangeInclusive<u16> = 400..=599;

/// How the FHIR server fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FhirFault {
    /// Answers after so long.
    Slow {
        #[serde(deserialize_with = "held_back")]
        millis: u64,
    },
    /// Answers this status and an OperationOutcome.
    Failing {
        #[serde(deserialize_with = "failure")]
        status: u16,
    },
    /// Takes the request, begins an answer and never ends it.
    HalfOpen,
}

fn held_back<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let millis = Value::deserialize(deserializer)?.as_u64().filter(|millis| HELD_BACK.contains(millis));
    millis.ok_or_else(|| D::Error::custom(format!("`millis` is a whole number from 0 to {}", HELD_BACK.end())))
}

fn failure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let status = Value::deserialize(deserializer)?.as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status.filter(|status| FAILURES.contains(status));
    let why = || format!("`status` is an error, from {} to {}", FAILURES.start(), FAILURES.end());
    status.ok_or_else(|| D::Error::custom(why()))
}

/// Everything that is wrong now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    pub fhir: Option<FhirFault>,
    /// No prefetch is sent.
    pub prefetch_withheld: bool,
    /// The token in `fhirAuthorization` has ended.
    pub expired_access_token: bool,
    /// The token that signs the call has ended.
    pub expired_call_token: bool,
    /// Order hooks come without `draftOrders`, as from an EHR that lacks leave to send them.
    pub draft_orders_withheld: bool,
}
