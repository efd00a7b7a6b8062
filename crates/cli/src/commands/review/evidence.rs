//! `review evidence`: what a run was made from and what it made, with hashes, and what of its claims
//! the artefacts bear out.

mod claims;

use super::write;
use crate::End;
use crate::args::review::{Evidence as Args, EvidenceFormat};
use crate::commands::run::files::{State, run_manifest};
use crate::commands::run::hex;
use crate::session::read_text;
use crate::table::table;
use anyhow::Context as _;
use claims::Claim;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What in-toto calls the kind of a statement.
const PREDICATE: &str = "urn:k8s-auto-fix:evidence:v1";

/// A file that a run writes.
pub(crate) struct Output {
    pub(crate) name: &'static str,
    pub(crate) stage: &'static str,
    category: &'static str,
    /// What it is made from, for people.
    pub(crate) made_from: &'static [&'static str],
}

/// The outputs of a run, in the order of the stages.
pub(crate) const OUTPUTS: [Output; 12] = [
    output("detections.jsonl", "detect", "records", &["the inputs"]),
    output("patches.jsonl", "propose", "records", &["detections.jsonl", "the inputs"]),
    output("attempts.jsonl", "propose", "records", &["detections.jsonl", "the inputs"]),
    output("verified.jsonl", "verify", "records", &["patches.jsonl", "the inputs"]),
    output("outcomes.jsonl", "verify", "records", &["verified.jsonl"]),
    output("risk.jsonl", "risk", "records", &["detections.jsonl", "the inputs"]),
    output("schedule.jsonl", "schedule", "records", &["verified.jsonl", "risk.jsonl"]),
    output("evidence.jsonl", "detect", "records", &["the inputs"]),
    output("review.json", "review", "report", &JUDGED),
    output("review.md", "review", "report", &JUDGED),
    output("manifest.json", "run", "manifest", &["the inputs", "the configuration"]),
    output("state.json", "run", "manifest", &["manifest.json", "the configuration"]),
];

/// What is known of the findings once they are judged.
const JUDGED: [&str; 4] = ["detections.jsonl", "patches.jsonl", "verified.jsonl", "outcomes.jsonl"];

const fn output(
    name: &'static str,
    stage: &'static str,
    category: &'static str,
    made_from: &'static [&'static str],
) -> Output {
    Output { name, stage, category, made_from }
}

impl Output {
    /// Where it is in the folder of a run, as manifests write it.
    fn path(&self, folder: &Path) -> String {
        folder.join(self.name).display().to_string()
    }
}

/// Everything that went into a run and came out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Manifest {
    /// The folder of the run.
    run: PathBuf,
    tool: Value,
    /// Hash of everything that the outputs depend on.
    identity: String,
    complete: bool,
    artifacts: Vec<Artifact>,
    stages: BTreeMap<String, Stage>,
    claims: Vec<Claim>,
    /// Claims that the artefacts bear out, of all.
    coverage: Coverage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Artifact {
    pub(crate) path: String,
    /// `input` or `output`.
    pub(crate) role: String,
    pub(crate) category: String,
    /// The command that made it; empty for inputs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) producer: String,
    /// The stage that made it; empty for inputs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) stage: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stage {
    status: String,
    outputs: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Coverage {
    covered: usize,
    of: usize,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<End> {
    if let Some(path) = &args.check {
        return check(path);
    }
    let folder =
        args.run.as_deref().context("give the folder that `run` wrote, or --check FILE")?;
    let manifest = manifest(folder, args.claims.as_deref())?;
    let bytes = match args.output_format {
        EvidenceFormat::Json => record::json::to_vec_pretty(&manifest)?,
        EvidenceFormat::InToto => record::json::to_vec_pretty(&statement(&manifest)?)?,
        EvidenceFormat::Table => shown(&manifest).into_bytes(),
    };
    write(args.out.as_deref(), &bytes)?;
    let uncovered = manifest.coverage.covered < manifest.coverage.of;
    if uncovered && args.fail_on_uncovered {
        for claim in manifest.claims.iter().filter(|claim| !claim.covered) {
            let (id, why) = (review::escape(&claim.id), review::escape(&claim.found));
            writeln!(std::io::stderr(), "error: claim {id} is not covered: {why}")?;
        }
        return Ok(End::Findings);
    }
    Ok(End::Clean)
}

fn manifest(folder: &Path, claims_file: Option<&Path>) -> anyhow::Result<Manifest> {
    let run = run_manifest(folder)?;
    let state = State::read(folder)
        .with_context(|| format!("{}: finish the run first", folder.display()))?;
    let artifacts = artifacts(folder, &run);
    let mut stages: BTreeMap<String, Stage> = BTreeMap::new();
    for output in &OUTPUTS {
        let stage = stages.entry(output.stage.to_owned()).or_default();
        let path = output.path(folder);
        if artifacts.iter().any(|artifact| artifact.role == "output" && artifact.path == path) {
            stage.outputs.push(output.name.to_owned());
        }
    }
    for stage in stages.values_mut() {
        let complete = state.complete && !stage.outputs.is_empty();
        stage.status = if complete { "complete" } else { "missing" }.to_owned();
    }
    let mut claims = claims::of_run(folder, &run)?;
    if let Some(path) = claims_file {
        claims.extend(claims::of_file(path)?);
    }
    let coverage =
        Coverage { covered: claims.iter().filter(|claim| claim.covered).count(), of: claims.len() };
    Ok(Manifest {
        run: folder.to_owned(),
        tool: run["tool"].clone(),
        identity: state.identity,
        complete: state.complete,
        artifacts,
        stages,
        claims,
        coverage,
    })
}

/// The inputs of a run and its outputs, as they are now; those that are gone are left out.
pub(crate) fn artifacts(folder: &Path, run: &Value) -> Vec<Artifact> {
    let inputs: Vec<&String> =
        run["inputs"].as_object().into_iter().flat_map(|inputs| inputs.keys()).collect();
    let mut artifacts: Vec<Artifact> =
        inputs.par_iter().filter_map(|path| artifact(path, Kind::INPUT)).collect();
    artifacts.extend(OUTPUTS.iter().filter_map(|output| {
        let Output { stage, category, .. } = *output;
        let kind = Kind { role: "output", category, producer: "k8s-auto-fix run", stage };
        artifact(&output.path(folder), kind)
    }));
    artifacts
}

/// What is known of a file besides its content.
#[derive(Clone, Copy)]
struct Kind<'a> {
    role: &'a str,
    category: &'a str,
    producer: &'a str,
    stage: &'a str,
}

impl Kind<'_> {
    const INPUT: Self = Self { role: "input", category: "manifest", producer: "", stage: "" };
}

