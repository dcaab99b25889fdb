//! Why the token endpoint and its kin say no (RFC 6749, section 5.2). Never repeats what was sent.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, PRAGMA, WWW_AUTHENTICATE};
use serde_json::json;

/// What answers with tokens carry beside `Cache-Control: no-store`, which every answer of the page has.
pub const NO_CACHE: (HeaderName, &str) = (PRAGMA, "no-cache");

/// A refusal. Who cannot say who it is learns nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Request(&'static str),
    Client,
    Grant(&'static str),
    Unauthorized(&'static str),
    GrantType,
    Scope(&'static str),
}

impl Refused {
    fn error(self) -> &'static str {
        match self {
            Self::Request(_) => "invalid_request",
            Self::Client => "invalid_client",
            Self::Grant(_) => "invalid_grant",
            Self::Unauthorized(_) => "unauthorized_client",
            Self::GrantType => "unsupported_grant_type",
            Self::Scope(_) => "invalid_scope",
        }
    }

    /// The answer: 401 where the client is not known, 400 otherwise.
    pub fn answer(self) -> HttpResponse {
        let body = match self {
            Self::Request(what) | Self::Grant(what) | Self::Unauthorized(what) | Self::Scope(what) => {
                json!({"error": self.error(), "error_description": what})
            }
            Self::Client | Self::GrantType => json!({"error": self.error()}),
        };
        let status = if self == Self::Client { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let mut answer = HttpResponse::build(status);
        if self == Self::Client {
            answer.insert_header((WWW_AUTHENTICATE, "Basic realm=\"sandbox-ehr\""));
        }
        answer.insert_header(NO_CACHE).json(body)
    }
}
