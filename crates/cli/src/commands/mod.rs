//! One module for each command.

pub(crate) mod artifacts;
pub(crate) mod baseline;
pub(crate) mod batches;
pub(crate) mod check;
pub(crate) mod clean;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod feeds;
pub(crate) mod gitops;
pub(crate) mod plan;
pub(crate) mod queue;
pub(crate) mod review;
pub(crate) mod risk;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod serve;
pub(crate) mod stages;
pub(crate) mod status;
pub(crate) mod undo;
pub(crate) mod worker;

use crate::End;
use crate::args::{Cli, Completions};
use clap::CommandFactory as _;
use record::{Format, write_records};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Writes the completion script of a shell.
pub(crate) fn completions(args: &Completions) -> anyhow::Result<End> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    // By way of memory, because the generator panics when a reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(End::Clean)
}

/// Writes records to a file or to stdout: JSON Lines when the name ends in `.jsonl`, else an
/// array as the reference system writes it.
fn emit<T: Serialize>(out: Option<&Path>, records: &[T]) -> anyhow::Result<()> {
    let lines = out.is_some_and(|path| path.extension().is_some_and(|e| e == "jsonl"));
    let format = if lines { Format::Lines } else { Format::Array };
    let mut bytes = Vec::new();
    write_records(&mut bytes, records, format)?;
    match out {
        Some(path) => crate::write::output(path, &bytes),
        None => Ok(std::io::Write::write_all(&mut std::io::stdout().lock(), &bytes)?),
    }
}

/// The paths of a command; the working directory when there are none.
fn paths(asked: &[PathBuf]) -> Vec<PathBuf> {
    match asked.is_empty() {
        true => vec![PathBuf::from(".")],
        false => asked.to_vec(),
    }
}

/// Numbers records as the reference does: one-based, padded to three digits.
fn number(index: usize) -> String {
    format!("{:03}", index + 1)
}
