//! Runs the user's own scanners, and says how each of them ended.

mod portions;
mod process;
mod rescan;

pub(crate) use rescan::Rescanner;

use crate::args::ScannerArgs;
use crate::inputs::Inputs;
use anyhow::Context as _;
use detector::{Counts, Input};
use process::Ended;
use scanners::{Format, Report};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a scanner may take to tell its version.
const VERSION_LIMIT: Duration = Duration::from_secs(60);

/// Which programs run, and within which limits.
#[derive(Debug)]
pub(crate) struct Scanners {
    /// Programs that the user named, by tool.
    named: BTreeMap<&'static str, PathBuf>,
    time_limit: Duration,
    policies: Option<PathBuf>,
    /// What the tools said of their versions; some take seconds to say it.
    versions: Mutex<BTreeMap<&'static str, Option<String>>>,
}

/// How a scanner, or the reading of a report, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Everything was scanned, or read.
    Ok,
    /// It crashed, or said that it could not do it, for all or part of the manifests.
    Failed,
    /// It took too long and was killed.
    TimedOut,
    /// There is no such program.
    Missing,
    /// What it wrote is no report.
    Unreadable,
}

/// What is said of one scanner or report, on stderr and in `--scanner-report`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Status {
    /// As in aliases; for a report that cannot be read, the format if it was named.
    pub(crate) tool: String,
    /// The report's file; absent for a scanner that was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// The program that was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) program: Option<String>,
    /// What the program, or else the report, says of its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// How it ended.
    pub(crate) status: State,
    /// Why, unless all went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What was not scanned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_scanned: Vec<String>,
    /// What else must not go unheard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// What became of the findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) findings: Option<FindingCounts>,
}

/// See [`Counts`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FindingCounts {
    reported: usize,
    matched: usize,
    repeated: usize,
    not_seen_by_our_rule: usize,
    without_a_rule: usize,
    not_found_in_the_manifests: usize,
}

impl FindingCounts {
    pub(crate) fn reported(&self) -> usize {
        self.reported
    }

    pub(crate) fn lost(&self) -> usize {
        self.not_found_in_the_manifests
    }
}

impl fmt::Display for FindingCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} findings", self.reported)?;
        let parts = [
            (self.matched, "matched"),
            (self.repeated, "repeated"),
            (self.not_seen_by_our_rule, "not seen by our rule"),
            (self.without_a_rule, "without a rule"),
            (self.not_found_in_the_manifests, "not found in the manifests"),
        ];
        for (index, (count, what)) in parts.iter().filter(|(count, _)| *count > 0).enumerate() {
            let sign = if index == 0 { ":" } else { "," };
            write!(f, "{sign} {count} {what}")?;
        }
        Ok(())
    }
}

impl From<Counts> for FindingCounts {
    fn from(counts: Counts) -> Self {
        Self {
            reported: counts.reported,
            matched: counts.matched,
            repeated: counts.repeated,
            not_seen_by_our_rule: counts.unseen,
            without_a_rule: counts.unknown,
            not_found_in_the_manifests: counts.lost,
        }
    }
}

impl Status {
    fn new(tool: &str, status: State, reason: Option<String>) -> Self {
        Self {
            tool: tool.to_owned(),
            file: None,
            program: None,
            version: None,
            status,
            reason,
            not_scanned: Vec::new(),
            notes: Vec::new(),
            findings: None,
        }
    }

    /// The status of a report that was read from a file.
    pub(crate) fn of_file(file: &Path, tool: &str, error: Option<String>) -> Self {
        let state = if error.is_some() { State::Unreadable } else { State::Ok };
        let mut status = Self::new(tool, state, error);
        status.file = Some(file.display().to_string());
        status
    }

    /// Whether something was not scanned or not read.
    pub(crate) fn failed(&self) -> bool {
        self.status != State::Ok
    }
}

/// What a scanner found, and how it ended. A scanner that failed may have found something first.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) status: Status,
    pub(crate) report: Report,
}

