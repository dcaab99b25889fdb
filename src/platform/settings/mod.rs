//! Typed settings: `config/default.toml`, then the file of `--config`, then `PRODROME__SECTION__KEY`.
//!
//! Owns every key, its meaning and what makes a value unusable; a value that cannot be used is an error with
//! key, value, reason and remedy, and the command line ends with exit code 2. Reads no file but the settings.

mod addresses;
mod authorization_server;
mod cds_client;
mod ehr;
mod layers;
mod measure;
mod server;

pub use addresses::is_callable;
pub use authorization_server::{AuthorizationServer, IntrospectionClient, IntrospectionEndpoint, Vouching};
pub use cds_client::{Backend, CdsClient, KeySource, Quirks};
pub use ehr::{AppAuthentication, Ehr, Smart};
pub use server::{Discovery, Mode, Server, Tls};

use layers::{Layers, Origin};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// With it, the answer still comes within 2.5 s of the call.
const LONGEST_READ_BACK: Duration = Duration::from_secs(2);

/// Every setting.
#[derive(Clone, Debug)]
pub struct Settings {
    pub server: Server,
    pub database: Database,
    pub model: Model,
    /// The folder of the CDS Services.
    pub services: PathBuf,
    pub engine: Engine,
    pub fhir: FhirLimits,
    /// The folder of our own private keys.
    pub keys: Option<PathBuf>,
    pub telemetry: Telemetry,
    pub cds_clients: Vec<CdsClient>,
    /// EHRs at which our SMART app is registered.
    pub ehrs: Vec<Ehr>,
    pub smart: Smart,
    /// Whose access tokens our own API takes.
    pub authorization_servers: Vec<AuthorizationServer>,
}

/// `[database]`
#[derive(Clone)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`. May hold a password, so it stays out of `Debug`.
    pub url: String,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database {{ url: {:?} }}", without_password(&self.url))
    }
}

/// `[model]`
#[derive(Clone, Debug)]
pub struct Model {
    pub path: PathBuf,
    pub device: Device,
}

/// What runs the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Auto,
    Cpu,
}

/// `[engine]`
#[derive(Clone, Debug)]
pub struct Engine {
    /// Threads that run the model; never 0 here.
    pub threads: usize,
    /// Tokens that one batch may hold.
    pub token_budget: usize,
    /// Calls that may wait.
    pub queue_length: usize,
    /// Waiting and running together.
    pub deadline: Duration,
    pub cache_entries: u64,
}

/// `[fhir]`: what one call may take from an EHR's FHIR server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FhirLimits {
    /// From the first request to the last byte, for a hook.
    pub patience: Duration,
    /// The same for a chart that somebody asked for: our app's page and our API, where a whole chart is worth more than an
    /// early one.
    pub chart_patience: Duration,
    /// Bytes of all answers together.
    pub bytes: usize,
    /// Pages of one query.
    pub pages: usize,
    /// Requests at a time at each FHIR server, over all calls of this process.
    pub requests: usize,
}

/// `[telemetry]`
#[derive(Clone, Debug)]
pub struct Telemetry {
    pub format: LogFormat,
    pub filter: String,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Why the settings cannot be used. Always exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("settings file `{path}` cannot be read: {reason}; give the path of an existing TOML file")]
    File { path: String, reason: String },
    #[error("settings file `{path}` is not TOML: {reason}")]
    Toml { path: String, reason: String },
    #[error("unknown setting `{key}` (from {origin}); the nearest one is `{nearest}`")]
    UnknownKey { key: String, origin: String, nearest: String },
    #[error("setting `{key}` = {value} (from {origin}) cannot be used: {reason}; {remedy}")]
    Unusable { key: String, value: String, origin: String, reason: String, remedy: String },
}

impl SettingsError {
    fn unusable(key: &str, value: &toml::Value, origin: &Origin, reason: &str, remedy: &str) -> Self {
        let value = match value {
            toml::Value::String(text) if key == "database.url" => format!("{:?}", without_password(text)),
            other => other.to_string(),
        };
        let (key, origin, reason, remedy) = (key.into(), origin.to_string(), reason.into(), remedy.into());
        Self::Unusable { key, value, origin, reason, remedy }
    }
}

