//! [`Request`]: what a little app sends to `/authorize` and `/token`, right unless a test spoils it.

use super::twin::{Answer, REDIRECT, Twin};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use url::{Url, form_urlencoded};

/// 43 letters, the fewest that are allowed.
pub const VERIFIER: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
pub const STATE: &str = "state with & and =";
pub const NONCE: &str = "n-0S6_WzA2Mj";

/// Parameters of one authorization request.
pub struct Request(pub BTreeMap<&'static str, String>);

impl Request {
    /// Of an app that was launched.
    pub fn launched(twin: &Twin, handle: &str, scope: &str) -> Self {
        let mut request = Self::standalone(twin, &format!("launch {scope}"));
        request.0.insert("launch", handle.to_owned());
        request
    }

    /// Of an app that starts by itself.
    pub fn standalone(twin: &Twin, scope: &str) -> Self {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let pairs = [
            ("response_type", "code".to_owned()),
            ("client_id", "public".to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("scope", scope.to_owned()),
            ("state", STATE.to_owned()),
            ("aud", format!("{}/fhir", twin.page)),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
            ("nonce", NONCE.to_owned()),
        ];
        Self(pairs.into_iter().collect())
    }

    /// The same with another value, or without (an empty one).
    pub fn but(mut self, name: &'static str, value: &str) -> Self {
        self.0.insert(name, value.to_owned());
        self
    }

    pub fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    pub async fn send(&self, twin: &Twin) -> Answer {
        twin.get(&format!("/authorize?{}", self.query())).await
    }

    /// Sends it and gives the code that comes back.
    pub async fn code(&self, twin: &Twin) -> String {
        let back = returned(&self.send(twin).await);
        back.get("code").unwrap_or_else(|| panic!("no code: {back:?}")).clone()
    }
}

/// What the browser brings back to the app.
pub fn returned(answer: &Answer) -> BTreeMap<String, String> {
    let address = answer.header("location").unwrap_or_else(|| panic!("{}: {}", answer.status, answer.text()));
    assert!(address.starts_with("http://127.0.0.1:3000/callback"), "{address}");
    Url::parse(address).expect("an address").query_pairs().into_owned().collect()
}

/// The form by which `public` redeems a code.
pub fn redeeming(code: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", "public"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]
}

/// Tokens of `public`, launched for `ann`.
pub async fn tokens(twin: &Twin, scope: &str) -> serde_json::Value {
    let code = Request::launched(twin, &twin.handle().await, scope).code(twin).await;
    let answer = twin.post("/token", &redeeming(&code)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// One text of a token response.
pub fn text<'a>(response: &'a serde_json::Value, name: &str) -> &'a str {
    response[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {response}"))
}
