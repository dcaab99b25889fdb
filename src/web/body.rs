//! A request body that may be looked at: the right media type, an encoding we read, in time and within the size limit
//! before and after decompression. Everything else is refused before a handler runs. The body of a caller who is not let
//! in is only let pass.

use super::encoding::Encoding;
use super::problem::Problem;
use super::state::State;
use actix_web::body::{BodyStream, MessageBody, to_bytes_limited};
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::time::Duration;

/// What a sender may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes, packed and unpacked.
    pub bytes: usize,
    /// For one body, from its first byte to its last.
    pub patience: Duration,
}

/// By then an answer is out.
const HELD: Duration = Duration::from_secs(1);

/// The bytes of a JSON body, not yet parsed.
pub struct JsonBody(pub Bytes);

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limits = request.app_data::<Data<State>>().map(|state| state.limits).ok_or(Problem::NotReady);
        let checked = limits.and_then(|limits| Ok((limits, check(request.headers(), limits)?)));
        let mut body = BodyStream::new(payload.take());
        Box::pin(async move {
            let read = read(checked, &mut body).await;
            if read.is_err() {
                hold(body);
            }
            let (packed, encoding, limits) = read?;
            encoding.unpack(packed, limits.bytes).await.map(Self)
        })
    }
}

/// A body as it was sent, with what is needed to unpack it.
async fn read(
    checked: Result<(Limits, Encoding), Problem>,
    body: &mut BodyStream<Payload>,
) -> Result<(Bytes, Encoding, Limits), Problem> {
    let (limits, encoding) = checked?;
    match tokio::time::timeout(limits.patience, to_bytes_limited(body, limits.bytes)).await {
        Ok(Ok(Ok(bytes))) => Ok((bytes, encoding, limits)),
        Ok(Ok(Err(_))) => Err(Problem::BrokenBody),
        Ok(Err(_)) => Err(Problem::TooLarge),
        Err(_) => Err(Problem::SlowBody),
    }
}

/// Lets go of an unread body once its answer is out. The HTTP library closes a connection whose body is still held then;
/// of one that was let go before, it would read chunks for as long as they come.
fn hold(body: BodyStream<Payload>) {
    actix_web::rt::spawn(async move {
        tokio::time::sleep(HELD).await;
        drop(body);
    });
}

/// What the headers alone can refuse.
fn check(headers: &HeaderMap, limits: Limits) -> Result<Encoding, Problem> {
    check_media_type(headers)?;
    let encoding = Encoding::of(headers)?;
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits.bytes as u64) { Err(Problem::TooLarge) } else { Ok(encoding) }
}

/// Reads a body within the limits to its end and keeps nothing. A sender who is still sending might miss the
/// answer, and the answer would tell by its headers how far the body had come.
pub async fn let_pass(payload: Payload, limits: Limits) {
    let mut body = BodyStream::new(payload);
    let reading = async {
        let mut passed = 0;
        while let Some(Ok(bytes)) = poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
            passed += bytes.len();
            if passed > limits.bytes {
                return false;
            }
        }
        true
    };
    if !matches!(tokio::time::timeout(limits.patience, reading).await, Ok(true)) {
        hold(body);
    }
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
}
