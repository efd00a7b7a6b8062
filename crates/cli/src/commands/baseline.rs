//! `baseline write`: the findings that are there now.

use crate::args::{Baseline as Command, BaselineWrite, Common};
use crate::counting;
use crate::session::{Session, input_errors, report_errors, report_warnings};
use crate::{End, write};
use detector::{Baseline, Corpus, Sieve};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where a baseline goes that nobody named.
const DEFAULT: &str = ".k8s-auto-fix-baseline.json";

/// Runs the command.
pub(crate) fn run(common: &Common, command: &Command) -> anyhow::Result<End> {
    let Command::Write(args) = command;
    write_baseline(common, args)
}

fn write_baseline(common: &Common, args: &BaselineWrite) -> anyhow::Result<End> {
    let session = Session::new(common, &args.selecting)?;
    let filters = counting::ignoring(&session.config, args.no_ignores, args.today);
    let inputs = session.read(&super::paths(&args.paths));
    let corpus = Corpus::new(&inputs.files, session.context);
    let sieve = Sieve::new(&corpus, &filters);
    let (sifted, tally) = session.detect(&corpus, &sieve, |_| true);
    let found = sifted.iter().enumerate();
    let baseline = Baseline::new(
        &corpus,
        found.flat_map(|(position, sifted)| sifted.found.iter().map(move |f| (position, f))),
    );
    let mut bytes = Vec::new();
    baseline.write(&mut bytes)?;
    let configured = session.config.baseline.as_deref();
    let default = PathBuf::from(DEFAULT);
    let out: &Path = args.out.as_deref().or(configured).unwrap_or(&default);
    write::output(out, &bytes)?;
    let errors = input_errors(&inputs);
    report_errors(&errors)?;
    report_warnings(&inputs, common)?;
    let notices = counting::notices(&session, &inputs, &sieve, &tally);
    counting::report_notices(&notices, common.quiet)?;
    if !common.quiet {
        let findings = if baseline.len() == 1 { "finding" } else { "findings" };
        writeln!(std::io::stderr(), "Wrote {} {findings} to {}.", baseline.len(), out.display())?;
    }
    Ok(if errors.is_empty() { End::Clean } else { End::InputError })
}
