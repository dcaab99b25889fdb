//! `prodrome predict`: charts in, risks out, no server. Reads the command line and the files, asks the model in
//! batches on all cores, and hands each answer to the chosen format. Refuses to merge charts across files.

mod assessment;
mod jsonl;
mod risk_assessment;
mod table;

use crate::patient_record::chart::file;
use crate::patient_record::moment;
use crate::patient_record::timeline::Second;
use crate::platform::clock;
use crate::platform::terminal::remark;
use crate::prediction::answer::{Explain, Oracle};
use crate::prediction::model::Model;
use crate::prediction::phenotype::Phenotypes;
use anyhow::Context;
pub use assessment::Assessment;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Charts in flight at a time: enough for full batches on every core, few enough to bound memory.
const CHARTS_AT_A_TIME: usize = 64;
/// As many reasons as the server's cards would show at most.
const MAX_EXPLAINED: usize = 3;

/// Charts in, risks out, without a server.
///
/// Writes one record per patient and chart file: every outcome and horizon that the model package has, with `risk`
/// (calibrated probability that the outcome happens between as-of and as-of plus the horizon), `baseline_risk` (the
/// average of the same age and sex) and `abstained` (null, or why the server would stay silent; the risk is a number
/// all the same). `events_read` counts what the chart held by then, `skipped` what could not be used, and
/// `skipped_reasons` says why, by resource type.
///
/// A chart that cannot be read is named on stderr, the others go on, and the exit code is 1.
#[derive(Args, Debug)]
pub struct Predict {
    /// Folder of the model package.
    #[arg(long, value_name = "FOLDER", default_value = "models/prodrome-s")]
    pub model: PathBuf,
    /// A chart: a FHIR Bundle or NDJSON, also gzip or zstd; or a folder of them. Each file is a chart of its own,
    /// of one patient or several. Repeatable.
    #[arg(long, value_name = "PATH", required = true)]
    pub chart: Vec<PathBuf>,
    /// Nothing known later is read: a date (its end in UTC) or an instant [default: the chart's Bundle.timestamp, else now].
    #[arg(long, value_name = "WHEN", value_parser = moment::parse)]
    pub as_of: Option<Second>,
    /// How to write the answers.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// One FHIR R4 RiskAssessment a line, after the profile in `profiles/`.
    Fhir,
    /// For people.
    Table,
}

/// Runs the command: exit code 0, 1 where a chart could not be read, 2 where the model cannot be used.
pub fn run(arguments: &Predict) -> ExitCode {
    let model = match Model::load(&arguments.model) {
        Ok(model) => model,
        Err(error) => {
            remark!("prodrome predict: {error}");
            return ExitCode::from(2);
        }
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match predict(&model, &model.phenotypes, arguments, &mut out) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            remark!("prodrome predict: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Answers every chart into `out`; how many files could not be read (each said on stderr).
pub fn predict(
    model: &dyn Oracle,
    phenotypes: &Phenotypes,
    arguments: &Predict,
    out: &mut dyn Write,
) -> anyhow::Result<usize> {
    let mut failed = 0;
    let mut complain = |path: &std::path::Path, error: &dyn std::fmt::Display, bar: &ProgressBar| {
        failed += 1;
        bar.suspend(|| remark!("prodrome predict: `{}`: {error}", path.display()));
    };
    let hidden = ProgressBar::hidden();
    let mut charts = Vec::new();
    for path in &arguments.chart {
        match file::find(path) {
            Ok(found) => charts.extend(found),
            Err(error) => complain(path, &error, &hidden),
        }
    }
    let bar = progress(charts.len());
    let now = clock::now().as_second();
    let explain = if arguments.format == Format::Fhir { worth_explaining(model) } else { Vec::new() };
    let ask = assessment::Ask { as_of: arguments.as_of, now, explain: explain.into(), max_explained: MAX_EXPLAINED };
    let mut first = true;
    for charts in charts.chunks(CHARTS_AT_A_TIME) {
        for (path, assessed) in charts.iter().zip(assessment::assess(model, charts, &ask)) {
            bar.inc(1);
            let written = assessed.map_err(anyhow::Error::from).and_then(|assessments| {
                assessments.iter().map(|one| render(arguments.format, one, model, phenotypes)).collect()
            });
            let texts: Vec<String> = match written {
                Ok(texts) => texts,
                Err(error) => {
                    complain(path, &format!("{error:#}"), &bar);
                    continue;
                }
            };
            for text in texts {
                bar.suspend(|| write(out, &text, &mut first)).context("writing the answers")?;
            }
        }
        out.flush().context("writing the answers")?;
    }
    if arguments.format == Format::Table && !first {
        writeln!(out, "\n{}", table::FOOTNOTE)?;
        out.flush()?;
    }
    bar.finish_and_clear();
    Ok(failed)
}

fn render(format: Format, one: &Assessment, model: &dyn Oracle, phenotypes: &Phenotypes) -> anyhow::Result<String> {
    match format {
        Format::Jsonl => jsonl::render(one),
        Format::Fhir => risk_assessment::render(one, model, phenotypes),
        Format::Table => Ok(table::render(one, model)),
    }
}

fn write(out: &mut dyn Write, text: &str, first: &mut bool) -> std::io::Result<()> {
    *first = false;
    out.write_all(text.as_bytes())
}

/// What the server would show, above its thresholds: only there are reasons worth their time.
fn worth_explaining(model: &dyn Oracle) -> Vec<Explain> {
    let shown = model.outcomes().iter().filter(|outcome| outcome.silent.is_none());
    shown
        .map(|outcome| Explain {
            phenotype: outcome.phenotype.to_string(),
            horizon_days: outcome.horizon_days,
            at_least: outcome.alert_threshold,
        })
        .collect()
}

fn progress(charts: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() || charts < 2 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(charts as u64);
    match ProgressStyle::with_template("predict {wide_bar} {pos}/{len} charts, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Whether whoever read the output has gone, as `head` does.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe))
}
