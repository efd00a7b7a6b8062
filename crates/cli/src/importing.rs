//! Brings the findings of other scanners in: reads their reports, or runs them.

use crate::args::{Common, Detect, ScannerArgs};
use crate::inputs::{Inputs, absolute};
use crate::scanners::{Scanners, State, Status, Subjects, files_of, tool};
use crate::session::Session;
use anyhow::Context as _;
use detector::{Corpus, Found, Places, Sieve, Sifted, Tally, import};
use record::Detection;
use scanners::{Format, Report};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// What the user asks for, checked.
pub(crate) struct Importer {
    format: Option<Format>,
    tools: Vec<Format>,
    scanners: Scanners,
}

/// What other scanners found.
#[derive(Default)]
pub(crate) struct Imported {
    /// With the positions of the objects.
    found: Vec<(usize, Found)>,
    /// Findings whose object is not among the inputs; without ids.
    pub(crate) lost: Vec<Detection>,
    /// How each scanner and each report ended.
    pub(crate) statuses: Vec<Status>,
}

impl Importer {
    pub(crate) fn new(args: &Detect) -> anyhow::Result<Self> {
        let importing = &args.importing;
        let format = importing.import_format.as_deref().map(str::parse).transpose();
        let mut tools = Vec::new();
        for name in &importing.with {
            let tool = tool(name).map_err(|error| anyhow::anyhow!("--with: {error}"))?;
            if !tools.contains(&tool) {
                tools.push(tool);
            }
        }
        let stdin = |paths: &[PathBuf]| paths.iter().any(|path| path == OsStr::new("-"));
        anyhow::ensure!(
            !(stdin(&importing.import) && stdin(&args.inputs)),
            "stdin can be a report or a manifest, but not both"
        );
        let format = format.map_err(|error: String| anyhow::anyhow!("--import-format: {error}"))?;
        Ok(Self { format, tools, scanners: Scanners::new(&args.scanners)? })
    }

    /// Reads every report and runs every scanner; none when there are neither. One that fails
    /// stops no other.
    pub(crate) fn import(
        &self,
        corpus: &Corpus<'_>,
        inputs: &Inputs,
        args: &Detect,
        session: &Session,
    ) -> anyhow::Result<Option<Imported>> {
        if self.tools.is_empty() && args.importing.import.is_empty() {
            return Ok(None);
        }
        let places = places(&args.inputs)?;
        let mut imported = Imported::default();
        for file in &args.importing.import {
            match self.read(file) {
                Ok(reports) => {
                    for report in reports {
                        let mut status = Status::of_file(file, &report.tool, None);
                        status.version.clone_from(&report.version);
                        status.notes.clone_from(&report.notes);
                        imported.add(corpus, &report, &places, session, status);
                    }
                }
                Err(error) => {
                    let tool = self.format.map_or("unknown", Format::as_str);
                    imported.statuses.push(Status::of_file(file, tool, Some(format!("{error:#}"))));
                }
            }
        }
        let files = files_of(inputs);
        for tool in &self.tools {
            let subjects = Subjects { paths: &args.inputs, files: &files };
            let scan = self.scanners.scan(*tool, subjects);
            imported.add(corpus, &scan.report, &places, session, scan.status);
        }
        Ok(Some(imported))
    }

    fn read(&self, file: &Path) -> anyhow::Result<Vec<Report>> {
        let most = u64::try_from(scanners::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        if file == OsStr::new("-") {
            std::io::stdin().lock().take(most).read_to_end(&mut bytes)?;
        } else {
            let metadata = std::fs::metadata(file).context("cannot read the report")?;
            anyhow::ensure!(metadata.is_file(), "neither a file nor -, which is stdin");
            let opened = std::fs::File::open(file).context("cannot read the report")?;
            opened.take(most).read_to_end(&mut bytes).context("cannot read the report")?;
        }
        Ok(scanners::parse(&bytes, self.format)?)
    }
}

impl Imported {
    fn add(
        &mut self,
        corpus: &Corpus<'_>,
        report: &Report,
        places: &Places,
        session: &Session,
        mut status: Status,
    ) {
        let imported = import(corpus, report, places, &session.settings);
        status.findings = Some(imported.counts.into());
        self.found.extend(imported.found);
        self.lost.extend(imported.lost);
        self.statuses.push(status);
    }

