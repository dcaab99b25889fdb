//! A bearer token for an EHR's FHIR server, however it was had.

/// The token. Cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

impl AccessToken {
    /// A token that was given to us.
    pub fn of(secret: String) -> Self {
        Self(secret)
    }

    /// A token from a token endpoint; `None` for what no header could carry.
    pub fn read(secret: String) -> Option<Self> {
        let printable = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic());
        printable.then_some(Self(secret))
    }

    /// The secret itself, for an `Authorization` header and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken(..)")
    }
}