impl Settings {
    /// Reads the settings of this process: its environment over `file` over the defaults.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
        Self::read(file, environment)
    }

    /// Reads settings from `file` and the given environment.
    pub fn read(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let layers = Layers::read(file, environment)?;
        let server = server::read(&layers)?;
        let keys = layers.optional_text("keys.folder")?.map(PathBuf::from);
        let settings = Self {
            authorization_servers: authorization_server::read(&layers, server.public_url.as_deref())?,
            ehrs: ehr::read(&layers, &server, keys.as_deref())?,
            smart: ehr::smart(&layers)?,
            server,
            database: database(&layers)?,
            model: Model { path: folder(&layers, "model.path")?, device: device(&layers)? },
            services: folder(&layers, "services.path")?,
            engine: engine(&layers)?,
            fhir: fhir(&layers)?,
            keys,
            telemetry: telemetry(&layers)?,
            cds_clients: cds_client::read(&layers)?,
        };
        addresses::check(&layers, &settings)?;
        if settings.keys.is_none() && settings.cds_clients.iter().any(|client| client.backend.is_some()) {
            let remedy = "make keys with `prodrome keys new --folder keys` and name their folder";
            return Err(layers.unusable("keys.folder", "a client with `backend_token_url` needs our own keys", remedy));
        }
        if settings.keys.is_none() && settings.authorization_servers.iter().any(AuthorizationServer::wants_our_keys) {
            let remedy = "make keys with `prodrome keys new --folder keys` and name their folder, or give a `client_secret_file`";
            let why = "an authorization server with `introspection_url` and no secret needs our own keys";
            return Err(layers.unusable("keys.folder", why, remedy));
        }
        Ok(settings)
    }
}

/// The error of a setting whose value turned out unusable after reading, such as a folder that is not there.
pub fn unusable(key: &str, value: impl Into<String>, reason: &str, remedy: &str) -> SettingsError {
    let value = toml::Value::String(value.into());
    match SettingsError::unusable(key, &value, &Origin::Default, reason, remedy) {
        SettingsError::Unusable { key, value, reason, remedy, .. } => {
            SettingsError::Unusable { key, value, origin: "the settings in force".into(), reason, remedy }
        }
        other => other,
    }
}

/// A database address as it may be shown.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_string() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rfind('@')) {
        Some(at) => {
            let (credentials, host) = rest.split_at(at);
            let user = credentials.split(':').next().unwrap_or_default();
            let query = host.find('?').unwrap_or(host.len());
            format!("{scheme}://{user}:***{}", host.get(..query).unwrap_or_default())
        }
        None => format!("{scheme}://{}", rest.split('?').next().unwrap_or_default()),
    }
}

fn folder(layers: &Layers, key: &str) -> Result<PathBuf, SettingsError> {
    let text = layers.optional_text(key)?;
    text.map(PathBuf::from).ok_or_else(|| layers.unusable(key, "it is empty", "write the path of a folder"))
}

fn database(layers: &Layers) -> Result<Database, SettingsError> {
    let url = layers.text("database.url")?;
    let path = url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//"));
    let known = match path {
        Some(path) => !path.is_empty() && !path.starts_with(':') && !path.contains(['?', '#']),
        None => url.starts_with("postgres://") || url.starts_with("postgresql://"),
    };
    if known {
        return Ok(Database { url });
    }
    let remedy = "write \"sqlite:PATH\" (without parameters) or \"postgres://user:password@host/database\"";
    Err(layers.unusable("database.url", "it names no database that can be used", remedy))
}

fn device(layers: &Layers) -> Result<Device, SettingsError> {
    let text = layers.text("model.device")?;
    match text.as_str() {
        "auto" => Ok(Device::Auto),
        "cpu" => Ok(Device::Cpu),
        _ => match text.strip_prefix("cuda:").and_then(|index| index.parse::<usize>().ok()) {
            Some(_) => Err(layers.unusable(
                "model.device",
                "this build runs models on processors only",
                "write \"auto\" or \"cpu\"",
            )),
            None => Err(layers.unusable("model.device", "it is none of the choices", "write \"auto\" or \"cpu\"")),
        },
    }
}

fn engine(layers: &Layers) -> Result<Engine, SettingsError> {
    let threads = match layers.count("engine.threads", 0)? {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    Ok(Engine {
        threads,
        token_budget: layers.count("engine.token_budget", 128)?,
        queue_length: layers.count("engine.queue_length", 1)?,
        deadline: layers.duration("engine.deadline")?,
        cache_entries: layers.count("engine.cache_entries", 0)? as u64,
    })
}

fn fhir(layers: &Layers) -> Result<FhirLimits, SettingsError> {
    let patience = layers.duration("fhir.deadline")?;
    if patience > LONGEST_READ_BACK {
        let remedy = "write at most \"2 s\": clinicians wait for the whole answer";
        return Err(layers.unusable("fhir.deadline", "an answer would come too late", remedy));
    }
    Ok(FhirLimits {
        patience,
        chart_patience: layers.duration("fhir.chart_deadline")?,
        bytes: layers.size("fhir.max_bytes")?,
        pages: layers.count("fhir.pages", 1)?,
        requests: layers.count("fhir.requests", 1)?,
    })
}

fn telemetry(layers: &Layers) -> Result<Telemetry, SettingsError> {
    let filter = layers.text("telemetry.filter")?;
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
        let remedy = "write a level such as \"info\" or directives such as \"info,prodrome=debug\"";
        return Err(layers.unusable("telemetry.filter", &error.to_string(), remedy));
    }
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    Ok(Telemetry { format: layers.choice("telemetry.format", &formats)?, filter })
}

#[cfg(test)]
mod tests;
