//! The tracing subscriber: text or JSON lines on standard error.

use crate::platform::settings::{LogFormat, Telemetry};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What no filter of an operator switches on: these libraries write requests and queries at these levels.
const NEVER: [&str; 4] = ["actix_http=info", "actix_web=info", "sqlx=warn", "h2=info"];

/// Starts logging to standard error. A second call changes nothing.
pub fn start(settings: &Telemetry) {
    let subscriber = subscriber(settings, std::io::stderr);
    let _already_started = tracing::subscriber::set_global_default(subscriber);
    log_panics_by_place();
}

/// A panic's message may quote what was being read, so only its place is logged.
fn log_panics_by_place() {
    std::panic::set_hook(Box::new(|panic| {
        let (file, line) = panic.location().map_or(("", 0), |place| (place.file(), place.line()));
        tracing::error!(file, line, "a fault in this program");
    }));
}

/// The subscriber that [`start`] installs, writing to `writer`.
pub fn subscriber<W>(settings: &Telemetry, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let mut filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    for directive in NEVER {
        if let Ok(directive) = directive.parse() {
            filter = filter.add_directive(directive);
        }
    }
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    // Where the log cannot be written, the library would say so on standard error, and panic if that is gone too.
    let lines = lines.log_internal_errors(false);
    match settings.format {
        LogFormat::Text => Box::new(lines.finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    }
}
