//! `run`: all stages at once.

use super::queue::items;
use crate::args::{Common, Run};
use crate::session::{self, Session, input_errors};
use crate::{End, write};
use anyhow::Context as _;
use detector::{Corpus, Found, object_ref};
use rayon::prelude::*;
use record::{
    Applicability, Detection, Format, Gate, GateOutcome, Outcome, Patch, RiskScore, Status, Verdict,
    write_records,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use verifier::{FindingVerdict, Judge, ObjectVerdict};

/// Everything that a run records, one entry for each finding unless said otherwise.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) detections: Vec<Detection>,
    /// Only of findings with a patch.
    pub(crate) patches: Vec<Patch>,
    /// Only of findings with a patch.
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) outcomes: Vec<Outcome>,
}

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Run) -> anyhow::Result<End> {
    let session = Session::new(common, &args.selecting)?;
    let gates = session::gates(&args.disable_gate)?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    let inputs = session.read(&args.paths);
    let corpus = Corpus::new(&inputs.files, session.context);
    let (schemas, unusable) = session.schemas(&corpus);
    let rules = session::all_rules();
    let judge = Judge {
        corpus: &corpus,
        schemas: &schemas,
        settings: &session.settings,
        rules: &rules,
        gates: &gates,
        timings: args.timings,
    };
    let found = session.detect(&corpus);
    let verdicts = session.judge(&judge, &found, Applicability::Unsafe, |_| true);
    let records = records(&corpus, &found, verdicts);
    let scores: Vec<RiskScore> = records.detections.par_iter().map(risk::score).collect();
    let entries = schedule(&records.verdicts, &scores)?;
    let out = |name: &str| args.out.join(name);
    lines(&out("detections.jsonl"), &records.detections)?;
    lines(&out("patches.jsonl"), &records.patches)?;
    lines(&out("verified.jsonl"), &records.verdicts)?;
    lines(&out("outcomes.jsonl"), &records.outcomes)?;
    lines(&out("risk.jsonl"), &scores)?;
    lines(&out("schedule.jsonl"), &entries)?;
    let items = items(&records.verdicts, &records.detections, &records.patches, &scores);
    queue::blocking::Queue::init(&out("queue.db"))?.enqueue(&items, super::queue::now())?;
    let summary = review::summary::summarize(
        &records.detections,
        &records.patches,
        &records.verdicts,
        &records.outcomes,
    );
    let (mut page, mut json) = (Vec::new(), Vec::new());
    summary.write_markdown(&mut page)?;
    summary.write_json(&mut json)?;
    write::output(&out("review.md"), &page)?;
    write::output(&out("review.json"), &json)?;
    write::output(&out("manifest.json"), &manifest(&session, &inputs, args)?)?;
    let errors = input_errors(&inputs);
    report(&records, &errors, &unusable, args, common)?;
    let all_accepted = records.outcomes.iter().all(|o| o.status == Status::Accepted);
    Ok(match (errors.is_empty(), all_accepted) {
        (false, _) => End::InputError,
        (true, false) => End::Findings,
        (true, true) => End::Clean,
    })
}

/// The order in which accepted fixes are to be done.
pub(crate) fn schedule(
    verdicts: &[Verdict],
    scores: &[RiskScore],
) -> anyhow::Result<Vec<record::ScheduleEntry>> {
    let accepted: std::collections::HashSet<&str> =
        verdicts.iter().filter(|v| v.accepted).map(|v| v.id.as_str()).collect();
    Ok(scheduler::schedule(scores, &accepted, &scheduler::Parameters::default())?)
}

/// Turns findings and verdicts into records, numbered in input order.
pub(crate) fn records(
    corpus: &Corpus<'_>,
    found: &[Vec<Found>],
    verdicts: Vec<ObjectVerdict>,
) -> Records {
    let firsts: Vec<usize> = found
        .iter()
        .scan(0, |next, found| {
            let first = *next;
            *next += found.len();
            Some(first)
        })
        .collect();
    let parts: Vec<Records> = verdicts
        .into_par_iter()
        .enumerate()
        .map(|(position, verdict)| {
            object_records(corpus, position, &found[position], verdict, firsts[position])
        })
        .collect();
    let mut all = Records::default();
    for part in parts {
        all.detections.extend(part.detections);
        all.patches.extend(part.patches);
        all.verdicts.extend(part.verdicts);
        all.outcomes.extend(part.outcomes);
    }
    all
}

