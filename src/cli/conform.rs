//! `prodrome conform`: whether a CDS Hooks service does what the specification asks. Reads the command line, runs
//! the checks, writes the reports.

use crate::conform::{self, Agreement, Chart, ChartError, ConformError, KeyError, Options, Report, Signer, SigningKey};
use crate::platform::terminal::{remark, say};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Judge any CDS Hooks service by the specification, from outside
///
/// Starts a mock EHR on this machine, discovers the services at --url, calls each of them well and badly, and says of
/// every item whether it passed, failed (with what was seen), was not seen (with the reason), or cannot be seen from
/// outside. Charts sent are synthetic unless --chart gives one; reports never hold chart data.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Conform {
    /// Base URL of the service, `https://cds.example.org`
    #[arg(long, required_unless_present_any = ["list", "write_jwks"])]
    url: Option<String>,
    /// Send this chart, a FHIR Bundle in JSON (default: a small synthetic one)
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Which patient of the chart, where it holds several
    #[arg(long, value_name = "ID", requires = "chart")]
    patient: Option<String>,
    /// Sign every call as this issuer, and judge what the service does with forged tokens
    #[arg(long, value_name = "URL", requires = "key")]
    issuer: Option<String>,
    /// Private key of the issuer, P-384 (ES384) or RSA (RS384), PKCS #8 in PEM; may be repeated
    #[arg(long, value_name = "FILE", requires = "issuer")]
    key: Vec<PathBuf>,
    /// What the service calls the key; once for each --key (default: conform-es384, conform-rs384)
    #[arg(long, requires = "key")]
    kid: Vec<String>,
    /// Base URL that tokens name in place of --url, as the service's settings have it
    #[arg(long, value_name = "URL", requires = "key")]
    audience: Option<String>,
    /// Write the public keys as a JWK Set, to be registered with the service; without --url nothing else is done
    #[arg(long, value_name = "FILE", requires = "key")]
    write_jwks: Option<PathBuf>,
    /// Address of the mock EHR on this machine; a fixed port lets a service know it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = loopback)]
    ehr_bind: SocketAddr,
    /// A web page that the service lets call, `https://ehr.example.org`
    #[arg(long)]
    origin: Option<String>,
    /// Where the service is documented for people
    #[arg(long, value_name = "URL")]
    documentation: Option<String>,
    /// What was agreed with the service beyond the defaults; may be repeated
    #[arg(long, value_enum)]
    agreed: Vec<Agreed>,
    /// Calls of each service to measure its speed
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    calls: u16,
    /// List every item with its words: what passed, and what cannot be seen from outside, as well
    #[arg(long)]
    verbose: bool,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the list of items and judge nothing
    #[arg(long, conflicts_with = "url")]
    list: bool,
    /// Print the list as a Markdown table
    #[arg(long, requires = "list")]
    markdown: bool,
}

/// Features that a service uses only by agreement.
#[derive(Clone, Copy, ValueEnum)]
enum Agreed {
    SystemActions,
    ActionSelection,
    Autolaunch,
}

const HELP: &str = "\
Examples:
  prodrome conform --url https://cds.example.org
  prodrome conform --url http://127.0.0.1:8080 --verbose
  prodrome conform --url https://cds.example.org --junit conform.xml --json conform.json     in a build
  prodrome conform --url http://127.0.0.1:8080 --chart patient.json --patient 87a3           your own test patient
  prodrome conform --url http://127.0.0.1:8080 --ehr-bind 127.0.0.1:9400                      read-back, see below
  prodrome conform --issuer https://ehr.example --key ehr.pem --write-jwks ehr.jwks.json      keys to register
  prodrome conform --url https://cds.example.org --issuer https://ehr.example --key ehr.pem  signed calls, tokens judged
  prodrome conform --list                                                                    what is judged

A service reads only from FHIR servers that it knows. To judge its reading, register http://127.0.0.1:9400/fhir with
it and give --ehr-bind; http://127.0.0.1:9400/jwks publishes the keys of a signed run. Feedback is sent for the cards that come back; use a test system.

