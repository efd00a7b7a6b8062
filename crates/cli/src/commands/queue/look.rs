//! Items for people and for programs.

use super::{json, now, open, print, state};
use crate::End;
use crate::args::queue::{List, Show};
use queue::{Entry, Filter, Row};
use serde_json::{Value, json};
use std::io::Write as _;

pub(super) fn list(args: &List) -> anyhow::Result<End> {
    let filter = Filter {
        state: args.state.as_deref().and_then(state),
        namespace: args.namespace.clone(),
        rule: args.rule.clone(),
        limit: args.limit,
    };
    let rows = open(&args.place)?.run(async |store| store.list(&filter).await)?;
    if args.output_format == "json" {
        rows.iter().try_for_each(|row| print(&json(row)))?;
        return Ok(End::Clean);
    }
    let now = now();
    let cells = rows.iter().map(|row| {
        let age = time(now - row.enqueued_at);
        let tries = format!("{}/{}", row.attempts, row.max_attempts);
        let short: String = row.id.chars().take(16).collect();
        let kev = if row.kev { "kev" } else { "" };
        let risk = format!("{:.1}", row.risk);
        [&short, row.state.as_str(), &risk, kev, &age, &tries, name(row), &object(row)]
            .map(|cell| review::escape(cell).into_owned())
    });
    let head = ["ID", "STATE", "RISK", "", "AGE", "TRIES", "RULE", "OBJECT"].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(head).chain(cells).collect();
    table(&lines)
}

pub(super) fn show(args: &Show) -> anyhow::Result<End> {
    let store = open(&args.place)?;
    let row = store.run(async |store| store.show(&args.id).await)?;
    let journal = store.run(async |store| store.journal(&row.id).await)?;
    if args.output_format == "json" {
        let mut shown = json(&row);
        shown["journal"] = journal.iter().map(entry).collect();
        print(&shown)?;
        return Ok(End::Clean);
    }
    let mut out = anstream::stdout().lock();
    for (field, value) in facts(&row) {
        writeln!(out, "{field:10}  {}", review::escape(&value))?;
    }
    if let Some(work) = &row.work {
        writeln!(out, "{:10}  {}", "patch", record::json::to_string(&work.patch)?)?;
    }
    writeln!(out)?;
    let (now, head) = (now(), ["AGO", "EVENT", "TO", "TOKEN", "WHO", "REASON"].map(str::to_owned));
    let cells = journal.iter().map(|entry| {
        let (ago, token) = (time(now - entry.time), entry.token.to_string());
        let who = entry.who.as_deref().unwrap_or_default();
        let reason = entry.reason.as_deref().unwrap_or_default();
        [&ago, entry.event.as_str(), entry.to.as_str(), &token, who, reason]
            .map(|cell| review::escape(cell).into_owned())
    });
    let lines: Vec<_> = std::iter::once(head).chain(cells).collect();
    table(&lines)
}

fn facts(row: &Row) -> Vec<(&'static str, String)> {
    let now = now();
    let in_future = |at: f64| format!("in {}", time(at - now));
    let mut facts = vec![
        ("id", row.id.clone()),
        ("state", row.state.as_str().to_owned()),
        ("rule", name(row).to_owned()),
        ("object", object(row)),
        ("risk", format!("{:.1}{}", row.risk, if row.kev { ", known exploited" } else { "" })),
        ("age", time(now - row.enqueued_at)),
        ("attempts", format!("{} of {}", row.attempts, row.max_attempts)),
        ("due", if row.due_at <= now { "yes".to_owned() } else { in_future(row.due_at) }),
    ];
    let until = row.until.map(|at| if at <= now { "over".to_owned() } else { in_future(at) });
    facts.extend(until.map(|until| ("waits", until)));
    facts.extend(row.reason.clone().map(|reason| ("reason", reason)));
    facts.extend(row.work.as_ref().map(|work| ("file", work.manifest_path.clone())));
    facts
}

fn name(row: &Row) -> &str {
    row.rule.as_deref().unwrap_or(&row.policy_id)
}

fn object(row: &Row) -> String {
    row.work.as_ref().map_or_else(String::new, |work| {
        let object = &work.object;
        let namespace = object.namespace.as_ref().map_or(String::new(), |name| format!("{name}/"));
        format!("{} {namespace}{}", object.kind, object.name)
    })
}

fn entry(entry: &Entry) -> Value {
    json!({
        "seq": entry.seq,
        "time": entry.time,
        "event": entry.event,
        "from": entry.from,
        "to": entry.to,
        "token": entry.token,
        "who": entry.who,
        "reason": entry.reason,
        "failure": entry.failure,
        "seconds": entry.seconds,
        "inverse": entry.inverse,
    })
}

/// Columns as wide as what is in them.
pub(super) fn table<const N: usize>(lines: &[[String; N]]) -> anyhow::Result<End> {
    let mut out = anstream::stdout().lock();
    write!(out, "{}", columns(lines))?;
    Ok(End::Clean)
}

pub(super) fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let width =
        |n: usize| lines.iter().map(|cells| cells[n].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for cells in lines {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Seconds for people: the largest unit, and none below zero.
pub(super) fn time(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    match seconds {
        s if s < 120.0 => format!("{s:.0}s"),
        s if s < 7200.0 => format!("{:.0}m", s / 60.0),
        s if s < 172_800.0 => format!("{:.0}h", s / 3600.0),
        s => format!("{:.0}d", s / 86_400.0),
    }
}
