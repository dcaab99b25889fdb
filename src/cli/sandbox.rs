//! `prodrome sandbox`: the sandbox EHR alone, calling any CDS services, ours or not.

use super::demo::{CallSignature, DemoError, address_of, listen, shipped};
use super::demo_clients;
use crate::platform::terminal::say;
use crate::sandbox_ehr::{Profile, SandboxEhr, read_folder, read_registrations};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Start the sandbox EHR alone, to call any CDS Hooks services
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = HELP)]
pub struct Sandbox {
    /// Base address of a CDS Hooks server: what stands before /cds-services. May be given several times
    #[arg(long = "service", value_name = "URL", required = true, value_parser = base)]
    pub services: Vec<String>,
    /// Address of the page; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub page: SocketAddr,
    /// Show these patients: a folder of NDJSON files, plain or .zst, one patient each (default: those shipped)
    #[arg(long, value_name = "FOLDER")]
    pub patients: Option<PathBuf>,
    /// Whom the EHR takes after at first
    #[arg(long, value_name = "PROFILE", default_value = "plain", value_parser = profile)]
    pub profile: Profile,
    /// Let the FHIR server answer without a token: whoever reaches the page's address reads every chart
    #[arg(long)]
    pub open_fhir: bool,
    /// Register clients: a TOML file of [[client]] tables (docs/guides/sandbox-ehr.md)
    #[arg(long, value_name = "FILE")]
    pub clients: Option<PathBuf>,
    /// What hook calls are signed with
    #[arg(long, value_enum, default_value = "ES384")]
    pub signature: CallSignature,
}

const HELP: &str = "\
Examples:
  prodrome sandbox --service http://127.0.0.1:8080
  prodrome sandbox --service https://cds.example.org/tenants/a --service http://127.0.0.1:9000 --profile epic

Open the printed address in a browser: choose a patient, open the chart, enter orders, book, admit, discharge. Each step
fires its hook at every service that lists it, and the cards are drawn as an EHR draws them. \"Behavior\" lets the EHR take
after others (plain, epic, oracle, inferno) and fail; \"Calls\" shows what was sent and received.

Tests drive the same EHR by JSON at /control, such as
  curl -X PUT -H 'content-type: application/json' -d '{\"patient\": \"ea00005\"}' http://127.0.0.1:8090/control/desk
  curl -X POST -H 'content-type: application/json' -d '{\"hook\": \"patient-view\"}' http://127.0.0.1:8090/control/fire
/control/openapi.json describes it for generated clients, docs/guides/sandbox-ehr.md lists all addresses.

Calls are signed. A service that verifies them needs to know the issuer, which is the page's address, and its keys at
/.well-known/jwks.json; one that reads FHIR reads /fhir of the page. No other server is ever called than those named.
Everything is synthetic: never use real patients.

Ctrl-C stops it. Exit codes: 0 stopped as told; 1 failed while running; 2 an argument cannot be used.";

/// A base address as it is used: without `/cds-services` and without a final slash.
fn base(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    let usable = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    if !usable || url.query().is_some() || url.fragment().is_some() {
        return Err("it has to begin with http:// or https:// and have neither ? nor #".to_owned());
    }
    let text = text.trim_end_matches('/');
    Ok(text.strip_suffix("/cds-services").unwrap_or(text).trim_end_matches('/').to_owned())
}

fn profile(name: &str) -> Result<Profile, String> {
    let known = || Profile::ALL.map(Profile::name).join(", ");
    Profile::parse(name).ok_or_else(|| format!("the profiles are {}", known()))
}

/// Runs the command until Ctrl-C.
pub fn run(arguments: &Sandbox) -> ExitCode {
    super::ended(serve(arguments), DemoError::exit_code)
}

fn serve(arguments: &Sandbox) -> Result<(), DemoError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let listener = listen(arguments.page, "--page")?;
        let page = address_of(listener.local_addr()?);
        let charts = read_folder(&arguments.patients.clone().unwrap_or_else(|| shipped("demo/patients")))?;
        let patients = charts.len();
        let mut clients = vec![demo_clients::public_app()];
        if let Some(file) = &arguments.clients {
            clients.extend(read_registrations(file)?);
        }
        let mut services = arguments.services.iter().cloned();
        let ehr = SandboxEhr::new(charts, services.next().unwrap_or_default(), page.clone(), clients)?
            .calling_as("cds-service")
            .signing_with(arguments.signature.made())
            .taking_after(arguments.profile);
        let ehr = services.zip(2..).fold(ehr, |ehr, (base, n)| ehr.calling_too(base, format!("cds-service-{n}")));
        let ehr = if arguments.open_fhir { ehr.open() } else { ehr };
        let serving = ehr.serve(listener)?;
        let handle = serving.handle();
        let task = tokio::spawn(serving);
        say!("Sandbox EHR with {patients} synthetic patients: not for real ones.\n\n  Page      {page}\n  Control   {page}/control");
        for service in &arguments.services {
            say!("  Calls     {service}/cds-services");
        }
        say!("\n  Ctrl-C stops it.");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        handle.stop(true).await;
        task.await.map_err(super::serve::ServeError::from)??;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_is_what_stands_before_the_list() {
        for text in ["http://a:1/b", "http://a:1/b/", "http://a:1/b/cds-services", "http://a:1/b/cds-services/"] {
            assert_eq!(base(text).as_deref(), Ok("http://a:1/b"));
        }
        for text in ["a:1", "ftp://a", "http://a?b", "http://a#b", "", "file:///cds-services"] {
            assert!(base(text).is_err(), "{text}");
        }
    }
}
