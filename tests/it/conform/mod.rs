//! `prodrome conform`: against our own server, against servers that are wrong on purpose, and as a command.

mod broken;
mod command;
mod little;
mod ours;
mod proof;

use crate::trust::ehr::fixture;
use prodrome::conform::{Chart, Options, Report, Signer, SigningKey, listen, run};

/// A run with the synthetic chart and few timed calls.
fn options(url: &str) -> Options {
    Options {
        url: url.to_owned(),
        chart: Chart::synthetic().expect("the synthetic chart"),
        ehr: listen(([127, 0, 0, 1], 0).into()).expect("a port"),
        signer: None,
        origin: None,
        documentation: None,
        agreed: Vec::new(),
        calls: 3,
    }
}

async fn judge(url: &str) -> Report {
    report(options(url)).await
}

async fn report(options: Options) -> Report {
    run(options, |_, _, _| {}).await.expect("a report")
}

/// An EHR with a key of each kind.
fn signer(issuer: &str, audience: Option<&str>) -> Signer {
    let key = |file| SigningKey::read(&std::fs::read(fixture(file)).expect("a test key"), None).expect("a key");
    Signer::new(issuer, audience, key("p-384.pem"), vec![key("rsa-2048.pem")])
}
