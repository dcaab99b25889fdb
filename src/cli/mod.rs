//! The command line: one command a file. Builds every part from settings and runs it.

pub mod calibrate;
pub mod conform;
pub mod demo;
mod demo_clients;
pub mod evaluate;
pub mod export;
pub mod ingest;
pub mod keys;
pub mod package;
pub mod plant;
pub mod predict;
pub mod probe;
pub mod ready;
pub mod sandbox;
pub mod serve;
pub mod sheet;
pub mod train;

use crate::platform::terminal::remark;
use clap::{Parser, Subcommand};
use std::fmt::Display;
use std::process::ExitCode;

/// A FHIR-native CDS Hooks server with its own clinical foundation model inside.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Prodrome {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Calibrate(calibrate::Calibrate),
    Conform(conform::Conform),
    Evaluate(evaluate::Evaluate),
    Export(export::Export),
    Predict(predict::Predict),
    Ingest(ingest::Ingest),
    Keys(keys::Keys),
    Demo(demo::Demo),
    Serve(serve::Serve),
    Sheet(sheet::Sheet),
    Package(package::Package),
    Plant(plant::Plant),
    Probe(probe::Probe),
    Ready(ready::Ready),
    Sandbox(sandbox::Sandbox),
    Train(train::Train),
}

/// Parses the command line, runs the command, and turns its result into an exit code:
/// 0 done, 1 failed, 2 a setting or argument that cannot be used.
pub fn run() -> ExitCode {
    match Prodrome::parse().command {
        Command::Calibrate(arguments) => finish(arguments.run()),
        Command::Conform(arguments) => conform::run(&arguments),
        Command::Evaluate(arguments) => finish(arguments.run()),
        Command::Export(arguments) => finish(arguments.run()),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Ingest(arguments) => ingest::run(arguments),
        Command::Keys(arguments) => finish(arguments.run()),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Sheet(arguments) => finish(arguments.run()),
        Command::Package(arguments) => finish(arguments.run()),
        Command::Plant(arguments) => finish(arguments.run()),
        Command::Probe(arguments) => finish(arguments.run()),
        Command::Ready(arguments) => finish(arguments.run()),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::Train(arguments) => finish(arguments.run()),
    }
}

/// The exit code of a command that runs until it is stopped: 0, or what its error makes of it.
fn ended<E: Display>(result: Result<(), E>, code: impl Fn(&E) -> u8) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            remark!("prodrome: {error}");
            ExitCode::from(code(&error))
        }
    }
}

/// The exit code of a command that either does its work or says why not: 0 or 1.
fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            remark!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
