//! A token response (SMART App Launch 2.2, "Obtain access token"), read into what can be used. Unknown members are ignored.

use crate::trust::AccessToken;
use crate::trust::token_endpoint::TokenEndpointError;
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a token is taken to live whose server does not say.
const UNSAID_LIFE: u64 = 300;
/// However long a server says that its token lives.
const LONGEST_LIFE: u64 = 8 * 3600;

/// As it came.
#[derive(Deserialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: String,
    pub scope: Option<String>,
    /// Seconds; some servers write a text.
    #[serde(default)]
    expires_in: Value,
    pub id_token: Option<String>,
    refresh_token: Option<String>,
    pub patient: Option<String>,
    pub encounter: Option<String>,
    pub need_patient_banner: Option<bool>,
    #[serde(rename = "appContext")]
    pub app_context: Option<String>,
}

/// A token that may be used, and what renews it. Cannot be printed.
pub struct Tokens {
    pub access: AccessToken,
    /// When it ends.
    pub until: Instant,
    pub refresh: Option<RefreshToken>,
}

/// What renews a token. Cannot be printed.
#[derive(Clone)]
pub struct RefreshToken(pub(super) String);

impl TokenResponse {
    /// The tokens, counted from the moment of asking.
    pub fn tokens(&mut self, asked: Instant) -> Result<Tokens, TokenEndpointError> {
        let access = AccessToken::read(std::mem::take(&mut self.access_token));
        let access = access.filter(|_| self.token_type.eq_ignore_ascii_case("bearer"));
        let life = match &self.expires_in {
            Value::Null => Some(UNSAID_LIFE),
            Value::Number(seconds) => seconds.as_u64(),
            Value::String(seconds) => seconds.trim().parse().ok(),
            _ => None,
        };
        let (Some(access), Some(life)) = (access, life) else { return Err(TokenEndpointError::Misshapen) };
        let refresh = self.refresh_token.take().filter(|token| !token.is_empty()).map(RefreshToken);
        Ok(Tokens { access, until: asked + Duration::from_secs(life.min(LONGEST_LIFE)), refresh })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn life(expires_in: Value) -> Option<u64> {
        let response = json!({"access_token": "t", "token_type": "bearer", "scope": "", "expires_in": expires_in,
                              "__unknown": [{}]});
        let asked = Instant::now();
        let tokens = serde_json::from_value::<TokenResponse>(response).expect("a response").tokens(asked);
        tokens.ok().map(|tokens| tokens.until.duration_since(asked).as_secs())
    }

    #[test]
    fn a_life_is_read_as_a_number_or_a_text_and_short_where_it_is_not_told() {
        assert_eq!(life(json!(900)), Some(900));
        assert_eq!(life(json!("900")), Some(900));
        assert_eq!(life(json!(null)), Some(UNSAID_LIFE));
        assert_eq!(life(json!(u64::MAX)), Some(LONGEST_LIFE));
        for odd in [json!(-1), json!("soon"), json!([])] {
            assert_eq!(life(odd.clone()), None, "{odd}");
        }
    }
}
