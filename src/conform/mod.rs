//! `prodrome conform`: whether a CDS Hooks service, ours or any other, does what the specification asks, judged from
//! outside by an EHR of our own.
//!
//! A house of its own: it knows the service through HTTP alone and uses nothing of this server but the clock. It
//! judges what answers show, says of the rest why it cannot, and never puts chart data into a report.

mod bench;
mod call;
mod chart;
mod checks;
mod exchange;
mod items;
mod mock_ehr;
mod report;
mod signer;
mod verdict;

pub use chart::{Chart, ChartError};
pub use items::{Item, Level, items, markdown};
pub use report::{Judged, Report, Totals, json, junit, terminal};
pub use signer::{KeyError, Signer, SigningKey};
pub use verdict::{Failure, Verdict};

use bench::Bench;
use exchange::Sender;
use mock_ehr::{MockEhr, Published};
use std::net::{SocketAddr, TcpListener};
use verdict::Findings;

/// What a run is made of.
pub struct Options {
    /// Base URL of the service, with or without `/cds-services`.
    pub url: String,
    pub chart: Chart,
    /// Where the mock EHR listens: see [`listen`].
    pub ehr: TcpListener,
    /// Signs every call; without it calls carry no token, and tokens are not judged.
    pub signer: Option<Signer>,
    /// A page that the service lets call; without it one is made up.
    pub origin: Option<String>,
    /// Where the service is documented for people.
    pub documentation: Option<String>,
    /// What was agreed with the service beyond the defaults.
    pub agreed: Vec<Agreement>,
    /// Calls made to measure the speed.
    pub calls: usize,
}

/// Features that a service uses only by agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    SystemActions,
    ActionSelection,
    Autolaunch,
}

/// Why a run cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ConformError {
    #[error("`--url {0}` is no address of a service: give its base URL, `https://cds.example.org`")]
    Url(String),
    #[error("nothing answers at {url} ({reason}): check that the service runs and that this machine may call it")]
    Unreachable { url: String, reason: String },
    #[error("the mock EHR cannot listen on {address} ({reason}): choose another port with `--ehr-bind`")]
    Ehr { address: SocketAddr, reason: std::io::Error },
    #[error("the mock EHR cannot be started: {0}")]
    NoEhr(std::io::Error),
    #[error("the list of items cannot be read: {0}")]
    List(#[from] toml::de::Error),
}

/// Runs every check and reports. `progress` is told the number of each check, how many there are, and its name.
///
/// # Errors
/// When there is nothing to judge: see [`ConformError`].
pub async fn run(options: Options, progress: impl Fn(usize, usize, &str)) -> Result<Report, ConformError> {
    let list = items()?;
    let base = base_of(&options.url)?;
    let ehr = start_ehr(&options)?;
    let mut bench = Bench::discover(base, options, Sender::new(), ehr).await;
    if bench.discovery.status == 0 {
        let (url, reason) = (format!("{}/cds-services", bench.base), bench.discovery.seen());
        bench.ehr.stop().await;
        return Err(ConformError::Unreachable { url, reason });
    }
    bench.show().await;
    let mut findings = Findings::default();
    for (number, check) in checks::CHECKS.iter().enumerate() {
        progress(number, checks::CHECKS.len(), check.name);
        check.apply(&bench, &mut findings).await;
    }
    let report = Report::new(&bench.base, bench.offers.iter().map(call::Offer::name).collect(), list, &findings);
    bench.ehr.stop().await;
    Ok(report)
}

/// A listener for the mock EHR on a loopback address.
///
/// # Errors
/// When the address is in use.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ConformError> {
    TcpListener::bind(address).map_err(|reason| ConformError::Ehr { address, reason })
}

fn start_ehr(options: &Options) -> Result<MockEhr, ConformError> {
    let keys = Published {
        own: options.signer.as_ref().map(Signer::key_set),
        foreign: options.signer.as_ref().map(Signer::foreign_key_set),
    };
    let listener = options.ehr.try_clone();
    let ehr = listener.and_then(|listener| MockEhr::start(listener, options.chart.clone(), keys));
    ehr.map_err(ConformError::NoEhr)
}

/// The base URL of whatever was given.
fn base_of(url: &str) -> Result<String, ConformError> {
    let base = url.trim().trim_end_matches('/');
    let base = base.strip_suffix("/cds-services").unwrap_or(base).trim_end_matches('/');
    let parsed = base.parse::<awc::http::Uri>().ok();
    let usable = parsed.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    if usable && !base.contains(['?', '#', '@']) { Ok(base.to_owned()) } else { Err(ConformError::Url(url.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_found_in_every_usual_spelling() {
        for url in ["http://h:1/t", "http://h:1/t/", "http://h:1/t/cds-services", "http://h:1/t/cds-services/"] {
            assert_eq!(base_of(url).expect("usable"), "http://h:1/t");
        }
        for url in ["h:1", "ftp://h", "", "http://", "http://a@b", "http://h/?x=1"] {
            assert!(matches!(base_of(url), Err(ConformError::Url(_))), "{url}");
        }
    }
}
