//! What goes wrong when it is told to: at the FHIR server, with prefetch, with tokens.

use serde::{Deserialize, Serialize};

/// How the FHIR server fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FhirFault {
    /// Answers after so long.
    Slow { millis: u64 },
    /// Answers this status and an OperationOutcome.
    Failing { status: u16 },
    /// Takes the request, begins an answer and never ends it.
    HalfOpen,
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