/// The manifests that a scanner gets, and what they hold.
#[derive(Clone, Copy)]
pub(crate) struct Subjects<'s> {
    /// The paths, as the user gave them.
    pub(crate) paths: &'s [PathBuf],
    /// The files behind them, for a scanner that has to be given smaller portions.
    pub(crate) files: &'s [(&'s Path, &'s Input)],
}

/// The files of the inputs, with what they hold.
pub(crate) fn files_of(inputs: &Inputs) -> Vec<(&Path, &Input)> {
    let located = inputs.locations.iter().zip(&inputs.files);
    located.filter_map(|(place, input)| Some((place.as_deref()?, input))).collect()
}

/// The tool of this name that can be run.
pub(crate) fn tool(name: &str) -> Result<Format, String> {
    name.parse().ok().filter(|format| *format != Format::Sarif).ok_or_else(|| {
        let all = Format::ALL.iter().filter(|format| **format != Format::Sarif);
        let names: Vec<&str> = all.map(|format| format.as_str()).collect();
        format!("unknown scanner `{name}`: expected one of {}", names.join(", "))
    })
}

impl Scanners {
    pub(crate) fn new(args: &ScannerArgs) -> anyhow::Result<Self> {
        let mut named = BTreeMap::new();
        for pair in &args.scanner {
            let (name, path) = pair
                .split_once('=')
                .filter(|(_, path)| !path.is_empty())
                .with_context(|| format!("--scanner {pair}: expected TOOL=PATH"))?;
            let tool = tool(name).map_err(anyhow::Error::msg)?;
            named.insert(tool.as_str(), PathBuf::from(path));
        }
        anyhow::ensure!(args.scanner_timeout > 0, "--scanner-timeout must be at least 1");
        if let Some(folder) = &args.policies_dir {
            anyhow::ensure!(folder.exists(), "--policies-dir {}: no such folder", folder.display());
        }
        Ok(Self {
            named,
            time_limit: Duration::from_secs(args.scanner_timeout),
            policies: args.policies_dir.clone(),
            versions: Mutex::default(),
        })
    }

    /// Runs a scanner on manifests. The time limit holds for the whole of it.
    pub(crate) fn scan(&self, tool: Format, subjects: Subjects<'_>) -> Scan {
        let deadline = Instant::now() + self.time_limit;
        let name = tool.as_str();
        let mut report = Report { tool: name.to_owned(), ..Report::default() };
        let program = match self.program(tool) {
            Ok(program) => program,
            Err(reason) => {
                let status = Status::new(name, State::Missing, Some(reason));
                return Scan { status, report };
            }
        };
        let mut status = Status::new(name, State::Ok, None);
        status.program = Some(program.display().to_string());
        status.version = self.version(tool, &program, deadline);
        let paths: Vec<PathBuf> =
            subjects.paths.iter().filter(|path| *path != OsStr::new("-")).cloned().collect();
        if paths.len() < subjects.paths.len() {
            status.not_scanned.push("-".to_owned());
            fail(&mut status, State::Failed, format!("{name} is not given what comes from stdin"));
        }
        if tool == Format::Kyverno && self.policies.is_none() {
            fail(&mut status, State::Failed, "kyverno needs --policies-dir".to_owned());
            return Scan { status, report };
        }
        for portion in portions_of(tool, paths) {
            match self.run(tool, &program, &portion, deadline) {
                Ok(reports) => take(&mut report, reports),
                // Resources of one name, and lists, crash Kyverno's client; it does not say which.
                Err(failure) if tool == Format::Kyverno && failure.state == State::Failed => {
                    let run = |paths: &[PathBuf]| self.run(tool, &program, paths, deadline);
                    let scan = portions::scan(subjects.files, &failure, &run);
                    scan.reports.into_iter().for_each(|found| take(&mut report, found));
                    status.notes.extend(scan.note);
                    status.not_scanned.extend(scan.not_scanned);
                    if let Some(failure) = scan.failure {
                        fail(&mut status, failure.state, failure.reason);
                    }
                }
                Err(failure) => {
                    let lost = portion.iter().map(|path| path.display().to_string());
                    status.not_scanned.extend(lost);
                    fail(&mut status, failure.state, failure.reason);
                }
            }
        }
        status.notes.append(&mut report.notes);
        Scan { status, report }
    }

