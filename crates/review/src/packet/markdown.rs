//! The packet as Markdown.

use super::{Cut, File, Fix, Listed, NotFixed, Packet};
use crate::escape;
use crate::summary::{Share, cell, rate};
use record::{Batch, GateOutcome, GateResult};
use std::io::{self, Write};

pub(super) fn write(out: &mut impl Write, packet: &Packet) -> io::Result<()> {
    writeln!(out, "# Review of Kubernetes fixes\n")?;
    totals(out, packet)?;
    fixes(out, &packet.fixes)?;
    files(out, &packet.files)?;
    batches(out, &packet.batches)?;
    gates(out, packet)?;
    not_fixed(out, &packet.not_fixed)?;
    queue(out, packet)?;
    origin(out, packet)
}

fn totals(out: &mut impl Write, packet: &Packet) -> io::Result<()> {
    let (total, risk) = (&packet.summary.total, packet.risk);
    writeln!(out, "| | |\n| --- | --- |")?;
    writeln!(out, "| Findings | {} |", total.found)?;
    writeln!(out, "| With a proposed fix | {} |", rate(total.proposed))?;
    writeln!(out, "| Fixes accepted, of those proposed | {} |", rate(total.accepted))?;
    writeln!(out, "| Risk found | {:.1} |", risk.found)?;
    writeln!(
        out,
        "| Risk that the fixes remove | {:.1}, of it {:.1} by safe fixes |\n",
        risk.removed, risk.removed_by_safe_fixes
    )
}

fn left_out<T>(out: &mut impl Write, listed: &Listed<T>, what: &str) -> io::Result<()> {
    match listed.left_out {
        0 => Ok(()),
        count => writeln!(out, "\nAnd {count} more {what}."),
    }
}

fn fixes(out: &mut impl Write, fixes: &Listed<Fix>) -> io::Result<()> {
    writeln!(out, "## Fixes, the riskiest first\n")?;
    if fixes.shown.is_empty() {
        writeln!(out, "No fix was accepted.\n")?;
    }
    for fix in &fixes.shown {
        one(out, fix)?;
    }
    left_out(out, fixes, "accepted fixes")?;
    writeln!(out)
}

fn one(out: &mut impl Write, fix: &Fix) -> io::Result<()> {
    let class = fix.applicability.map_or("unknown", |class| class.as_str());
    let exploited = if fix.exploited { ", known exploited" } else { "" };
    let decision = fix.decision.map_or_else(String::new, |d| format!(", {}", d.as_str()));
    let rule = cell(&fix.rule);
    writeln!(out, "### {:.1} {rule} ({class}{exploited}{decision})\n", fix.risk)?;
    writeln!(out, "{}  \n{}: {}\n", cell(&fix.message), cell(&fix.place), cell(&fix.object))?;
    block(out, "diff", &fix.diff)?;
    let gates: Vec<String> = fix.gates.iter().map(told).collect();
    writeln!(out, "- Proof: {}", gates.join("; "))?;
    if let Some(text) = &fix.may_break {
        writeln!(out, "- May break: {}", cell(text))?;
    }
    for value in &fix.values {
        let source = serde_json::to_value(value.source).unwrap_or_default();
        let (source, detail) = (source.as_str().unwrap_or_default(), cell(&value.detail));
        let from = if detail.is_empty() { String::new() } else { format!(", {detail}") };
        writeln!(out, "- {}: from {source}{from}", cell(&value.pointer))?;
    }
    let terms: Vec<String> = fix
        .terms
        .iter()
        .map(|t| format!("{} {} ({})", cell(&t.name), t.value, cell(&t.reason)))
        .collect();
    if !terms.is_empty() {
        writeln!(out, "- Risk: {}", terms.join("; "))?;
    }
    if let Some((turn, entry)) = fix.turn.zip(fix.schedule.as_ref()) {
        writeln!(
            out,
            "- Turn {turn}: index {} from risk {}, success {} and {} s",
            entry.score, entry.risk, entry.probability, entry.expected_time
        )?;
    }
    let batch = fix.batch.as_ref().map_or_else(String::new, |b| format!(", in batch {}", cell(b)));
    let print =
        fix.fingerprint.as_ref().map_or_else(String::new, |f| format!(", fingerprint {}", cell(f)));
    writeln!(out, "- Proposed by {}{batch}{print}\n", cell(&fix.proposer))
}

fn told(gate: &GateResult) -> String {
    let outcome = match gate.outcome {
        GateOutcome::Passed => "passed",
        GateOutcome::Failed => "failed",
        GateOutcome::Skipped => "skipped",
        GateOutcome::Unavailable => "unavailable",
    };
    let time = gate.microseconds.map_or_else(String::new, |time| format!(" in {time} µs"));
    let reason =
        gate.reason.as_ref().map_or_else(String::new, |reason| format!(" ({})", cell(reason)));
    let effect = gate.server.as_ref().and_then(|server| server.effect);
    let effect =
        effect.map_or_else(String::new, |effect| format!(", what runs: {}", effect.as_str()));
    format!("{} {outcome}{time}{reason}{effect}", gate.gate.as_str())
}

