//! A request body that may be looked at: the right media type, an encoding we read, within the size limit
//! after decompression. Everything else is refused before a handler runs. The body of a caller who is not let in is
//! only let pass.

use super::problem::Problem;
use actix_web::body::{BodyStream, MessageBody};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Bytes};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;

/// How long a sender may take for one body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of a JSON body, not yet parsed.
pub struct JsonBody(pub Bytes);

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_media_type(request.headers()).and_then(|()| check_encoding(request.headers()));
        let bytes = Bytes::from_request(request, payload);
        Box::pin(async move {
            checked?;
            match tokio::time::timeout(PATIENCE, bytes).await {
                Ok(Ok(bytes)) => Ok(Self(bytes)),
                Ok(Err(error)) => Err(match error.as_error::<PayloadError>() {
                    Some(PayloadError::Overflow) => Problem::TooLarge,
                    _ => Problem::BrokenBody,
                }),
                Err(_) => Err(Problem::SlowBody),
            }
        })
    }
}

/// Reads a body of at most this many bytes to its end and keeps nothing. A sender who is still sending might miss the
/// answer, and the answer would tell by its headers how far the body had come.
pub async fn let_pass(payload: Payload, most: usize) {
    let mut body = pin!(BodyStream::new(payload));
    let reading = async {
        let mut passed = 0;
        while let Some(Ok(bytes)) = poll_fn(|context| body.as_mut().poll_next(context)).await {
            passed += bytes.len();
            if passed > most {
                return;
            }
        }
    };
    let _in_time = tokio::time::timeout(PATIENCE, reading).await;
}

/// `application/json`, `application/*+json` or nothing said; UTF-8 if a charset is named.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let value = value.to_str().map_err(|_| Problem::MediaType)?.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_json =
        media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    let is_utf8 = parts
        .filter_map(|parameter| parameter.strip_prefix("charset="))
        .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"));
    if is_json && is_utf8 { Ok(()) } else { Err(Problem::MediaType) }
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut values = headers.get_all(CONTENT_ENCODING);
    match (values.next(), values.next()) {
        (None, _) => Ok(()),
        (Some(value), None) => match value.to_str().unwrap_or_default().to_ascii_lowercase().trim() {
            "identity" | "gzip" | "deflate" => Ok(()),
            _ => Err(Problem::ContentEncoding),
        },
        _ => Err(Problem::ContentEncoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn with(name: actix_web::http::header::HeaderName, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn json_in_utf8_is_taken_and_other_types_are_not() {
        assert!(check_media_type(&HeaderMap::new()).is_ok());
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/fhir+json"] {
            assert!(check_media_type(&with(CONTENT_TYPE, good)).is_ok(), "{good}");
        }
        for bad in ["text/plain", "application/xml", "text/json", "application/json; charset=utf-16", ""] {
            assert!(check_media_type(&with(CONTENT_TYPE, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn encodings_that_cannot_be_undone_are_refused() {
        for good in ["gzip", "identity", "GZIP", "deflate"] {
            assert!(check_encoding(&with(CONTENT_ENCODING, good)).is_ok(), "{good}");
        }
        for bad in ["br", "gzip, gzip", "zstd", "rot13"] {
            assert!(check_encoding(&with(CONTENT_ENCODING, bad)).is_err(), "{bad}");
        }
    }
}
