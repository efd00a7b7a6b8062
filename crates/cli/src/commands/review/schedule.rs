//! `review schedule`: why fixes are in the order that they are in.

use crate::End;
use crate::archive::Archive;
use crate::args::Common;
use crate::args::review::Schedule;
use crate::commands::schedule;
use crate::config::Config;
use crate::table::table;
use record::{RiskScore, RiskTerm, ScheduleEntry};
use scheduler::learn::Learner;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::io::Write as _;

/// The order, explained.
#[derive(Serialize)]
struct Report<'a> {
    /// Whether the order is the recorded one. Another configuration, outcomes or a clock make
    /// another order.
    as_recorded: bool,
    entries: Vec<Explained<'a>>,
    /// Entries that are not shown.
    left_out: usize,
}

#[derive(Serialize)]
struct Explained<'a> {
    turn: usize,
    rule: &'a str,
    manifest_path: &'a str,
    fingerprint: Option<&'a str>,
    #[serde(flatten)]
    entry: ScheduleEntry,
    /// What the risk is made of.
    terms: &'a [RiskTerm],
}

/// Runs the command.
pub(super) fn run(common: &Common, args: &Schedule) -> anyhow::Result<End> {
    let config = Config::load(common.config.as_deref())?;
    let archive = Archive::read(&args.records)?;
    let windows = schedule::windows(&config.scheduling)?;
    let settings = schedule::settings(&config.scheduling, &windows);
    let accepted: HashSet<&str> =
        archive.verdicts.iter().filter(|v| v.accepted).map(|v| v.id.as_str()).collect();
    let proposers: HashMap<&str, &str> =
        archive.patches.iter().map(|patch| (patch.id.as_str(), patch.source.as_str())).collect();
    let proposer = |id: &str| proposers.get(id).copied().filter(|_| accepted.contains(id));
    let candidates = schedule::candidates(&archive.detections, &archive.scores, proposer);
    let entries = scheduler::rank(&candidates, &Learner::default(), &settings)?;
    let report = report(&archive, entries, args.top);
    let mut out = std::io::stdout().lock();
    if args.output_format == "json" {
        record::json::to_writer_pretty(&mut out, &report)?;
    } else {
        write!(out, "{}", shown(&report))?;
    }
    Ok(End::Clean)
}

fn report<'a>(archive: &'a Archive, mut entries: Vec<ScheduleEntry>, top: usize) -> Report<'a> {
    let recorded = archive.schedule.iter().map(|entry| &entry.id);
    let as_recorded = recorded.eq(entries.iter().map(|entry| &entry.id));
    let scores: HashMap<&str, &RiskScore> =
        archive.scores.iter().map(|score| (score.id.as_str(), score)).collect();
    let detections: HashMap<&str, _> =
        archive.detections.iter().map(|detection| (detection.id.as_str(), detection)).collect();
    let left_out = if top == 0 { 0 } else { entries.len().saturating_sub(top) };
    entries.truncate(entries.len() - left_out);
    let explained = entries.into_iter().enumerate().map(|(index, entry)| {
        let detection = detections.get(entry.id.as_str()).copied();
        let rule = detection.map(|d| d.rule.as_deref().unwrap_or(&d.policy_id));
        Explained {
            turn: index + 1,
            rule: rule.unwrap_or_default(),
            manifest_path: detection.map_or("", |d| &d.manifest_path),
            fingerprint: detection.and_then(|d| d.fingerprint.as_deref()),
            terms: scores.get(entry.id.as_str()).map_or(&[], |score| &score.terms),
            entry,
        }
    });
    Report { as_recorded, entries: explained.collect(), left_out }
}

fn shown(report: &Report<'_>) -> String {
    let row = |explained: &Explained<'_>| {
        let entry = &explained.entry;
        let terms = explained.terms.iter().map(|term| format!("{} {}", term.name, term.value));
        let why = entry.explained.as_ref();
        vec![
            explained.turn.to_string(),
            explained.rule.to_owned(),
            explained.manifest_path.to_owned(),
            format!("{:.1}", entry.risk),
            format!("{:.2}", entry.probability),
            format!("{:.1}", entry.expected_time),
            format!("{:.3}", entry.score),
            why.map_or_else(String::new, |why| why.reason.clone()),
            terms.collect::<Vec<_>>().join(", "),
        ]
    };
    let rows: Vec<Vec<String>> = report.entries.iter().map(row).collect();
    let heading =
        [">turn", "rule", "file", ">risk", ">p", ">seconds", ">score", "why", "the risk is"];
    let mut text = table(&heading, &rows);
    if report.left_out > 0 {
        text += &format!("and {} more; --top 0 shows all\n", report.left_out);
    }
    if !report.as_recorded {
        text += "This is the order of the configuration as it is now; the recorded one differs.\n";
    }
    text
}
