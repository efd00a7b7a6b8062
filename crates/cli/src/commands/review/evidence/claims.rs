//! What is claimed of a run, and whether its artefacts bear it out.

use crate::commands::queue::records;
use crate::commands::run::hex;
use crate::session::read_text;
use anyhow::Context as _;
use record::{Detection, GateOutcome, Outcome, ScheduleEntry, Status, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A claim and what was found of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) id: String,
    /// What it says, for people.
    pub(super) claim: String,
    pub(super) covered: bool,
    /// What the artefacts say.
    pub(super) found: String,
    /// The artefacts that were looked at.
    pub(super) artifacts: Vec<String>,
}

/// A claim as an operator writes it: a number of a JSON file, or how many records a file has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    claim: String,
    file: PathBuf,
    /// Where in the file, as an RFC 6901 pointer; without it the number of records counts.
    #[serde(default)]
    pointer: Option<String>,
    equals: Option<Value>,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

/// What every run claims of itself.
///
/// # Errors
/// When its records cannot be read.
pub(super) fn of_run(folder: &Path, run: &Value) -> anyhow::Result<Vec<Claim>> {
    let at = |name: &str| folder.join(name);
    let detections: Vec<Detection> = records(&at("detections.jsonl"))?;
    let outcomes: Vec<Outcome> = records(&at("outcomes.jsonl"))?;
    let verdicts: Vec<Verdict> = records(&at("verified.jsonl"))?;
    let schedule: Vec<ScheduleEntry> = records(&at("schedule.jsonl"))?;
    let accepted: BTreeSet<&str> =
        verdicts.iter().filter(|v| v.accepted).map(|v| v.id.as_str()).collect();
    let claim =
        |id: &str, text: &str, (covered, found): (bool, String), artifacts: &[&str]| Claim {
            id: id.to_owned(),
            claim: text.to_owned(),
            covered,
            found,
            artifacts: artifacts.iter().map(|name| at(name).display().to_string()).collect(),
        };
    Ok(vec![
        claim(
            "every-finding-ends",
            "every finding ends with exactly one status",
            same(
                &detections.iter().map(|d| d.id.as_str()).collect::<Vec<_>>(),
                &outcomes.iter().map(|o| o.id.as_str()).collect::<Vec<_>>(),
            ),
            &["detections.jsonl", "outcomes.jsonl"],
        ),
        claim(
            "accepted-is-proven",
            "no accepted fix has a gate that failed or could not judge",
            proven(&verdicts),
            &["verified.jsonl"],
        ),
        claim(
            "outcomes-agree",
            "the fixes that verdicts accept are those whose findings end as accepted",
            same_set(
                &accepted,
                &outcomes
                    .iter()
                    .filter(|outcome| outcome.status == Status::Accepted)
                    .map(|outcome| outcome.id.as_str())
                    .collect(),
            ),
            &["verified.jsonl", "outcomes.jsonl"],
        ),
        claim(
            "schedule-is-complete",
            "every accepted fix is scheduled once, and nothing else is",
            scheduled(&accepted, &schedule),
            &["verified.jsonl", "schedule.jsonl"],
        ),
        claim(
            "summary-agrees",
            "the summary counts what the records hold",
            summary(&read_json(&at("review.json"))?, detections.len(), accepted.len()),
            &["review.json", "detections.jsonl", "verified.jsonl"],
        ),
        claim(
            "inputs-unchanged",
            "the inputs are those that the run read",
            unchanged(run),
            &["manifest.json"],
        ),
    ])
}

/// The claims of a file.
///
/// # Errors
/// When the file cannot be read; what a claim names and is not there leaves it uncovered.
pub(super) fn of_file(path: &Path) -> anyhow::Result<Vec<Claim>> {
    let claims: Claims = crate::config::read(path)?;
    Ok(claims.claims.iter().map(judged).collect())
}

/// A file of claims.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    claims: Vec<Written>,
}

fn judged(written: &Written) -> Claim {
    let found = value(written);
    let (covered, found) = match &found {
        Err(error) => (false, format!("{error:#}")),
        Ok(found) => {
            let number = found.as_f64();
            let equal = written.equals.as_ref().is_none_or(|wanted| wanted == found);
            let enough = written.at_least.is_none_or(|least| number.is_some_and(|n| n >= least));
            let little = written.at_most.is_none_or(|most| number.is_some_and(|n| n <= most));
            let says =
                written.equals.is_some() || written.at_least.is_some() || written.at_most.is_some();
            (says && equal && enough && little, found.to_string())
        }
    };
    let artifacts = vec![written.file.display().to_string()];
    Claim { id: written.id.clone(), claim: written.claim.clone(), covered, found, artifacts }
}

fn value(written: &Written) -> anyhow::Result<Value> {
    match &written.pointer {
        Some(pointer) => read_json(&written.file)?
            .pointer(pointer)
            .cloned()
            .with_context(|| format!("{} has nothing at {pointer}", written.file.display())),
        None => Ok(records::<Value>(&written.file)?.len().into()),
    }
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    serde_json::from_str(&read_text(path)?).with_context(|| format!("{}: no JSON", path.display()))
}

fn same(detections: &[&str], outcomes: &[&str]) -> (bool, String) {
    let found = format!("{} findings, {} statuses", detections.len(), outcomes.len());
    (detections == outcomes, found)
}

fn same_set(a: &BTreeSet<&str>, b: &BTreeSet<&str>) -> (bool, String) {
    (a == b, format!("{} and {}, {} in both", a.len(), b.len(), a.intersection(b).count()))
}

fn proven(verdicts: &[Verdict]) -> (bool, String) {
    let bad = |verdict: &&Verdict| {
        let mut gates = verdict.gates.iter();
        let is_bad = |outcome| matches!(outcome, GateOutcome::Failed | GateOutcome::Unavailable);
        verdict.accepted && (verdict.gates.is_empty() || gates.any(|gate| is_bad(gate.outcome)))
    };
    let accepted = verdicts.iter().filter(|verdict| verdict.accepted).count();
    let bad = verdicts.iter().filter(bad).count();
    (bad == 0, format!("{accepted} accepted, {bad} of them without proof"))
}

fn scheduled(accepted: &BTreeSet<&str>, schedule: &[ScheduleEntry]) -> (bool, String) {
    let ids: BTreeSet<&str> = schedule.iter().map(|entry| entry.id.as_str()).collect();
    let covered = ids == *accepted && ids.len() == schedule.len();
    (covered, format!("{} accepted, {} scheduled", accepted.len(), schedule.len()))
}

fn summary(summary: &Value, found: usize, accepted: usize) -> (bool, String) {
    let counted = [&summary["total"]["found"], &summary["total"]["accepted"]["count"]];
    let text = format!("{} findings, {} accepted", counted[0], counted[1]);
    (*counted[0] == found && *counted[1] == accepted, text)
}

/// Compares the inputs with the hashes that the run wrote down.
fn unchanged(run: &Value) -> (bool, String) {
    let inputs = run["inputs"].as_object().cloned().unwrap_or_default();
    let differs = |(path, hash): &(&String, &Value)| {
        // What came by stdin cannot be read again.
        let now = std::fs::read(path).map(|bytes| hex(&Sha256::digest(&bytes)));
        path.as_str() == "-" || now.ok().as_deref() != hash.as_str()
    };
    let changed = inputs.iter().filter(differs).count();
    (changed == 0, format!("{} inputs, {changed} changed or gone", inputs.len()))
}