/// Text of a manifest as a block that it cannot end.
fn block(out: &mut impl Write, language: &str, cut: &Cut) -> io::Result<()> {
    if cut.text.is_empty() {
        return Ok(());
    }
    let fence = "`".repeat(longest_run(&cut.text).max(2) + 1);
    writeln!(out, "{fence}{language}")?;
    for line in cut.text.lines() {
        let shown: Vec<_> = line.split('\t').map(escape).collect();
        writeln!(out, "{}", shown.join("\t"))?;
    }
    writeln!(out, "{fence}\n")?;
    match cut.left_out {
        0 => Ok(()),
        count => writeln!(out, "And {count} more lines.\n"),
    }
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn files(out: &mut impl Write, files: &Listed<File>) -> io::Result<()> {
    if files.shown.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Files, as they will be\n")?;
    for file in &files.shown {
        let File { path, fixes, added, removed, diff } = file;
        writeln!(out, "### {}: {fixes} fixes, +{added} −{removed}\n", cell(path))?;
        block(out, "diff", diff)?;
    }
    left_out(out, files, "files")?;
    writeln!(out)
}

fn batches(out: &mut impl Write, batches: &Listed<Batch>) -> io::Result<()> {
    if batches.shown.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Batches, in the order of roll-out\n")?;
    writeln!(
        out,
        "| Turn | Batch | Fixes | Need approval | Risk | Restarts | Pods | Exposed | Made anew | Window |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for batch in &batches.shown {
        let radius = &batch.blast_radius;
        let canary = if batch.canary { " (canary)" } else { "" };
        let window = batch.window.as_ref().map_or_else(String::new, |window| {
            match (window.open, &window.opens) {
                (true, _) => "open".to_owned(),
                (false, Some(at)) => format!("from {at}"),
                (false, None) => "never".to_owned(),
            }
        });
        writeln!(
            out,
            "| {} | {}{canary} | {} | {} | {:.1} | {} | {} | {} | {} | {window} |",
            batch.order,
            cell(&batch.id),
            batch.size,
            batch.needs_approval,
            batch.risk,
            radius.restarts,
            radius.replicas,
            radius.exposed.len(),
            radius.recreated.len()
        )?;
    }
    left_out(out, batches, "batches")?;
    writeln!(out)
}

fn gates(out: &mut impl Write, packet: &Packet) -> io::Result<()> {
    let total = &packet.summary.total;
    writeln!(out, "## Gates\n\nSkipped and unavailable are no passes.\n")?;
    writeln!(out, "| Gate | Passed, of those proposed | Failed | Skipped | Unavailable |")?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    for gate in &total.gates {
        let passed = rate(Share { count: gate.passed, of: total.proposed.count });
        let (failed, skipped, unavailable) = (gate.failed, gate.skipped, gate.unavailable);
        writeln!(
            out,
            "| {} | {passed} | {failed} | {skipped} | {unavailable} |",
            gate.gate.as_str()
        )?;
    }
    writeln!(out)
}

fn not_fixed(out: &mut impl Write, groups: &Listed<NotFixed>) -> io::Result<()> {
    if groups.shown.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Not fixed, and why\n")?;
    writeln!(out, "| Rule | Status | Findings | Risk that stays | Why | One of them |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
    for group in &groups.shown {
        let NotFixed { status, rule, reason, count, risk, example } = group;
        let (rule, why, example) = (cell(rule), cell(reason), cell(example));
        writeln!(
            out,
            "| {rule} | {} | {count} | {risk:.1} | {why} | {example} |",
            status.as_str()
        )?;
    }
    left_out(out, groups, "groups of findings")?;
    writeln!(out)
}

fn queue(out: &mut impl Write, packet: &Packet) -> io::Result<()> {
    let Some(queue) = &packet.queue else { return Ok(()) };
    let states: Vec<String> =
        queue.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    writeln!(out, "## Queue\n\n{}.", states.join(", "))?;
    writeln!(
        out,
        "{} are due; {} leases ran out and nobody has ended them.",
        queue.due, queue.stuck_leases
    )?;
    for (class, count) in &queue.failures {
        writeln!(out, "- {count} failed in the last day: {}", cell(class))?;
    }
    writeln!(out)
}

fn origin(out: &mut impl Write, packet: &Packet) -> io::Result<()> {
    let origin = &packet.origin;
    writeln!(out, "## What this was made from\n")?;
    writeln!(
        out,
        "{}, {} input files, SHA-256 over their paths and hashes {}.\n",
        cell(&origin.tool),
        origin.inputs,
        origin.inputs_sha256
    )?;
    writeln!(out, "| Record | Bytes | SHA-256 |\n| --- | --- | --- |")?;
    for file in &origin.records {
        writeln!(out, "| {} | {} | {} |", cell(&file.name), file.bytes, file.sha256)?;
    }
    Ok(())
}
