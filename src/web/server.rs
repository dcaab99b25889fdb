//! Binds, runs and stops the HTTP server. The address is known before anything is loaded.

use super::middleware::cors::{Origins, cors};
use super::middleware::observe::observe;
use super::problem::Problem;
use super::router::routes;
use super::state::State;
use crate::platform::settings;
use actix_web::dev::ServerHandle;
use actix_web::middleware::{NormalizePath, TrailingSlash, from_fn};
use actix_web::web::{Data, PathConfig};
use actix_web::{App, HttpServer};
use rustls::ServerConfig;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// How long accepted calls may take to finish once the server stops. Under the 8 s that operators are promised.
const LAST_CALLS_SECONDS: u64 = 6;

/// A listener whose address is known.
pub struct Bound {
    listener: TcpListener,
    pub address: SocketAddr,
}

/// Takes the address.
///
/// # Errors
/// When it is in use or not ours.
pub fn bind(address: SocketAddr) -> io::Result<Bound> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

impl Bound {
    /// Starts answering, on threads of its own, within TLS where `tls` is given. The future runs until the server is
    /// stopped by its handle.
    pub fn start(
        self,
        settings: &settings::Server,
        state: Data<State>,
        tls: Option<ServerConfig>,
    ) -> io::Result<(ServerHandle, impl Future<Output = io::Result<()>> + Send + use<>)> {
        let origins = Data::new(Origins::of(settings));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .app_data(origins.clone())
                .app_data(PathConfig::default().error_handler(|_, _| Problem::UnknownRoute.into()))
                .configure(routes)
                .wrap(NormalizePath::new(TrailingSlash::Trim))
                .wrap(from_fn(cors))
                .wrap(from_fn(observe))
        })
        .workers(std::thread::available_parallelism().map_or(2, usize::from))
        .client_request_timeout(settings.head_patience)
        .keep_alive(settings.keep_alive)
        .shutdown_timeout(LAST_CALLS_SECONDS)
        .disable_signals();
        let server = match tls {
            Some(tls) => server.listen_rustls_0_23(self.listener, tls)?,
            None => server.listen(self.listener)?,
        };
        let server = server.run();
        Ok((server.handle(), server))
    }
}
