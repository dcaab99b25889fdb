//! `prodrome demo`: the server and the sandbox EHR beside it, on this machine, with synthetic patients.
//!
//! Everything it needs is in the repository. The server runs in development mode: never with real patients.

use super::demo_clients;
use super::serve::{self, Running, ServeError};
use crate::platform::settings::{self, Settings, SettingsError};
use crate::platform::telemetry::logging;
use crate::platform::terminal::say;
use crate::prediction::answer::Oracle;
use crate::prediction::model::{Model, PackageError};
use crate::sandbox_ehr::{ChartsError, RegistrationError, SandboxEhr, read_folder};
use crate::trust::{KeyFolder, KeyKind, OwnKeysError, Signature};
use crate::web::server::{Bound, bind};
use actix_web::dev::ServerHandle;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

/// Start the server with a sandbox EHR and synthetic patients
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = HELP)]
pub struct Demo {
    /// Address of the CDS Hooks server; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind: SocketAddr,
    /// Address of the sandbox EHR's page
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub page: SocketAddr,
    /// Keep the database in this folder (default: a temporary one, gone at the end)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Show these patients: a folder of NDJSON files, plain or .zst, one patient each (default: those shipped)
    #[arg(long, value_name = "DIR")]
    pub patients: Option<PathBuf>,
    /// Let a backend service with these public keys (a file or an address) have tokens at the sandbox EHR's /token,
    /// as client `prodrome-backend`
    #[arg(long, value_name = "FILE|URL")]
    pub backend_jwks: Option<String>,
    /// Let the sandbox EHR's FHIR server answer without a token, for EHR clients that run in a browser, as the public
    /// CDS Hooks sandbox: whoever reaches the page's address reads every chart
    #[arg(long)]
    pub open_fhir: bool,
    /// Register more clients with the sandbox EHR: a TOML file of [[client]] tables (docs/guides/sandbox-ehr.md)
    #[arg(long, value_name = "FILE")]
    pub clients: Option<PathBuf>,
    /// What the sandbox EHR signs its hook calls with
    #[arg(long, value_enum, default_value = "ES384")]
    pub signature: CallSignature,
}

/// The two signatures that CDS Hooks recommends.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum CallSignature {
    #[value(name = "ES384")]
    Es384,
    #[value(name = "RS384")]
    Rs384,
}

impl CallSignature {
    pub(super) fn made(self) -> Signature {
        match self {
            Self::Es384 => Signature::Es384,
            Self::Rs384 => Signature::Rs384,
        }
    }
}

const HELP: &str = "\
Open the printed address in a browser, choose a patient and press \"Open chart\": the page's server sends the chart
to the CDS Hooks server as any EHR would, and draws the cards that come back. Accepting or dismissing a card sends
feedback. Everything is synthetic; nothing leaves this machine.

With \"without prefetch\" ticked the call holds no chart: the server reads it from the sandbox EHR's FHIR server (/fhir)
with the token of the call. docs/guides/read-back.md tells of both ways to a token. With --open-fhir another EHR client
may show the same patients: docs/guides/public-sandbox.md.

The sandbox EHR is a SMART authorization server too: it launches apps from cards and lets them start by themselves.
docs/guides/sandbox-ehr.md tells of its addresses, of the clients that are registered and of /control, by which tests drive it.

Other settings come from the environment as for `prodrome serve`: PRODROME__MODEL__PATH, PRODROME__TELEMETRY__FILTER.

Ctrl-C stops both. Exit codes: 0 stopped as told; 1 failed while running; 2 an argument or setting cannot be used.";

/// The folder of the server's own keys, beside the database.
const KEYS: &str = "keys";
/// The shipped patient whose call is printed as an example.
const EXAMPLE: &str = "ea00005";

