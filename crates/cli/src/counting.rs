//! Which findings count: flags and configuration brought together, and what is said about them.

use crate::args::{Counting as Flags, FailOn, Severity as Named};
use crate::config::Config;
use crate::inputs::Inputs;
use crate::session::{Session, read_text};
use anyhow::Context as _;
use detector::{Baseline, Filters, Looked, Notice, Sieve, Tally};
use record::{Date, Severity};
use review::diagnostics::InputError;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

/// Which findings are held back, and which make the exit code 1.
#[derive(Debug)]
pub(crate) struct Counting {
    pub(crate) filters: Filters,
    fail_on: Option<Severity>,
}

impl Counting {
    /// Lets the flags override the configuration, and reads the baseline.
    pub(crate) fn new(config: &Config, flags: &Flags) -> anyhow::Result<Self> {
        let named = flags.baseline.as_ref().or(config.baseline.as_ref());
        let baseline = named.filter(|_| !flags.no_baseline).map(|path| baseline(path));
        let min_severity = flags.min_severity.map(severity).or(config.min_severity);
        let filters = Filters {
            baseline: baseline.transpose()?,
            min_severity: min_severity.unwrap_or(Severity::Low),
            ..ignoring(config, flags.no_ignores, flags.today)
        };
        let fail_on = match flags.fail_on.or(config.fail_on).unwrap_or(FailOn::Low) {
            FailOn::Low => Some(Severity::Low),
            FailOn::Medium => Some(Severity::Medium),
            FailOn::High => Some(Severity::High),
            FailOn::Critical => Some(Severity::Critical),
            FailOn::Never => None,
        };
        Ok(Self { filters, fail_on })
    }

    /// Whether a finding of this severity makes the exit code 1.
    pub(crate) fn fails(&self, severity: Severity) -> bool {
        self.fail_on.is_some_and(|least| severity >= least)
    }

    /// Whether anything does.
    pub(crate) fn may_fail(&self) -> bool {
        self.fail_on.is_some()
    }
}

/// Filters that hold back what is ignored, and nothing else.
pub(crate) fn ignoring(config: &Config, no_ignores: bool, today: Option<Date>) -> Filters {
    let ignores = (!no_ignores).then(|| config.ignores.clone());
    Filters { ignores, ..Filters::new(today.unwrap_or_else(system_date)) }
}

/// The one clock that outputs depend on, and only where an ignore expires.
fn system_date() -> Date {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Date::from_unix_seconds(now.map_or(0, |elapsed| elapsed.as_secs()))
}

fn baseline(path: &Path) -> anyhow::Result<(String, Baseline)> {
    let name = path.display().to_string();
    let hint = "no baseline to compare with; `k8s-auto-fix baseline write` makes one";
    let text = read_text(path).context(hint)?;
    let baseline = Baseline::read(&text).with_context(|| name.clone())?;
    Ok((name, baseline))
}

fn severity(named: Named) -> Severity {
    match named {
        Named::Low => Severity::Low,
        Named::Medium => Severity::Medium,
        Named::High => Severity::High,
        Named::Critical => Severity::Critical,
    }
}

/// What people should look at in their ignores and their baseline.
pub(crate) fn notices(
    session: &Session,
    inputs: &Inputs,
    sieve: &Sieve<'_>,
    tally: &Tally,
) -> Vec<InputError> {
    // Who could not read everything does not know what is gone.
    let folders = if inputs.unreadable.is_empty() { &inputs.folders[..] } else { &[] };
    let looked = Looked { rules: &session.rules, settings: &session.settings, folders };
    let notices = sieve.notices(tally, &looked).into_iter();
    notices
        .map(|Notice { path, line, column, message }| InputError {
            path,
            line,
            column,
            message,
            help: None,
        })
        .collect()
}

/// Says them on stderr.
pub(crate) fn report_notices(notices: &[InputError], quiet: bool) -> std::io::Result<()> {
    let mut stderr = std::io::stderr().lock();
    for notice in notices.iter().filter(|_| !quiet) {
        let number = |number: Option<usize>| number.map_or(String::new(), |n| format!(":{n}"));
        let (line, column) = (number(notice.line), number(notice.column));
        let (path, message) = (review::escape(&notice.path), review::escape(&notice.message));
        writeln!(stderr, "warning: {path}{line}{column}: {message}")?;
    }
    Ok(())
}
