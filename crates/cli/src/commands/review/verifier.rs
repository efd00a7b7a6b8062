//! `review verifier`: which patches were rejected, and what to do about it.

use crate::End;
use crate::archive::Archive;
use crate::args::review::Verifier;
use crate::table::table;
use record::{Cause, Gate, GateOutcome, GateResult, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;

/// Rejected patches with one gate, rule and cause.
#[derive(Debug, Serialize)]
struct Group {
    gate: Option<Gate>,
    outcome: Option<GateOutcome>,
    rule: String,
    /// Why the API server refused, or the reason of another gate up to the first detail.
    cause: String,
    count: usize,
    /// The whole reason of the first.
    example: String,
    manifest_path: String,
    next: &'static str,
}

/// Runs the command.
pub(super) fn run(args: &Verifier) -> anyhow::Result<End> {
    let archive = Archive::read(&args.records)?;
    let mut groups: BTreeMap<(Option<Gate>, String, String), Group> = BTreeMap::new();
    for verdict in archive.verdicts.iter().filter(|verdict| !verdict.accepted) {
        let gate = first_bad(verdict);
        let reason = reason(verdict, gate);
        let cause = cause(gate, &reason);
        let rule = verdict.rule.clone().unwrap_or_else(|| verdict.policy_id.clone());
        let key = (gate.map(|gate| gate.gate), rule.clone(), cause.clone());
        let group = groups.entry(key).or_insert_with(|| Group {
            gate: gate.map(|gate| gate.gate),
            outcome: gate.map(|gate| gate.outcome),
            rule,
            cause,
            count: 0,
            example: reason,
            manifest_path: verdict.manifest_path.clone().unwrap_or_default(),
            next: next(gate),
        });
        group.count += 1;
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    let mut out = std::io::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, &groups)?;
    } else {
        let rejected: usize = groups.iter().map(|group| group.count).sum();
        write!(out, "{}", shown(&groups))?;
        writeln!(out, "{rejected} of {} patches were rejected", archive.verdicts.len())?;
    }
    Ok(End::Clean)
}

/// The gate that rejected the patch. Records of the reference have none.
fn first_bad(verdict: &Verdict) -> Option<&GateResult> {
    let bad =
        |gate: &&GateResult| matches!(gate.outcome, GateOutcome::Failed | GateOutcome::Unavailable);
    verdict.gates.iter().find(bad)
}

fn reason(verdict: &Verdict, gate: Option<&GateResult>) -> String {
    let told =
        gate.and_then(|gate| gate.reason.clone()).or_else(|| verdict.errors.first().cloned());
    told.unwrap_or_else(|| {
        let flags = [
            (verdict.ok_policy, "the finding is still there"),
            (verdict.ok_schema, "it is not valid"),
            (verdict.ok_safety, "it is not safe"),
        ];
        let bad = flags.iter().find(|(passed, _)| !passed);
        bad.map_or("no reason was recorded", |(_, reason)| reason).to_owned()
    })
}

/// What groups reasons that differ in details only.
fn cause(gate: Option<&GateResult>, reason: &str) -> String {
    let heard = gate.and_then(|gate| gate.server.as_ref()?.cause);
    let general = || reason.split([':', '`', '"', ';']).next().unwrap_or(reason).trim().to_owned();
    heard.map_or_else(general, |cause: Cause| cause.as_str().to_owned())
}

fn next(gate: Option<&GateResult>) -> &'static str {
    let Some(gate) = gate else { return "verify the patch again, to learn which gate rejects it" };
    let cause = gate.server.as_ref().and_then(|server| server.cause);
    match (gate.gate, gate.outcome, cause) {
        (_, GateOutcome::Unavailable, Some(Cause::MissingCrd | Cause::MissingNamespace)) => {
            "give the missing definitions with --seed, or judge against a cluster that has them"
        }
        (_, GateOutcome::Unavailable, Some(Cause::Unauthorized | Cause::Forbidden)) => {
            "renew the credential, or let it make dry-runs of these kinds"
        }
        (_, GateOutcome::Unavailable, Some(Cause::UnknownKind)) => {
            "judge against a server that serves the kind"
        }
        (_, _, Some(Cause::Conflict)) => {
            "agree with the other field manager, or judge with --force-conflicts"
        }
        (Gate::Schema, GateOutcome::Unavailable, _) => {
            "add the definition of the custom resource to the inputs, or judge with --server"
        }
        (_, GateOutcome::Unavailable, _) => "make the judge reachable and run again",
        (Gate::Server, _, Some(Cause::Immutable)) => {
            "plan to make the object anew: the field cannot be changed in place"
        }
        (Gate::Server, _, Some(Cause::RejectedBefore)) => {
            "cure what the server holds against the manifest as it is"
        }
        (Gate::Server, _, Some(Cause::AdmissionDenied)) => {
            "read what the policy asks for; change the manifest or the policy by hand"
        }
        (Gate::Patch, ..) => {
            "the proposer reaches for more than the rule allows: change it by hand"
        }
        (Gate::Edit, ..) => "the text cannot be edited without loss: change it by hand",
        (Gate::Policy, ..) => "the fix does not cure the finding: report it, or change it by hand",
        (Gate::Regression, ..) => {
            "fix what the reason names together with it, or ignore one of both"
        }
        (Gate::Schema, ..) => "check --kubernetes-version and the definitions of custom resources",
        (Gate::Server, ..) => "read the server's words in the example",
        (Gate::Rescan, ..) => "the scanner sees it still: run it on the patched file by hand",
    }
}

fn shown(groups: &[Group]) -> String {
    let row = |group: &Group| {
        vec![
            group.count.to_string(),
            group.gate.map_or("unknown", Gate::as_str).to_owned(),
            group.rule.clone(),
            group.cause.clone(),
            group.next.to_owned(),
            group.manifest_path.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = groups.iter().map(row).collect();
    table(&[">patches", "gate", "rule", "cause", "next", "one of them"], &rows)
}