/// Why the demo does not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(
        "{address} cannot be used ({reason}): stop what listens there, or choose another port with `{option} {free}`"
    )]
    AddressTaken { address: SocketAddr, option: &'static str, free: SocketAddr, reason: std::io::Error },
    #[error("{0}; `--patients DIR` names another folder")]
    Patients(#[from] ChartsError),
    #[error("{0}; `--clients FILE` names another file")]
    Clients(#[from] RegistrationError),
    #[error("the server's own keys: {0}")]
    Keys(#[from] OwnKeysError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("`--data {folder}` cannot be made: {reason}")]
    Data { folder: String, reason: std::io::Error },
    #[error(transparent)]
    Server(#[from] ServeError),
    #[error("the demo failed: {0}")]
    Page(#[from] std::io::Error),
}

impl DemoError {
    /// 2 where an argument or setting has to change, 1 otherwise.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Page(_) => 1,
            Self::Server(error) if !matches!(error, ServeError::Settings(_)) => 1,
            _ => 2,
        }
    }
}

/// Runs the command until Ctrl-C.
pub fn run(arguments: &Demo) -> ExitCode {
    super::ended(demonstrate(arguments), DemoError::exit_code)
}

fn demonstrate(arguments: &Demo) -> Result<(), DemoError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let begun = Instant::now();
        say!("Prodrome demo. Synthetic patients, development mode: not for real ones.\n");
        let mut running = start(arguments).await?;
        let ready = tokio::select! {
            ready = running.server.ready() => ready,
            _ = terminate.recv() => return running.stop().await,
            _ = interrupt.recv() => return running.stop().await,
        };
        ready?;
        running.announce(begun);
        tokio::select! {
            failed = running.server.failed() => return Err(failed.into()),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        say!("\nstopping");
        running.stop().await
    });
    // A model that still loads is not waited for.
    runtime.shutdown_background();
    ended
}

/// Server and page, both listening.
pub struct Demonstration {
    pub server: Running,
    /// Where the page is, without a final slash.
    pub page: String,
    /// Where the CDS Hooks server is, without a final slash.
    pub cds: String,
    patients: usize,
    example: Option<String>,
    page_handle: ServerHandle,
    page_task: JoinHandle<std::io::Result<()>>,
    kept: Option<PathBuf>,
    /// Holds the temporary database until the end.
    _temporary: Option<TempDir>,
}

/// Starts both with the model package of the settings.
pub async fn start(arguments: &Demo) -> Result<Demonstration, DemoError> {
    logging::start(&settings_of(arguments.bind, Path::new("."), &address_of(arguments.page))?.telemetry);
    start_with(arguments, |settings| Ok(Arc::new(Model::load(&settings.path)?))).await
}

/// Starts both. The page answers at once, the server as soon as its model is loaded.
pub async fn start_with(
    arguments: &Demo,
    load_model: impl FnOnce(&settings::Model) -> Result<Arc<dyn Oracle>, PackageError> + Send + 'static,
) -> Result<Demonstration, DemoError> {
    let page_listener = listen(arguments.page, "--page")?;
    let bound = reserve(arguments.bind)?;
    let charts = read_folder(&arguments.patients.clone().unwrap_or_else(|| shipped("demo/patients")))?;
    let (folder, temporary) = database_folder(arguments.data.as_deref())?;
    let page = address_of(page_listener.local_addr()?);
    let cds = address_of(bound.address);
    let (patients, example) = (charts.len(), example_of(charts.iter().map(|chart| &*chart.id)));
    let clients = demo_clients::all(&cds, arguments.backend_jwks.as_deref(), arguments.clients.as_deref())?;
    let ehr = SandboxEhr::new(charts, cds.clone(), page.clone(), clients)?
        .signing_with(arguments.signature.made())
        .accepted_by(&format!("{cds}/fhir"));
    let ehr = if arguments.open_fhir { ehr.open() } else { ehr };
    let settings = settings_of(bound.address, &folder, &page)?;
    make_keys(&settings, &folder)?;
    let server = serve::start_on(bound, settings, load_model)?;
    let serving = ehr.serve(page_listener)?;
    let (page_handle, page_task) = (serving.handle(), tokio::spawn(serving));
    let kept = arguments.data.as_ref().map(|_| folder);
    Ok(Demonstration { server, page, cds, patients, example, page_handle, page_task, kept, _temporary: temporary })
}

/// A key by which the sandbox EHR knows the server's app, unless the environment names other keys or a kept folder has one.
fn make_keys(settings: &Settings, folder: &Path) -> Result<(), DemoError> {
    let ours = folder.join(KEYS);
    if settings.keys.as_deref() == Some(&*ours) && !ours.exists() {
        KeyFolder::new(&ours).make(KeyKind::Es384)?;
    }
    Ok(())
}

pub(super) fn listen(address: SocketAddr, option: &'static str) -> Result<TcpListener, DemoError> {
    TcpListener::bind(address).map_err(|reason| taken(address, option, reason))
}

fn reserve(address: SocketAddr) -> Result<Bound, DemoError> {
    bind(address).map_err(|reason| taken(address, "--bind", reason))
}

fn taken(address: SocketAddr, option: &'static str, reason: std::io::Error) -> DemoError {
    let free = SocketAddr::new(address.ip(), if address.port() < 10_000 { address.port() + 10_000 } else { 0 });
    DemoError::AddressTaken { address, option, free, reason }
}

/// The address to call: a listener on every address is reached on loopback.
pub(super) fn address_of(address: SocketAddr) -> String {
    let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

fn example_of<'a>(ids: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    ids.clone().find(|id| *id == EXAMPLE).or_else(|| ids.clone().next()).map(str::to_owned)
}

fn database_folder(data: Option<&Path>) -> Result<(PathBuf, Option<TempDir>), DemoError> {
    match data {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .map_err(|reason| DemoError::Data { folder: folder.display().to_string(), reason })?;
            Ok((folder.into(), None))
        }
        None => {
            let temporary = tempfile::Builder::new().prefix("prodrome-demo-").tempdir()?;
            Ok((temporary.path().into(), Some(temporary)))
        }
    }
}