fn object_records(
    corpus: &Corpus<'_>,
    position: usize,
    found: &[Found],
    verdict: ObjectVerdict,
    first: usize,
) -> Records {
    let (object, input) = (corpus.object(position), corpus.input_of(position));
    let mut records = Records::default();
    for (index, (found, verdict)) in found.iter().zip(verdict.findings).enumerate() {
        let detection = found.record(super::number(first + index), input, object);
        records.outcomes.push(Outcome {
            id: detection.id.clone(),
            rule: found.finding.rule.id.to_owned(),
            fingerprint: found.fingerprint.to_string(),
            status: verdict.status,
            reason: verdict.reason.clone(),
        });
        if verdict.proposal.is_some() {
            records.verdicts.push(verdict_record(&detection, &verdict));
        }
        if let Some(proposal) = verdict.proposal {
            records.patches.push(Patch {
                id: detection.id.clone(),
                policy_id: detection.policy_id.clone(),
                source: "rules".to_owned(),
                patch: proposal.operations,
                latency_ms: None,
                rule: detection.rule.clone(),
                fingerprint: detection.fingerprint.clone(),
                manifest_path: Some(input.path.clone()),
                object: Some(object_ref(object)),
                applicability: Some(proposal.applicability),
                may_break: detection.remedy.clone(),
                provenance: proposal.provenance,
            });
        }
        records.detections.push(detection);
    }
    records
}

/// The record of a verdict on the patch of a detection.
pub(crate) fn verdict_record(detection: &Detection, verdict: &FindingVerdict) -> Verdict {
    let passed = |gate: Gate| {
        verdict.gates.iter().any(|g| g.gate == gate && g.outcome == GateOutcome::Passed)
    };
    Verdict {
        id: detection.id.clone(),
        policy_id: detection.policy_id.clone(),
        accepted: verdict.status == Status::Accepted,
        ok_policy: passed(Gate::Policy),
        ok_schema: passed(Gate::Schema),
        ok_safety: passed(Gate::Patch) && passed(Gate::Regression),
        ok_rescan: passed(Gate::Rescan),
        patched_yaml: None,
        errors: Vec::new(),
        rule: detection.rule.clone(),
        fingerprint: detection.fingerprint.clone(),
        manifest_path: Some(detection.manifest_path.clone()),
        object: detection.object.clone(),
        applicability: verdict.proposal.as_ref().map(|proposal| proposal.applicability),
        gates: verdict.gates.clone(),
    }
}

/// Writes records as JSON Lines; the lines are made in parallel.
fn lines<T: Serialize + Sync>(path: &Path, records: &[T]) -> anyhow::Result<()> {
    const CHUNK: usize = 2_048;
    let chunks: Vec<Vec<u8>> = records
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut bytes = Vec::new();
            write_records(&mut bytes, chunk, Format::Lines).map(|()| bytes)
        })
        .collect::<Result<_, _>>()?;
    write::output(path, &chunks.concat())
}

/// What went in, so that a run can be compared and repeated.
fn manifest(
    session: &Session,
    inputs: &crate::inputs::Inputs,
    args: &Run,
) -> anyhow::Result<Vec<u8>> {
    let digests: Vec<(String, String)> = inputs
        .files
        .par_iter()
        .filter_map(|input| {
            let text = input.source.as_ref().ok()?.text();
            Some((input.path.clone(), hex(&Sha256::digest(text))))
        })
        .collect();
    let files: BTreeMap<_, _> = digests.into_iter().collect();
    let manifest = serde_json::json!({
        "tool": { "name": "k8s-auto-fix", "version": env!("CARGO_PKG_VERSION") },
        "rules": session.rules.iter().map(|rule| rule.id).collect::<Vec<_>>(),
        "kubernetes_versions": session.versions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "values": session.config.values.0.len(),
        "disabled_gates": args.disable_gate,
        "inputs": files,
    });
    let mut bytes = serde_json::to_vec_pretty(&manifest)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn report(
    records: &Records,
    errors: &[(String, usize, usize, String)],
    unusable: &[String],
    args: &Run,
    common: &Common,
) -> anyhow::Result<()> {
    let mut stderr = std::io::stderr().lock();
    for (path, line, column, message) in errors {
        writeln!(stderr, "error: {path}:{line}:{column}: {}", review::escape(message))?;
    }
    for crd in unusable {
        writeln!(stderr, "warning: {}; its objects have no schema", review::escape(crd))?;
    }
    if common.quiet {
        return Ok(());
    }
    let count =
        |status: Status| records.outcomes.iter().filter(|o| o.status == status).count();
    let parts: Vec<String> = Status::ALL
        .into_iter()
        .map(|status| format!("{} {}", count(status), status.as_str()))
        .collect();
    writeln!(
        std::io::stdout(),
        "{} findings: {}. See {}",
        records.detections.len(),
        parts.join(", "),
        args.out.join("review.md").display()
    )?;
    Ok(())
}
