//! The whole route table, grouped by who calls. An address answers the methods it lists and refuses the others
//! with `Allow`; a trailing slash makes no difference.

use super::cds_hooks::{call, discovery, feedback};
use super::credentials::{authenticate, authenticate_discovery};
use super::fhir::access::authorize;
use super::fhir::{batch, capability, openapi, operations as api_operations};
use super::jwks;
use super::operations::{health, metrics};
use super::problem::Problem;
use super::smart;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder};
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
        .service(read("/docs", openapi::page))
        .service(read("/docs/style.css", openapi::style))
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

/// An address that everyone may read: GET and HEAD.
pub(super) fn read<F, Args>(path: &'static str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(|request| ready(other_method(request, "GET, HEAD, OPTIONS"))))
}

/// An address that a browser opens: GET alone, since opening it does something.
pub(super) fn open<F, Args>(path: &'static str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler))
        .default_service(web::to(|request| ready(other_method(request, "GET, OPTIONS"))))
}

/// An address to which a page of ours posts.
pub(super) fn submit<F, Args>(path: &'static str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::post().to(handler))
        .default_service(web::to(|request| ready(other_method(request, "POST, OPTIONS"))))
}

/// An address that is read by whom `[server] discovery` names.
fn list<F, Args>(path: &'static str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()).wrap(from_fn(authenticate_discovery)))
        .route(web::head().to(handler).wrap(from_fn(authenticate_discovery)))
        .default_service(web::to(|request| ready(other_method(request, "GET, HEAD, OPTIONS"))))
}

/// An address that is posted to, by callers that are known.
fn write<F, Args>(path: &'static str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::post().to(handler).wrap(from_fn(authenticate)))
        .default_service(web::to(|request| ready(other_method(request, "POST, OPTIONS"))))
}

/// An address of our own API, posted to with an access token.
fn operation<F, Args>(path: &'static str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::post().to(handler).wrap(from_fn(authorize)))
        .default_service(web::to(|request| ready(other_method(request, "POST, OPTIONS"))))
}

fn other_method(request: HttpRequest, allow: &'static str) -> Result<HttpResponse, Problem> {
    match *request.method() {
        Method::OPTIONS => Ok(HttpResponse::NoContent().insert_header((ALLOW, allow)).finish()),
        _ => Err(Problem::MethodNotAllowed { allow }),
    }
}