Exit codes: 0 no SHALL failed; 1 a SHALL failed, or a report could not be written; 2 an argument cannot be used, or
nothing answers at --url.";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("`--{option} {file}` cannot be read: {reason}")]
    File { option: &'static str, file: String, reason: std::io::Error },
    #[error("`--chart {file}` cannot be used: {reason}")]
    Chart { file: String, reason: ChartError },
    #[error("the synthetic chart cannot be used: {0}")]
    Synthetic(#[from] ChartError),
    #[error("`--key {file}` cannot be used: {reason}")]
    Key { file: String, reason: KeyError },
    #[error("`--write-jwks {file}` cannot be written: {reason}")]
    Keys { file: String, reason: std::io::Error },
    #[error("there are {keys} `--key` and {kids} `--kid`: give one `--kid` for each key, or none")]
    Kids { keys: usize, kids: usize },
    #[error(transparent)]
    Run(#[from] ConformError),
}

/// Runs the command.
pub fn run(arguments: &Conform) -> ExitCode {
    if arguments.list {
        return list(arguments.markdown);
    }
    let report = match keys(arguments).and_then(|signer| judge(arguments, signer)) {
        Ok(Some(report)) => report,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            remark!("prodrome: {error}");
            return ExitCode::from(2);
        }
    };
    say!("{}", conform::terminal(&report, arguments.verbose));
    let written = write(arguments, &report);
    if let Err(error) = &written {
        remark!("prodrome: {error:#}");
    }
    if report.totals.failed_shall == 0 && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn list(markdown: bool) -> ExitCode {
    super::finish(conform::items().map_err(Into::into).map(|items| match markdown {
        true => say!("{}", conform::markdown(&items)),
        false => items.iter().for_each(|item| {
            let judged = item.outside.as_deref().map_or("inside", |_| "outside");
            say!("{} {:<6} {judged:<7} {:<11} {}", item.id, item.level.as_str(), item.area, item.requirement);
        }),
    }))
}

/// Reads the keys of a signed run, and writes their public halves where that is asked for.
fn keys(arguments: &Conform) -> Result<Option<Signer>, CommandError> {
    let (files, kids) = (&arguments.key, &arguments.kid);
    if !kids.is_empty() && kids.len() != files.len() {
        return Err(CommandError::Kids { keys: files.len(), kids: kids.len() });
    }
    let read = |(number, file): (usize, &PathBuf)| {
        let pem = read_file("key", file)?;
        SigningKey::read(&pem, kids.get(number).map(String::as_str))
            .map_err(|reason| CommandError::Key { file: file.display().to_string(), reason })
    };
    let mut keys = files.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?.into_iter();
    let (Some(issuer), Some(first)) = (&arguments.issuer, keys.next()) else { return Ok(None) };
    let signer = Signer::new(issuer, arguments.audience.as_deref(), first, keys.collect());
    if let Some(file) = &arguments.write_jwks {
        let written = std::fs::write(file, format!("{:#}\n", signer.key_set()));
        written.map_err(|reason| CommandError::Keys { file: file.display().to_string(), reason })?;
    }
    Ok(Some(signer))
}

/// `None`: nothing was to be judged.
fn judge(arguments: &Conform, signer: Option<Signer>) -> Result<Option<Report>, CommandError> {
    let Some(url) = arguments.url.clone() else { return Ok(None) };
    let options = Options {
        url,
        chart: arguments.chart.as_deref().map_or_else(
            || Chart::synthetic().map_err(CommandError::from),
            |file| read_chart(file, arguments.patient.as_deref()),
        )?,
        ehr: conform::listen(arguments.ehr_bind)?,
        signer,
        origin: arguments.origin.clone(),
        documentation: arguments.documentation.clone(),
        agreed: arguments.agreed.iter().map(|agreed| agreed.meaning()).collect(),
        calls: usize::from(arguments.calls),
    };
    // Hidden by itself where the error stream is no terminal.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg:12} {wide_bar} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    let progress = |number: usize, all: usize, name: &str| {
        bar.set_length(all as u64);
        bar.set_position(number as u64);
        bar.set_message(name.to_owned());
    };
    let report = actix_web::rt::System::new().block_on(conform::run(options, progress));
    bar.finish_and_clear();
    Ok(Some(report?))
}

fn read_chart(file: &Path, patient: Option<&str>) -> Result<Chart, CommandError> {
    let bytes = read_file("chart", file)?;
    Chart::read(&bytes, patient).map_err(|reason| CommandError::Chart { file: file.display().to_string(), reason })
}

fn read_file(option: &'static str, file: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(file).map_err(|reason| CommandError::File { option, file: file.display().to_string(), reason })
}

fn write(arguments: &Conform, report: &Report) -> anyhow::Result<()> {
    use anyhow::Context;
    let save = |path: &Path, text: String| {
        std::fs::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))
    };
    if let Some(path) = &arguments.json {
        save(path, conform::json(report)?)?;
    }
    if let Some(path) = &arguments.junit {
        save(path, conform::junit(report))?;
    }
    Ok(())
}

impl Agreed {
    fn meaning(self) -> Agreement {
        match self {
            Self::SystemActions => Agreement::SystemActions,
            Self::ActionSelection => Agreement::ActionSelection,
            Self::Autolaunch => Agreement::Autolaunch,
        }
    }
}

/// The mock EHR answers whoever asks, so it listens on this machine only.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "not an address such as `127.0.0.1:9400`".to_owned())?;
    if address.ip().is_loopback() { Ok(address) } else { Err("the mock EHR listens on loopback only".to_owned()) }
}
