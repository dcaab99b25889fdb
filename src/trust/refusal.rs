//! Why a token is refused, in the words of the log. `docs/guides/trust.md` lists them with their remedies.
//!
//! Holds no part of a token: what a stranger sent does not reach the log.

/// Why a call is refused. The caller learns nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no Authorization header")]
    NoToken,
    #[error("there is more than one Authorization header")]
    SeveralHeaders,
    #[error("the Authorization header holds no Bearer token")]
    NotBearer,
    #[error("the token is longer than 8 KiB")]
    TooLong,
    #[error("the token is no signed JWT with an issuer")]
    NotJwt,
    #[error("the token's issuer is not configured")]
    UnknownIssuer,
    #[error("the token's header cannot be read, or its `alg` is unknown")]
    Header,
    #[error("the token's `typ` is not JWT")]
    Type,
    #[error("the token's `alg` is not among the client's algorithms")]
    Algorithm,
    #[error("the token demands an extension (`crit`) that is not known here")]
    Critical,
    #[error("the token's header has no `kid`")]
    NoKeyId,
    #[error("the token's `jku` is not the client's `jwks_url`")]
    ForeignKeyUrl,
    #[error("no key of the client has the token's `kid`")]
    UnknownKey,
    #[error("the client's keys could not be fetched")]
    KeysAway,
    #[error("several keys of the client share the token's `kid`")]
    SharedKeyId,
    #[error("the client's key with the token's `kid` cannot be used: RSA below 2048 bits")]
    ShortKey,
    #[error("the client's key with the token's `kid` cannot be used: it is symmetric")]
    SymmetricKey,
    #[error("the client's key with the token's `kid` cannot be used: it is not for signatures")]
    KeyNotForSignatures,
    #[error("the client's key with the token's `kid` cannot be used: its kind is not known here")]
    UnknownKindOfKey,
    #[error("the client's key with the token's `kid` does not fit the token's `alg`")]
    KeyNotForAlgorithm,
    #[error("the signature is wrong")]
    Signature,
    #[error("a claim of the token has a wrong type or is there twice")]
    Claims,
    #[error("the token has no `{0}`")]
    Missing(&'static str),
    #[error("a time of the token lies outside the calendar")]
    Time,
    #[error("the token has expired")]
    Expired,
    #[error("the token is from the future: one of the clocks is wrong")]
    Future,
    #[error("the token lives longer than an hour")]
    LongLived,
    #[error("the token's `aud` is neither this address under `server.public_url` nor one of the client's `audiences`")]
    Audience,
    #[error("the token's `tenant` is not among the client's tenants")]
    Tenant,
    #[error("the token's `jti` is empty or longer than 256 characters")]
    TokenId,
    #[error("the token was used before")]
    Replayed,
    #[error("the token's `typ` is not at+jwt: it is no access token")]
    NoAccessToken,
    #[error("the token holds characters that no bearer token has")]
    Characters,
    #[error("no authorization server of the settings can be asked about the token")]
    NobodyToAsk,
    #[error("the token's `aud` is not the authorization server's `audience`")]
    AccessAudience,
    #[error("the authorization server says that the token is not active")]
    Inactive,
    #[error("the authorization server could not be asked about the token")]
    IntrospectionAway,
}

impl Refusal {
    /// Whether the token may be good: who could tell did not answer.
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::KeysAway | Self::IntrospectionAway)
    }

    /// The same, said of a client.
    pub fn of(self, client: &str) -> Denied {
        Denied { client: Some(client.to_string()), refusal: self }
    }
}

/// A refusal and whom it concerns, as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The configured name, once the token claims a configured issuer.
    pub client: Option<String>,
    pub refusal: Refusal,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self { client: None, refusal }
    }
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.client {
            Some(client) => write!(f, "client `{client}`: {}", self.refusal),
            None => self.refusal.fmt(f),
        }
    }
}

impl std::error::Error for Denied {}
