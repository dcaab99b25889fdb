//! The outermost layer: gives a request its id, a span and a time, and turns a panic into an answer.
//!
//! Sees route patterns only, never paths or queries, which could hold anything.

use crate::platform::telemetry::signals::RequestAnswered;
use crate::web::problem::Problem;
use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// Our own id of a request, in every answer and every log line of it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Runs the request within a span and reports it.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let method = method_name(request.method());
    let id = Uuid::new_v4();
    let span = tracing::info_span!("request", %id, method);
    let answered = Unpanicked(pin!(next.call(request).instrument(span.clone()))).await;
    let answered = answered.unwrap_or_else(|| Err(Problem::Panic.into()));
    let (route, status) = match &answered {
        Ok(response) => (response.request().match_pattern(), response.status()),
        Err(error) => (None, error.as_response_error().status_code()),
    };
    let route = route.unwrap_or_else(|| "(no route)".into());
    let (status, duration) = (status.as_u16(), started.elapsed());
    span.in_scope(|| RequestAnswered { route, method, status, duration }.emit());
    let mut response = answered?.map_into_boxed_body();
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(response)
}

/// A method's name as a metric label: an unknown one could be any text.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A future whose panic is `None` instead of a torn connection.
struct Unpanicked<'a, F>(Pin<&'a mut F>);

impl<F: Future> Future for Unpanicked<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Err(_) => Poll::Ready(None),
        }
    }
}