    /// The program to run for a tool: the one that the user named, else the first in the `PATH`.
    pub(crate) fn program(&self, tool: Format) -> Result<PathBuf, String> {
        let name = tool.as_str();
        if let Some(path) = self.named.get(name) {
            let found = is_program(path).then(|| path.canonicalize().ok()).flatten();
            return found.ok_or_else(|| format!("{} is no program", path.display()));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|candidate| is_program(candidate));
        found.ok_or_else(|| {
            format!("there is no `{name}` in the PATH; install it, or name it: --scanner {name}=…")
        })
    }

    fn version(&self, tool: Format, program: &Path, deadline: Instant) -> Option<String> {
        let mut versions = self.versions.lock().ok()?;
        versions.entry(tool.as_str()).or_insert_with(|| version(tool, program, deadline)).clone()
    }

    /// Runs a scanner once.
    fn run(
        &self,
        tool: Format,
        program: &Path,
        paths: &[PathBuf],
        deadline: Instant,
    ) -> Result<Vec<Report>, Failure> {
        let folder = tempfile::tempdir().map_err(|error| Failure::failed(&error.to_string()))?;
        let file = folder.path().join("report.json");
        let mut command = Command::new(program);
        command.args(self.arguments(tool, paths, &file));
        // Settings that stop tools from asking the network, for versions that have them.
        for name in ["SKIP_CHECK_UPDATE", "SKIP_VERSION_CHECK", "DISABLE_TELEMETRY"] {
            command.env(format!("TRIVY_{name}"), "true");
        }
        let name = tool.as_str();
        let done = match process::run(&mut command, deadline, scanners::MAX_BYTES) {
            Ended::Done(done) => done,
            Ended::TimedOut => {
                let seconds = self.time_limit.as_secs();
                let reason = format!(
                    "{name} took longer than {seconds} s and was killed; give it less, or more \
                     time with --scanner-timeout"
                );
                return Err(Failure { state: State::TimedOut, reason });
            }
            Ended::TooMuch => {
                let limit = scanners::MAX_BYTES >> 20;
                let reason = format!("{name} wrote more than {limit} MiB; give it less");
                return Err(Failure { state: State::Unreadable, reason });
            }
            Ended::NotStarted(error) => {
                let reason = format!("{} cannot be started: {error}", program.display());
                return Err(Failure { state: State::Missing, reason });
            }
        };
        let said = last_words(&done.stderr);
        if let Some(signal) = done.signal {
            return Err(Failure::failed(&format!("{name} was ended by signal {signal}{said}")));
        }
        // Scanners end with 1 when they found something, and with more when they failed.
        let code = done.code.unwrap_or_default();
        if code > 1 {
            return Err(Failure::failed(&format!("{name} ended with code {code}{said}")));
        }
        let output = match std::fs::metadata(&file).map(|metadata| metadata.len()) {
            Ok(length) if length > scanners::MAX_BYTES as u64 => {
                let reason = format!("the report of {name} has {length} bytes, which is too much");
                return Err(Failure { state: State::Unreadable, reason });
            }
            Ok(_) => std::fs::read(&file).unwrap_or_default(),
            Err(_) => done.stdout,
        };
        match scanners::parse(&output, Some(tool)) {
            Ok(reports) => Ok(reports),
            // Kyverno writes no report when no policy is about any of the resources.
            Err(_) if tool == Format::Kyverno && code == 0 => Ok(Vec::new()),
            Err(error) if code == 0 => {
                Err(Failure { state: State::Unreadable, reason: format!("{error}{said}") })
            }
            Err(_) => Err(Failure::failed(&format!("{name} ended with code {code}{said}"))),
        }
    }

