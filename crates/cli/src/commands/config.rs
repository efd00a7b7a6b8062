//! `config`: what is wrong with a configuration, and its schema.

use super::schedule;
use crate::End;
use crate::args::{Common, ConfigCheck, Configuration, Counting as CountingArgs, Selecting};
use crate::config::{Config, Fault, faults, json_schema};
use crate::counting::Counting;
use crate::session::Session;
use anyhow::Context as _;
use review::escape;
use std::io::Write as _;
use std::path::Path;

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Configuration) -> anyhow::Result<End> {
    match args {
        Configuration::Check(args) => check(common, args),
        Configuration::Schema => {
            let mut out = std::io::stdout().lock();
            record::json::to_writer_pretty(&mut out, &json_schema())?;
            Ok(End::Clean)
        }
    }
}

fn check(common: &Common, args: &ConfigCheck) -> anyhow::Result<End> {
    let named = args.file.as_deref().or(common.config.as_deref());
    let path = Config::path(named)
        .context("there is no k8s-auto-fix.yaml in the working directory; name a file")?;
    let mut faults = faults(&path)?;
    if faults.is_empty() {
        faults.extend(
            in_use(common, &path)
                .err()
                .map(|error| Fault { line: None, message: format!("{error:#}") }),
        );
    }
    let mut out = std::io::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, &faults)?;
    } else {
        let shown = path.display().to_string();
        for fault in &faults {
            let line = fault.line.map_or_else(String::new, |line| format!(":{line}"));
            writeln!(out, "{}{line}: {}", escape(&shown), escape(&fault.message))?;
        }
        let count = match faults.len() {
            1 => "1 fault".to_owned(),
            count => format!("{count} faults"),
        };
        writeln!(out, "{}: {count}", escape(&shown))?;
    }
    Ok(if faults.is_empty() { End::Clean } else { End::Findings })
}

/// Uses the configuration as `check` and `schedule` do: names of rules, versions, the baseline,
/// windows.
fn in_use(common: &Common, path: &Path) -> anyhow::Result<()> {
    let common = Common { config: Some(path.to_owned()), ..common.clone() };
    let session = Session::new(&common, &Selecting::default())?;
    Counting::new(&session.config, &CountingArgs::default())?;
    schedule::windows(&session.config.scheduling)?;
    Ok(())
}
