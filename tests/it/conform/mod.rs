//! `prodrome conform`: against our own server, against servers that are wrong on purpose, and as a command.

mod broken;
mod command;
mod little;
mod ours;

use prodrome::conform::{Chart, Options, Report, run};

/// A run with the synthetic chart and few timed calls.
async fn judge(url: &str) -> Report {
    let options = Options {
        url: url.to_owned(),
        chart: Chart::synthetic().expect("the synthetic chart"),
        ehr: ([127, 0, 0, 1], 0).into(),
        origin: None,
        documentation: None,
        agreed: Vec::new(),
        calls: 3,
    };
    run(options, |_, _, _| {}).await.expect("a report")
}
