//! The whole route table, grouped by who calls. An address answers the methods it lists and refuses the others
//! with `Allow`; a trailing slash makes no difference.

use super::cds_hooks::{call, discovery, feedback};
use super::credentials::{authenticate, authenticate_discovery};
use super::fhir::access::authorize;
use super::fhir::{batch, capability, docs, openapi, operations as api_operations};
use super::jwks;
use super::operations::{health, metrics};
use super::problem::Problem;
use super::smart;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route};
use std::future::ready;

/// Every route.
pub fn routes(config: &mut ServiceConfig) {
    config
        // EHRs.
        .service(list("/cds-services", discovery::discovery))
        .service(write("/cds-services/{id}", call::call))
        .service(write("/cds-services/{id}/feedback", feedback::feedback))
        // EHRs that speak 3.0: the same services.
        .service(list("/v3/cds-services", discovery::discovery_v3))
        .service(write("/v3/cds-services/{id}", call::call))
        .service(write("/v3/cds-services/{id}/feedback", feedback::feedback))
        // Programs that use our own API.
        .service(operation("/fhir/$assess-risk", api_operations::assess_risk))
        .service(operation("/fhir/$embed", api_operations::embed_chart))
        .service(operation("/fhir", batch::batch))
        .service(read("/fhir/metadata", capability::metadata))
        .service(read("/fhir/.well-known/smart-configuration", capability::smart_configuration))
        .service(read("/fhir/OperationDefinition/{code}", capability::operation_definition))
        .service(read("/openapi.json", openapi::document))
        .service(read("/docs", docs::page))
        .service(read("/docs/style.css", docs::style))
        // EHRs that give tokens to us.
        .service(read("/.well-known/jwks.json", jwks::jwks))
        // Browsers of clinicians.
        .service(web::scope("/smart").wrap(from_fn(smart::protect)).configure(smart::routes))
        // Operators and their machines.
        .service(read("/healthz", health::healthz))
        .service(read("/readyz", health::readyz))
        .service(read("/metrics", metrics::metrics))
        .default_service(web::to(|| ready(Err::<HttpResponse, _>(Problem::UnknownRoute))));
}

/// Answers the requests of one method at an address.
pub(super) trait Answers<A>: Handler<A, Output: Responder + 'static> {}

impl<A, H: Handler<A, Output: Responder + 'static>> Answers<A> for H {}

/// An address that everyone may read: GET and HEAD.
pub(super) fn read<A: FromRequest + 'static>(path: &'static str, handler: impl Answers<A>) -> Resource {
    address(path, "GET, HEAD, OPTIONS", [web::get().to(handler.clone()), web::head().to(handler)])
}

/// An address that a browser opens: GET alone, since opening it does something.
pub(super) fn open<A: FromRequest + 'static>(path: &'static str, handler: impl Answers<A>) -> Resource {
    address(path, "GET, OPTIONS", [web::get().to(handler)])
}

/// An address to which a page of ours posts.
pub(super) fn submit<A: FromRequest + 'static>(path: &'static str, handler: impl Answers<A>) -> Resource {
    address(path, "POST, OPTIONS", [web::post().to(handler)])
}

/// An address that is read by whom `[server] discovery` names.
fn list<A: FromRequest + 'static>(path: &'static str, handler: impl Answers<A>) -> Resource {
    let known = |route: Route| route.wrap(from_fn(authenticate_discovery));
    address(path, "GET, HEAD, OPTIONS", [known(web::get().to(handler.clone())), known(web::head().to(handler))])
}

/// An address that is posted to, by callers that are known.
fn write<A: FromRequest + 'static>(path: &'static str, handler: impl Answers<A>) -> Resource {
    address(path, "POST, OPTIONS", [web::post().to(handler).wrap(from_fn(authenticate))])
}

/// An address of our own API, posted to with an access token.
fn operation<A: FromRequest + 'static>(path: &'static str, handler: impl Answers<A>) -> Resource {
    address(path, "POST, OPTIONS", [web::post().to(handler).wrap(from_fn(authorize))])
}

/// An address with the routes of its methods; the others are refused with `allow`. Who calls is asked by a route, never
/// before the method is known to be one of them.
fn address<const N: usize>(path: &'static str, allow: &'static str, routes: [Route; N]) -> Resource {
    let address = routes.into_iter().fold(web::resource(path), Resource::route);
    address.default_service(web::to(move |request| ready(other_method(request, allow))))
}

fn other_method(request: HttpRequest, allow: &'static str) -> Result<HttpResponse, Problem> {
    match *request.method() {
        Method::OPTIONS => Ok(HttpResponse::NoContent().insert_header((ALLOW, allow)).finish()),
        _ => Err(Problem::MethodNotAllowed { allow }),
    }
}
