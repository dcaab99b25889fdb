//! `prodrome serve`: builds the server from settings and runs it until it is told to stop.
//!
//! The listener answers at once; model and database load behind it. [`start`] is the same way in for the
//! demonstration and for tests.

use crate::decision_support::answer_hook::HookParts;
use crate::decision_support::app_link::AppLinks;
use crate::decision_support::read_back::FhirReader;
use crate::decision_support::service_definition::{Catalogue, Known};
use crate::governance::audit::Audit;
use crate::governance::card_handles::CardHandles;
use crate::governance::feedback::Feedback;
use crate::platform::database::Database;
use crate::platform::settings::{self, Settings, SettingsError};
use crate::platform::telemetry::signals::ReadyChanged;
use crate::platform::telemetry::{logging, metrics};
use crate::platform::terminal::say;
use crate::prediction::answer::Oracle;
use crate::prediction::model::{Model, PackageError};
use crate::prediction::predictor::{EngineSize, Predictor};
use crate::trust::{AccessTrust, OwnKeys, OwnKeysError, Trust};
use crate::web::server::{Bound, bind};
use crate::web::smart::{SmartApp, launch_url};
use crate::web::state::{Parts, State};
use crate::web::tls;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

/// Answer CDS Hooks calls over HTTP
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Serve {
    /// Settings in TOML, over the defaults; only what differs
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const HELP: &str = "\
Settings come from the defaults (config/default.toml, all of them explained), then FILE, then environment
variables: PRODROME__SERVER__BIND=0.0.0.0:8080 sets [server] bind. A misspelt key stops the start.

Addresses:
  GET  /cds-services                what this server offers, with prefetch templates
  POST /cds-services/ID             one hook call, answered with cards
  POST /cds-services/ID/feedback    what was done with a card
       /v3/cds-services ...         the same for clients that speak CDS Hooks 3.0
  GET  /smart/launch                our SMART app, opened by an EHR ([[ehr]]); /smart opens it by itself
  POST /fhir/$assess-risk           our own API: a chart's risks; /fhir/$embed: the model's state; /fhir: a batch
  GET  /fhir/metadata  /docs        what the API offers, for machines and for people (docs/guides/api.md)
  GET  /.well-known/jwks.json       public halves of our own keys, where [keys] names a folder
  GET  /healthz  /readyz  /metrics  alive; ready (model and database loaded); Prometheus text

Production mode, the default, needs TLS and a [[cds_client]] table for each EHR (docs/guides/trust.md). To look around:
  PRODROME__SERVER__MODE=development prodrome serve
  curl http://127.0.0.1:8080/cds-services

SIGTERM or SIGINT: accepted calls are finished, then it ends.
Exit codes: 0 stopped as told; 1 failed while running; 2 a setting cannot be used.";

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("the server failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("a part of the server ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Runs the command; the exit code is the one that its help names.
pub fn run(arguments: &Serve) -> ExitCode {
    super::ended(serve(arguments), |error| if matches!(error, ServeError::Settings(_)) { 2 } else { 1 })
}

fn serve(arguments: &Serve) -> Result<(), ServeError> {
    let settings = Settings::load(arguments.config.as_deref())?;
    logging::start(&settings.telemetry);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut running = start(settings).await?;
        say!("prodrome listens on {}://{}", running.scheme, running.address);
        tokio::select! {
            failed = running.failed() => return Err(failed),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: accepted calls are finished, new ones refused");
        running.stop().await
    });
    // A model that still loads is not waited for.
    runtime.shutdown_background();
    ended
}

/// A server that listens.
pub struct Running {
    pub address: SocketAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    /// Gone once awaited.
    loading: Option<JoinHandle<Result<(), ServeError>>>,
    state: Data<State>,
}

/// Starts with the model package of the settings.
pub async fn start(settings: Settings) -> Result<Running, ServeError> {
    start_with(settings, |settings| Ok(Arc::new(Model::load(&settings.path)?))).await
}

/// Binds the address and starts to load; returns as soon as the server answers. `load_model` runs on a thread
/// that may block.
pub async fn start_with(
    settings: Settings,
    load_model: impl FnOnce(&settings::Model) -> Result<Arc<dyn Oracle>, PackageError> + Send + 'static,
) -> Result<Running, ServeError> {
    let bound = bind(settings.server.bind).map_err(|error| {
        let remedy = "stop what holds this address or choose another one";
        settings::unusable("server.bind", settings.server.bind.to_string(), &error.to_string(), remedy)
    })?;
    start_on(bound, settings, load_model)
}

/// The same on an address that was bound before, for settings that have to name it.
pub fn start_on(
    bound: Bound,
    settings: Settings,
    load_model: impl FnOnce(&settings::Model) -> Result<Arc<dyn Oracle>, PackageError> + Send + 'static,
) -> Result<Running, ServeError> {
    let trust = Trust::new(&settings)?;
    let tls = settings.server.tls.as_ref().map(tls::configuration).transpose()?;
    let own_keys = settings.keys.as_deref().map(own_keys).transpose()?;
    let access = AccessTrust::new(&settings.authorization_servers, own_keys.as_ref())?;
    let smart = SmartApp::of(&settings, own_keys.as_ref())?;
    let state = Data::new(State::new(&settings, (trust, access), own_keys, smart, metrics::start()));
    ReadyChanged { ready: false, model: "" }.emit();
    let (address, scheme) = (bound.address, if tls.is_some() { "https" } else { "http" });
    let (handle, server) = bound.start(&settings.server, state.clone(), tls)?;
    let server = tokio::spawn(server);
    let loading = Some(tokio::spawn(load(settings, state.clone(), load_model)));
    Ok(Running { address, scheme, handle, server, loading, state })
}

fn own_keys(folder: &Path) -> Result<Arc<OwnKeys>, SettingsError> {
    let remedy = "make keys with `prodrome keys new`, or leave the setting empty";
    let unusable = |error: OwnKeysError| {
        settings::unusable("keys.folder", folder.display().to_string(), &error.to_string(), remedy)
    };
    OwnKeys::open(folder).map(Arc::new).map_err(unusable)
}

/// Loads model, services and database, then lets calls in.
async fn load(
    settings: Settings,
    state: Data<State>,
    load_model: impl FnOnce(&settings::Model) -> Result<Arc<dyn Oracle>, PackageError> + Send + 'static,
) -> Result<(), ServeError> {
    let database = open_database(&settings.database.url).await?;
    let card_handles = CardHandles::new(database.clone());
    let app_links = launch_url(&settings).map(|launch_url| AppLinks {
        launch_url,
        fhir_servers: settings.ehrs.iter().map(|ehr| ehr.fhir_server.clone()).collect(),
        handles: card_handles.clone(),
    });
    let package = settings.model.path.display().to_string();
    let oracle = tokio::task::spawn_blocking(move || load_model(&settings.model)).await?.map_err(|error| {
        settings::unusable("model.path", package, &error.to_string(), "give the folder of a model package")
    })?;
    let model = oracle.identity().to_string();
    let catalogue = Catalogue::load(&settings.services, Known::of(&*oracle)).map_err(|error| {
        let folder = settings.services.display().to_string();
        settings::unusable(
            "services.path",
            folder,
            &error.to_string(),
            "correct the definition or choose another folder",
        )
    })?;
    let size = EngineSize {
        threads: settings.engine.threads,
        token_budget: settings.engine.token_budget,
        queue_length: settings.engine.queue_length,
    };
    let hooks = HookParts {
        catalogue: Arc::new(catalogue),
        predictor: Arc::new(Predictor::start(oracle, size, settings.engine.cache_entries)?),
        fhir: FhirReader::new(settings.fhir).with_keys(state.own_keys.clone()),
        audit: Audit::new(database.clone()),
        patience: settings.engine.deadline,
        documentation_url: settings.server.documentation_url,
        app_links,
    };
    let feedback = Feedback::new(database.clone());
    state.become_ready(Parts { database, feedback, card_handles, hooks: Arc::new(hooks) });
    ReadyChanged { ready: true, model: &model }.emit();
    Ok(())
}

async fn open_database(url: &str) -> Result<Database, SettingsError> {
    Database::open(url).await.map_err(|error| {
        let remedy = "give a folder that can be written to, or start the database and check address and password";
        settings::unusable("database.url", url, &error.to_string(), remedy)
    })
}

impl Running {
    /// Waits until calls are served.
    pub async fn ready(&mut self) -> Result<(), ServeError> {
        let Some(loading) = &mut self.loading else { return Ok(()) };
        let loaded = loading.await;
        self.loading = None;
        loaded?
    }

    /// Waits until something fails; never, if nothing does.
    pub async fn failed(&mut self) -> ServeError {
        if let Err(error) = self.ready().await {
            self.handle.stop(false).await;
            return error;
        }
        match (&mut self.server).await {
            Ok(Ok(())) => ServeError::Io(std::io::Error::other("it stopped by itself")),
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        }
    }

    /// What calls are served with, for callers within the process; `None` before [`Running::ready`].
    pub fn parts(&self) -> Option<&Parts> {
        self.state.parts().ok()
    }

    /// Finishes accepted calls, refuses new ones, closes the database.
    pub async fn stop(mut self) -> Result<(), ServeError> {
        if let Some(loading) = &self.loading {
            loading.abort();
        }
        self.handle.stop(true).await;
        let ended = (&mut self.server).await;
        self.close_database().await;
        Ok(ended??)
    }

    /// Closes the database, if it is open; what still asks it is refused.
    pub async fn close_database(&self) {
        if let Ok(parts) = self.state.parts() {
            parts.database.close().await;
        }
    }
}