    fn arguments(&self, tool: Format, paths: &[PathBuf], file: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
        match tool {
            Format::KubeLinter => {
                add(&["lint", "--format", "json", "--"]);
                arguments.extend(paths.iter().map(OsString::from));
            }
            Format::Kyverno => {
                add(&["apply"]);
                arguments.extend(self.policies.iter().map(OsString::from));
                for path in paths {
                    arguments.push("--resource".into());
                    arguments.push(list_item(path));
                }
                arguments.extend(["--policy-report", "--output-format", "json"].map(Into::into));
            }
            Format::Trivy => {
                add(&["config", "--format", "json", "--quiet", "--"]);
                arguments.extend(paths.iter().map(OsString::from));
            }
            Format::Polaris => {
                add(&["audit", "--format", "json"]);
                for path in paths {
                    arguments.push("--audit-path".into());
                    arguments.push(path.into());
                }
            }
            Format::Checkov => {
                add(&["--framework", "kubernetes", "--output", "json", "--compact", "--quiet"]);
                arguments.push("--skip-download".into());
                for path in paths {
                    arguments.push(if path.is_dir() { "--directory" } else { "--file" }.into());
                    arguments.push(path.into());
                }
            }
            Format::Kubescape => {
                add(&["scan", "--format", "json", "--format-version", "v2", "--keep-local"]);
                arguments.push("--output".into());
                arguments.push(file.into());
                arguments.push("--".into());
                arguments.extend(paths.iter().map(OsString::from));
            }
            Format::Sarif => {}
        }
        arguments
    }
}

/// Why a scanner, or one run of it, brought no report.
#[derive(Debug, Clone)]
struct Failure {
    state: State,
    reason: String,
}

impl Failure {
    fn failed(reason: &str) -> Self {
        Self { state: State::Failed, reason: reason.to_owned() }
    }
}

/// The first failure is the one that is told.
fn fail(status: &mut Status, state: State, reason: String) {
    if !status.failed() {
        status.status = state;
        status.reason = Some(reason);
    }
}

fn take(report: &mut Report, more: Vec<Report>) {
    for more in more {
        report.findings.extend(more.findings);
        report.notes.extend(more.notes);
    }
}

/// What a tool is given at once. Trivy and Polaris take one path, Checkov folders or files.
fn portions_of(tool: Format, paths: Vec<PathBuf>) -> Vec<Vec<PathBuf>> {
    let portions = match tool {
        Format::Trivy | Format::Polaris => paths.into_iter().map(|path| vec![path]).collect(),
        Format::Checkov => {
            let (folders, files) = paths.into_iter().partition(|path| path.is_dir());
            vec![folders, files]
        }
        _ => vec![paths],
    };
    portions.into_iter().filter(|portion| !portion.is_empty()).collect()
}

/// Kyverno reads its list of resources as a line of CSV.
fn list_item(path: &Path) -> OsString {
    match path.to_str() {
        Some(text) if text.contains([',', '"', '\n']) => {
            format!("\"{}\"", text.replace('"', "\"\"")).into()
        }
        _ => path.into(),
    }
}

fn is_program(path: &Path) -> bool {
    let metadata = std::fs::metadata(path);
    metadata.is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// The end of what a program said, for a message.
fn last_words(stderr: &str) -> String {
    const MOST: usize = 300;
    // A Go program that panics says why first, and then where, at length.
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let panic = lines().find(|line| line.starts_with("panic:"));
    let line = panic.or_else(|| lines().next_back()).unwrap_or_default();
    match line {
        "" => String::new(),
        line => format!(": {}", line.chars().take(MOST).collect::<String>()),
    }
}

/// What a program says of its version: the first word that looks like one.
fn version(tool: Format, program: &Path, deadline: Instant) -> Option<String> {
    let argument = match tool {
        Format::Trivy | Format::Checkov => "--version",
        _ => "version",
    };
    let until = deadline.min(Instant::now() + VERSION_LIMIT);
    let mut command = Command::new(program);
    match process::run(command.arg(argument), until, 64 << 10) {
        Ended::Done(done) if done.code == Some(0) => {
            let said = String::from_utf8_lossy(&done.stdout).into_owned() + " " + &done.stderr;
            let is_version = |word: &&str| {
                let digits = word.strip_prefix('v').unwrap_or(word);
                digits.starts_with(|c: char| c.is_ascii_digit()) && digits.contains('.')
            };
            let word = said.split_whitespace().map(|w| w.trim_matches(['"', ','])).find(is_version);
            word.map(|word| word.chars().take(60).collect())
        }
        _ => None,
    }
}