/// The settings of a demo: what was shipped and development mode, under the environment; the arguments win. The sandbox
/// EHR at `page` is the client whose calls are verified and whose FHIR server may be read, the EHR that knows our app, and
/// the authorization server whose tokens our own API takes: it is asked about each, as that app.
fn settings_of(bind: SocketAddr, database: &Path, page: &str) -> Result<Settings, SettingsError> {
    let set = |key: &str, value: String| (format!("PRODROME__{key}"), value);
    let path = |key: &str, path: PathBuf| set(key, path.display().to_string());
    let defaults = [
        path("MODEL__PATH", shipped("models/prodrome-s")),
        path("SERVICES__PATH", shipped("cds-services")),
        path("KEYS__FOLDER", database.join(KEYS)),
        set("TELEMETRY__FILTER", "warn".to_owned()),
    ];
    let ehr = format!(
        "[{{ name = \"sandbox-ehr\", issuer = \"{page}\", jwks_url = \"{page}/.well-known/jwks.json\", \
         fhir_servers = [\"{page}/fhir\"] }}]"
    );
    let app = format!(
        "[{{ name = \"{}\", fhir_server = \"{page}/fhir\", client_id = \"{}\" }}]",
        demo_clients::REGISTRATION,
        demo_clients::APP
    );
    let tokens = format!(
        "[{{ name = \"sandbox-ehr\", issuer = \"{page}\", fhir_server = \"{page}/fhir\", client_id = \"{}\", \
         introspection_url = \"{page}/introspect\", token_url = \"{page}/token\", authorize_url = \"{page}/authorize\" }}]",
        demo_clients::APP
    );
    let arguments = [
        set("CDS_CLIENT", ehr),
        set("EHR", app),
        set("AUTHORIZATION_SERVER", tokens),
        set("SERVER__MODE", "development".to_owned()),
        set("SERVER__BIND", bind.to_string()),
        set("SERVER__PUBLIC_URL", address_of(bind)),
        set("DATABASE__URL", format!("sqlite:{}", database.join("prodrome.sqlite").display())),
    ];
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    let together: std::collections::BTreeMap<_, _> = defaults.into_iter().chain(environment).chain(arguments).collect();
    Settings::read(None, together.into_iter())
}

/// A folder of the repository: from the working directory upwards, else where this program was built.
pub(super) fn shipped(folder: &str) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let above = here.ancestors().map(|above| above.join(folder)).find(|path| path.is_dir());
    above.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
}

impl Demonstration {
    fn announce(&self, begun: Instant) {
        let (page, cds) = (&self.page, &self.cds);
        say!("  Ready in {:.1} s with {} patients.\n", begun.elapsed().as_secs_f64(), self.patients);
        say!("  Sandbox EHR        {page}");
        say!("  CDS Hooks server   {cds}/cds-services");
        say!("  Our own API        {cds}/docs");
        say!("                     without a token, as in development; tokens of the sandbox EHR are checked\n");
        if let Some(id) = &self.example {
            say!("  One call from another terminal:\n");
            say!(
                "curl -s {page}/patients/{id}/patient-view.json | curl -s -H 'Content-Type: application/json' --data-binary @- {cds}/cds-services/early-detection\n"
            );
        }
        match &self.kept {
            Some(folder) => say!("  Answers and feedback are stored in {}.", folder.display()),
            None => say!("  Answers and feedback are stored until the end; --data DIR keeps them."),
        }
        say!("  Ctrl-C stops both.");
    }

    /// Stops page and server; accepted calls are finished.
    pub async fn stop(self) -> Result<(), DemoError> {
        self.page_handle.stop(true).await;
        self.page_task.await.map_err(ServeError::from)??;
        self.server.stop().await?;
        Ok(())
    }
}