/// A file as it is now; `None` when it is not there.
fn artifact(path: &str, kind: Kind<'_>) -> Option<Artifact> {
    let bytes = std::fs::read(path).ok()?;
    Some(Artifact {
        path: path.to_owned(),
        role: kind.role.to_owned(),
        category: kind.category.to_owned(),
        producer: kind.producer.to_owned(),
        stage: kind.stage.to_owned(),
        bytes: bytes.len() as u64,
        sha256: hex(&Sha256::digest(&bytes)),
    })
}

/// Compares a manifest that was written before with the files as they are now.
fn check(path: &Path) -> anyhow::Result<End> {
    let text = read_text(path)?;
    let value: Value = serde_json::from_str(&text)
        .with_context(|| format!("{}: no evidence manifest", path.display()))?;
    // A statement carries the manifest.
    let value =
        if value["predicateType"] == PREDICATE { value["predicate"].clone() } else { value };
    let before: Manifest = serde_json::from_value(value)
        .with_context(|| format!("{}: no evidence manifest", path.display()))?;
    let mut faults = Vec::new();
    for was in &before.artifacts {
        let (role, category) = (was.role.as_str(), was.category.as_str());
        let kind = Kind { role, category, producer: &was.producer, stage: &was.stage };
        match artifact(&was.path, kind) {
            None => faults.push(format!("{}: it is gone", was.path)),
            Some(now) if now != *was => faults.push(format!("{}: it has changed", was.path)),
            Some(_) => {}
        }
    }
    let claims = claims::of_run(&before.run, &run_manifest(&before.run)?)?;
    for claim in claims.iter().filter(|claim| !claim.covered) {
        faults.push(format!("claim {}: {}", claim.id, claim.found));
    }
    for fault in &faults {
        writeln!(std::io::stderr(), "error: {}", review::escape(fault))?;
    }
    writeln!(
        std::io::stdout(),
        "{} artefacts and {} claims checked, {} faults",
        before.artifacts.len(),
        claims.len(),
        faults.len()
    )?;
    Ok(if faults.is_empty() { End::Clean } else { End::Findings })
}

/// The manifest as an in-toto statement about the outputs.
fn statement(manifest: &Manifest) -> anyhow::Result<Value> {
    let outputs = manifest.artifacts.iter().filter(|artifact| artifact.role == "output");
    let subject: Vec<Value> = outputs
        .map(|artifact| json!({ "name": artifact.path, "digest": { "sha256": artifact.sha256 } }))
        .collect();
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": PREDICATE,
        "predicate": serde_json::to_value(manifest)?,
    }))
}

fn shown(manifest: &Manifest) -> String {
    let row = |claim: &Claim| {
        let covered = if claim.covered { "covered" } else { "uncovered" };
        vec![claim.id.clone(), covered.to_owned(), claim.claim.clone(), claim.found.clone()]
    };
    let rows: Vec<Vec<String>> = manifest.claims.iter().map(row).collect();
    let Coverage { covered, of } = manifest.coverage;
    format!(
        "{}{covered} of {of} claims are covered; {} artefacts\n",
        table(&["claim", "status", "what it says", "what was found"], &rows),
        manifest.artifacts.len()
    )
}
