//! `artifacts`: what a run wrote, and what each file was made from.

use super::review::evidence::{Artifact, OUTPUTS, artifacts};
use super::run::files::{State, run_manifest};
use crate::End;
use crate::args::{Artifacts, ArtifactsIndex, ArtifactsTrace};
use crate::commands::queue::records;
use crate::table::table;
use anyhow::Context as _;
use record::{Detection, Outcome};
use review::escape;
use rollout::git::Repository;
use rollout::journal::Journal;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

/// Where a file came from, and what became of it.
#[derive(Serialize)]
struct Trace<'a> {
    #[serde(flatten)]
    artifact: &'a Artifact,
    /// What it was made from; empty for inputs.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    made_from: &'static [&'static str],
    /// `unchanged` or `changed` since the run; `unknown` where the run did not note it.
    since: &'static str,
    /// Findings in an input, by how they ended.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    findings: BTreeMap<&'static str, usize>,
    /// Commits of ours that changed an input: batch and id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    commits: Vec<(String, String)>,
}

/// Runs the command.
pub(crate) fn run(args: &Artifacts) -> anyhow::Result<End> {
    match args {
        Artifacts::Index(args) => index(args),
        Artifacts::Trace(args) => trace(args),
    }
}

fn index(args: &ArtifactsIndex) -> anyhow::Result<End> {
    let artifacts = artifacts(&args.run, &run_manifest(&args.run)?);
    let mut out = std::io::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, &artifacts)?;
        return Ok(End::Clean);
    }
    let row = |artifact: &Artifact| {
        vec![
            artifact.role.clone(),
            artifact.stage.clone(),
            artifact.category.clone(),
            artifact.bytes.to_string(),
            artifact.sha256.clone(),
            artifact.producer.clone(),
            artifact.path.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = artifacts.iter().map(row).collect();
    let heading = ["role", "stage", "category", ">bytes", "sha256", "producer", "path"];
    write!(out, "{}", table(&heading, &rows))?;
    Ok(End::Clean)
}

fn trace(args: &ArtifactsTrace) -> anyhow::Result<End> {
    let run = run_manifest(&args.run)?;
    let state = State::read(&args.run)
        .with_context(|| format!("{}: finish the run first", args.run.display()))?;
    let artifacts = artifacts(&args.run, &run);
    let ends = ends(&args.run)?;
    let mut traces = Vec::new();
    for file in &args.files {
        let artifact = known(&artifacts, file).with_context(|| {
            let (file, run) = (file.display(), args.run.display());
            format!("{file}: neither an input nor an output of the run in {run}")
        })?;
        traces.push(match artifact.role.as_str() {
            "input" => of_input(artifact, &run, &ends),
            _ => of_output(artifact, &state),
        });
    }
    let mut out = std::io::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, &traces)?;
    } else {
        traces.iter().try_for_each(|trace| show(trace, &mut out))?;
    }
    Ok(End::Clean)
}

/// The artifact that a path means, however it is written.
fn known<'a>(artifacts: &'a [Artifact], file: &Path) -> Option<&'a Artifact> {
    let wanted = file.canonicalize().ok()?;
    let is_it = |artifact: &&Artifact| {
        Path::new(&artifact.path).canonicalize().is_ok_and(|path| path == wanted)
    };
    artifacts.iter().find(is_it)
}

/// How the findings of each file ended.
fn ends(run: &Path) -> anyhow::Result<BTreeMap<String, BTreeMap<&'static str, usize>>> {
    let detections: Vec<Detection> = records(&run.join("detections.jsonl"))?;
    let outcomes: Vec<Outcome> = records(&run.join("outcomes.jsonl"))?;
    let mut ends: BTreeMap<String, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for (detection, outcome) in detections.iter().zip(&outcomes) {
        let of_file = ends.entry(detection.manifest_path.clone()).or_default();
        *of_file.entry(outcome.status.as_str()).or_default() += 1;
    }
    Ok(ends)
}

fn of_input<'a>(
    artifact: &'a Artifact,
    run: &Value,
    ends: &BTreeMap<String, BTreeMap<&'static str, usize>>,
) -> Trace<'a> {
    let then = run["inputs"][&artifact.path].as_str();
    Trace {
        artifact,
        made_from: &[],
        since: match then {
            Some(then) if then == artifact.sha256 => "unchanged",
            Some(_) => "changed",
            None => "unknown",
        },
        findings: ends.get(&artifact.path).cloned().unwrap_or_default(),
        commits: commits(Path::new(&artifact.path)),
    }
}

fn of_output<'a>(artifact: &'a Artifact, state: &State) -> Trace<'a> {
    let name = Path::new(&artifact.path).file_name().and_then(|name| name.to_str());
    let output = OUTPUTS.iter().find(|output| Some(output.name) == name);
    let written = name.and_then(|name| state.bytes.get(name));
    Trace {
        artifact,
        made_from: output.map_or(&[], |output| output.made_from),
        since: match written {
            Some(bytes) if *bytes == artifact.bytes => "unchanged",
            Some(_) => "changed",
            None => "unknown",
        },
        findings: BTreeMap::new(),
        commits: Vec::new(),
    }
}

/// Commits that `gitops write` made of changes to a file; none outside of a repository.
fn commits(file: &Path) -> Vec<(String, String)> {
    let find = || {
        let file = file.canonicalize().ok()?;
        let repository = Repository::open(file.parent()?).ok()?;
        let root = repository.root().canonicalize().ok()?;
        let path = file.strip_prefix(root).ok()?.to_str()?.to_owned();
        let entries = Journal::of(&repository).ok()?.entries().ok()?;
        let ours = entries.into_iter().filter(|entry| entry.files.iter().any(|f| f.path == path));
        Some(ours.map(|entry| (entry.batch, entry.commit)).collect())
    };
    find().unwrap_or_default()
}

fn show(trace: &Trace<'_>, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let Artifact { path, role, category, producer, stage, bytes, sha256 } = trace.artifact;
    writeln!(out, "{}", escape(path))?;
    writeln!(out, "  {role}, {category}, {bytes} bytes, {} since the run", trace.since)?;
    writeln!(out, "  sha256 {sha256}")?;
    if !producer.is_empty() {
        writeln!(
            out,
            "  made by `{producer}`, stage {stage}, from {}",
            trace.made_from.join(", ")
        )?;
    }
    for (status, count) in &trace.findings {
        writeln!(out, "  {count} findings {status}")?;
    }
    for (batch, commit) in &trace.commits {
        writeln!(out, "  changed by {commit}, {}", escape(batch))?;
    }
    Ok(())
}