    /// Adds the findings to those of our own rules, object by object. What a tool reported too is
    /// there once, as the tool's: it says more. What two tools report is there for each of them.
    pub(crate) fn add_to(&self, sifted: &mut [Sifted], sieve: &Sieve<'_>, tally: &mut Tally) {
        let theirs: HashSet<_> = self.found.iter().map(|(_, found)| found.fingerprint).collect();
        if !theirs.is_empty() {
            for own in sifted.iter_mut() {
                own.found.retain(|found| !theirs.contains(&found.fingerprint));
            }
        }
        let mut seen = HashSet::new();
        for (position, theirs) in &self.found {
            // The same report may be given twice.
            let reported = theirs.finding.reported.as_ref();
            let key = reported.map(|by| (by.tool.clone(), by.id.clone(), theirs.fingerprint));
            if seen.insert(key) {
                let mut one = sieve.sift(*position, vec![theirs.clone()]);
                tally.add(&mut one);
                sifted[*position].found.extend(one.found);
                sifted[*position].hidden.extend(one.hidden);
            }
        }
    }
}

/// Where names in reports count from.
fn places(inputs: &[PathBuf]) -> anyhow::Result<Places> {
    let cwd = std::env::current_dir().context("the working directory is gone")?;
    let folders = inputs
        .iter()
        .filter(|path| *path != OsStr::new("-"))
        .map(|path| absolute(path, &cwd))
        .flat_map(|path| {
            let is_folder = path.is_dir();
            let parent = path.parent().map(Path::to_path_buf);
            // Some tools leave the name of the folder that they scan out, some do not.
            is_folder.then_some(path).into_iter().chain(parent)
        })
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    Ok(Places { cwd: cwd.to_string_lossy().into_owned(), folders })
}

/// Says how scanners and reports ended: what failed or was lost to everybody, the rest to those
/// who want more than results. Writes the same as JSON where asked.
pub(crate) fn report(
    statuses: &[Status],
    args: &ScannerArgs,
    common: &Common,
) -> anyhow::Result<()> {
    let mut stderr = std::io::stderr().lock();
    for status in statuses {
        for line in status.lines(common.quiet) {
            writeln!(stderr, "{}", review::escape(&line))?;
        }
    }
    if let Some(path) = &args.scanner_report {
        let bytes = record::json::to_vec_pretty(&serde_json::json!({ "scanners": statuses }))?;
        crate::write::output(path, &bytes)?;
    }
    Ok(())
}

impl Status {
    fn lines(&self, quiet: bool) -> Vec<String> {
        let version = self.version.as_ref().map_or_else(String::new, |v| format!(" {v}"));
        let name = match &self.file {
            Some(file) => format!("{file}: {}{version}", self.tool),
            None => format!("{}{version}", self.tool),
        };
        let mut lines = Vec::new();
        if let Some(findings) = &self.findings
            && (!quiet || findings.lost() > 0)
            && (!self.failed() || findings.reported() > 0)
        {
            let word = if findings.lost() > 0 { "warning: " } else { "" };
            lines.push(format!("{word}{name}: {findings}"));
        }
        if self.failed() {
            let state = match self.status {
                State::Ok => "ok",
                State::Failed => "failed",
                State::TimedOut => "timed out",
                State::Missing => "missing",
                State::Unreadable => "unreadable",
            };
            let reason = self.reason.as_deref().unwrap_or("no reason given");
            lines.push(format!("error: {name}: {state}: {reason}"));
        }
        lines.extend(shortened("error", &name, "not scanned", &self.not_scanned));
        lines.extend(shortened("warning", &name, "note", &self.notes));
        lines
    }
}

/// At most a few of many lines; all of them are in the JSON.
fn shortened(word: &str, name: &str, what: &str, all: &[String]) -> Vec<String> {
    const MOST: usize = 10;
    let mut lines: Vec<String> =
        all.iter().take(MOST).map(|one| format!("{word}: {name}: {what}: {one}")).collect();
    if all.len() > MOST {
        let more = all.len() - MOST;
        lines.push(format!("{word}: {name}: {more} more like that; --scanner-report has all"));
    }
    lines
}
