//! `status`: how far a run is.

use crate::End;
use crate::args::Status;
use crate::commands::run::files::{STATE, State};
use crate::table::table;
use anyhow::Context as _;
use serde::Serialize;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

/// The stages of a run, in order: the file that each leaves, and whether that is of records.
const STAGES: [(&str, &str, bool); 8] = [
    ("detect", "detections.jsonl", true),
    ("propose", "patches.jsonl", true),
    ("verify", "verified.jsonl", true),
    ("outcome", "outcomes.jsonl", true),
    ("risk", "risk.jsonl", true),
    ("schedule", "schedule.jsonl", true),
    ("queue", "queue.db", false),
    ("review", "review.md", false),
];

#[derive(Serialize)]
struct Report {
    /// `complete` or `interrupted`.
    status: &'static str,
    /// Objects that are done, of all.
    done: usize,
    objects: usize,
    /// The code that the complete run ended with.
    exit_code: Option<u8>,
    stages: Vec<Stage>,
    /// What to do next.
    next: String,
}

#[derive(Serialize)]
struct Stage {
    stage: &'static str,
    file: &'static str,
    /// `complete`, `missing`, or `damaged` when the file is not as long as it was written.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<usize>,
    bytes: u64,
}

/// Runs the command.
pub(crate) fn run(args: &Status) -> anyhow::Result<End> {
    let state = State::read(&args.run).with_context(|| {
        format!("{}: no folder that `run --out` wrote: it has no {STATE}", args.run.display())
    })?;
    let stages = STAGES.map(|stage| look(&args.run, &state, stage)).into_iter();
    let stages = stages.collect::<anyhow::Result<Vec<_>>>()?;
    let whole = state.complete && stages.iter().all(|stage| stage.status == "complete");
    let report = Report {
        status: if whole { "complete" } else { "interrupted" },
        done: state.done,
        objects: state.objects,
        exit_code: state.exit_code,
        next: next(&args.run, &state, &stages),
        stages,
    };
    let mut out = std::io::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, &report)?;
    } else {
        write!(out, "{}", shown(&report))?;
    }
    Ok(if whole { End::Clean } else { End::Findings })
}

fn look(
    folder: &Path,
    state: &State,
    (stage, file, has_records): (&'static str, &'static str, bool),
) -> anyhow::Result<Stage> {
    let path = folder.join(file);
    let Ok(metadata) = std::fs::metadata(&path) else {
        return Ok(Stage { stage, file, status: "missing", records: None, bytes: 0 });
    };
    let bytes = metadata.len();
    let as_written = state.bytes.get(file).is_none_or(|written| *written == bytes);
    // What a former run left says nothing of this one.
    let status = match (state.complete, as_written) {
        (true, true) => "complete",
        (true, false) => "damaged",
        (false, _) => "missing",
    };
    let count = || -> std::io::Result<usize> {
        Ok(BufReader::new(std::fs::File::open(&path)?).split(b'\n').count())
    };
    let records = match has_records && status == "complete" {
        true => Some(count().with_context(|| format!("cannot read {}", path.display()))?),
        false => None,
    };
    Ok(Stage { stage, file, status, records, bytes })
}

fn next(folder: &Path, state: &State, stages: &[Stage]) -> String {
    let bad = stages.iter().find(|stage| stage.status != "complete");
    let folder = folder.display();
    match bad {
        _ if !state.complete => format!(
            "the run was interrupted: give the same command again with --resume --out {folder}"
        ),
        Some(stage) => {
            format!("{} is {}: give the command again without --resume", stage.file, stage.status)
        }
        None => format!(
            "read {folder}/review.md; k8s-auto-fix gitops plan {folder} carries the fixes on"
        ),
    }
}

fn shown(report: &Report) -> String {
    let row = |stage: &Stage| {
        let records = stage.records.map_or_else(String::new, |count| count.to_string());
        vec![
            stage.stage.to_owned(),
            stage.status.to_owned(),
            records,
            stage.bytes.to_string(),
            stage.file.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = report.stages.iter().map(row).collect();
    let head = format!("{}: {} of {} objects\n", report.status, report.done, report.objects);
    let heading = ["stage", "status", ">records", ">bytes", "file"];
    format!("{head}{}next: {}\n", table(&heading, &rows), report.next)
}
