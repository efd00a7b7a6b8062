//! The packet that an operator reviews: what was found, what is proposed and how it will land, what
//! proves it, what it removes, and what is left.
//!
//! Made from records alone, bounded in size, and the same bytes for the same records. It becomes
//! Markdown, JSON, or a page that stands by itself.

mod html;
mod markdown;

use crate::diff;
use crate::summary::{Counter, Summary};
use record::{
    Applicability, Batch, Decision, Detection, GateResult, Outcome, Patch, Provenance, RiskScore,
    RiskTerm, ScheduleEntry, Severity, Status, Verdict,
};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

/// The records of a run, and what was made of them.
#[derive(Clone, Copy)]
pub struct Material<'a> {
    /// All detections.
    pub detections: &'a [Detection],
    /// All patches.
    pub patches: &'a [Patch],
    /// All verdicts.
    pub verdicts: &'a [Verdict],
    /// How every detection ended; without them nothing is said of what was not fixed but by gates.
    pub outcomes: &'a [Outcome],
    /// All risk scores.
    pub scores: &'a [RiskScore],
    /// The schedule, first to be done first.
    pub schedule: &'a [ScheduleEntry],
    /// The batches, in order.
    pub batches: &'a [Batch],
    /// The files as they will be.
    pub files: &'a [FileChange<'a>],
    /// What an accepted fix alone does to its file, by the id of the detection; asked for those that
    /// are shown.
    pub alone: &'a dyn Fn(&str) -> Option<FileChange<'static>>,
    /// The queue, where one is named.
    pub queue: Option<&'a QueueHealth>,
    /// What all of it was made from.
    pub origin: &'a Origin,
}

/// How a file will change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange<'a> {
    /// Its path.
    pub path: Cow<'a, str>,
    /// Fixes that are in it.
    pub fixes: usize,
    /// What it holds.
    pub before: Cow<'a, str>,
    /// What it will hold.
    pub after: Cow<'a, str>,
}

impl FileChange<'_> {
    fn diff(&self) -> String {
        let mut out = Vec::new();
        let options = diff::Options::default();
        // Writing into memory does not fail.
        let _ = diff::write(&mut out, &self.path, &self.before, &self.after, options);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// The queue at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueHealth {
    /// Items in each state, in the order of an item's way.
    pub states: Vec<(String, u64)>,
    /// Items that are due and wait for a worker.
    pub due: u64,
    /// Leases that ran out and that nobody has ended.
    pub stuck_leases: usize,
    /// Failures of the last day, by class.
    pub failures: Vec<(String, u64)>,
}

/// What a packet was made from.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Origin {
    /// Name and version of the tool.
    pub tool: String,
    /// The manifest of the run, but for its inputs.
    pub settings: Value,
    /// Number of input files.
    pub inputs: usize,
    /// SHA-256 over the paths and hashes of the inputs.
    pub inputs_sha256: String,
    /// The record files: name, bytes and SHA-256.
    pub records: Vec<RecordFile>,
}

/// A record file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The hash of its content, hexadecimal.
    pub sha256: String,
}

/// How much of everything a packet shows. What is left out is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fixes with all that is known of them.
    pub fixes: usize,
    /// Files with their diffs.
    pub files: usize,
    /// Lines of one diff.
    pub lines: usize,
    /// Batches.
    pub batches: usize,
    /// Groups of findings that were not fixed.
    pub not_fixed: usize,
}

impl Limits {
    /// For a page or a file.
    pub const FULL: Self = Self { fixes: 60, files: 40, lines: 120, batches: 40, not_fixed: 60 };
    /// For the description of a pull request, which may have 65,536 characters.
    pub const CONCISE: Self = Self { fixes: 10, files: 5, lines: 30, batches: 10, not_fixed: 10 };
}

/// A packet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Packet {
    /// The funnel of all findings.
    pub summary: Summary,
    /// Sum of the risks of all findings, and of those with an accepted fix.
    pub risk: RiskTotals,
    /// The accepted fixes, the riskiest first.
    pub fixes: Listed<Fix>,
    /// The files as they will be, most fixes first.
    pub files: Listed<File>,
    /// The batches, in order.
    pub batches: Listed<Batch>,
    /// What was not fixed, and why; the most risk first.
    pub not_fixed: Listed<NotFixed>,
    /// The queue, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueHealth>,
    /// What all of it was made from.
    pub origin: Origin,
}

/// The first of a list, and how many there are besides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed<T> {
    /// Those that are shown.
    pub shown: Vec<T>,
    /// How many are not.
    pub left_out: usize,
}

/// Risk before and after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct RiskTotals {
    /// Of all findings.
    pub found: f64,
    /// Of those with an accepted fix.
    pub removed: f64,
    /// Of those with an accepted safe fix.
    pub removed_by_safe_fixes: f64,
}

/// An accepted fix and its proof.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "as in the records that they are from")]
pub struct Fix {
    pub id: String,
    pub fingerprint: Option<String>,
    pub rule: String,
    pub message: String,
    pub severity: Option<Severity>,
    /// Path and line.
    pub place: String,
    /// Kind, namespace and name.
    pub object: String,
    pub applicability: Option<Applicability>,
    pub may_break: Option<String>,
    /// Who proposed it.
    pub proposer: String,
    /// Where each written value comes from: pointer, source, detail.
    pub values: Vec<Provenance>,
    pub risk: f64,
    /// What stays after the fix.
    pub remaining: Option<f64>,
    pub exploited: bool,
    pub decision: Option<Decision>,
    pub terms: Vec<RiskTerm>,
    /// Its turn in the schedule, one-based, and why.
    pub turn: Option<usize>,
    pub schedule: Option<ScheduleEntry>,
    /// The batch that it is in.
    pub batch: Option<String>,
    pub gates: Vec<GateResult>,
    /// What it alone changes.
    pub diff: Cut,
}

/// A file as it will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Fixes that are in it.
    pub fixes: usize,
    /// Lines that come and go.
    pub added: usize,
    /// Lines that come and go.
    pub removed: usize,
    /// The diff.
    pub diff: Cut,
}

/// A text that was cut after some lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// What is left of it.
    pub text: String,
    /// Lines that are not.
    pub left_out: usize,
}

/// Findings of one rule that ended the same way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NotFixed {
    /// How they ended.
    pub status: Status,
    /// The rule.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: usize,
    /// The risk that stays because of them.
    pub risk: f64,
    /// Where one of them is.
    pub example: String,
}

impl Packet {
    /// Makes a packet.
    pub fn new(material: &Material<'_>, limits: Limits) -> Self {
        let known = Known::new(material);
        let mut counter = Counter::default();
        counter.add(material.detections, material.patches, material.verdicts, material.outcomes);
        let (fixes, risk) = known.fixes(limits);
        let file = |change: &&FileChange<'_>| {
            let diff = change.diff();
            // The header has one line of each sign.
            let count = |sign| diff.lines().filter(|line| line.starts_with(sign)).count() - 1;
            File {
                path: change.path.to_string(),
                fixes: change.fixes,
                added: count('+'),
                removed: count('-'),
                diff: cut(&diff, limits.lines),
            }
        };
        let mut changes: Vec<&FileChange<'_>> =
            material.files.iter().filter(|change| change.before != change.after).collect();
        changes.sort_by(|a, b| b.fixes.cmp(&a.fixes).then_with(|| a.path.cmp(&b.path)));
        let batch = |batch: &Batch| Batch {
            // The packet names fixes itself.
            items: Vec::new(),
            fingerprints: Vec::new(),
            files: batch.files.iter().take(limits.files).cloned().collect(),
            ..batch.clone()
        };
        Self {
            summary: counter.summary(),
            risk,
            fixes,
            files: listed(&changes, limits.files, file),
            batches: listed(material.batches, limits.batches, batch),
            not_fixed: known.not_fixed(limits.not_fixed),
            queue: material.queue.cloned(),
            origin: material.origin.clone(),
        }
    }

    /// Writes the packet as Markdown.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write_markdown(&self, out: &mut impl Write) -> io::Result<()> {
        markdown::write(out, self)
    }

    /// Writes the packet as a page that needs nothing else and runs nothing.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write_html(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(html::page(self).into_string().as_bytes())
    }

    /// Writes the packet as JSON, indented, with a final newline.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        Ok(record::json::to_writer_pretty(&mut *out, self)?)
    }
}

/// Makes something of the first few.
fn listed<T, U>(all: &[T], limit: usize, make: impl FnMut(&T) -> U) -> Listed<U> {
    let shown = all.iter().take(limit).map(make).collect();
    Listed { shown, left_out: all.len().saturating_sub(limit) }
}

fn cut(text: &str, limit: usize) -> Cut {
    let lines = text.lines().count();
    let text: String = text.split_inclusive('\n').take(limit).collect();
    Cut { text, left_out: lines.saturating_sub(limit) }
}

/// The records by the id of the detection.
struct Known<'a> {
    material: &'a Material<'a>,
    detections: HashMap<&'a str, &'a Detection>,
    patches: HashMap<&'a str, &'a Patch>,
    scores: HashMap<&'a str, &'a RiskScore>,
    turns: HashMap<&'a str, (usize, &'a ScheduleEntry)>,
    batches: HashMap<&'a str, &'a str>,
}

impl<'a> Known<'a> {
    fn new(material: &'a Material<'a>) -> Self {
        let schedule = material.schedule.iter().enumerate();
        let batches = material
            .batches
            .iter()
            .flat_map(|batch| batch.items.iter().map(|item| (item.as_str(), batch.id.as_str())));
        Self {
            material,
            detections: material.detections.iter().map(|d| (d.id.as_str(), d)).collect(),
            patches: material.patches.iter().map(|p| (p.id.as_str(), p)).collect(),
            scores: material.scores.iter().map(|s| (s.id.as_str(), s)).collect(),
            turns: schedule.map(|(at, entry)| (entry.id.as_str(), (at + 1, entry))).collect(),
            batches: batches.collect(),
        }
    }

    fn risk(&self, id: &str) -> f64 {
        self.scores.get(id).map_or(0.0, |score| score.risk)
    }

    fn fixes(&self, limits: Limits) -> (Listed<Fix>, RiskTotals) {
        let known = |verdict: &&Verdict| {
            let id = verdict.id.as_str();
            verdict.accepted && self.detections.contains_key(id) && self.patches.contains_key(id)
        };
        let mut accepted: Vec<&Verdict> = self.material.verdicts.iter().filter(known).collect();
        let sum = |verdicts: &[&Verdict]| -> f64 {
            tenths(verdicts.iter().map(|verdict| self.risk(&verdict.id)).sum())
        };
        let safe: Vec<&Verdict> = accepted
            .iter()
            .copied()
            .filter(|verdict| verdict.applicability == Some(Applicability::Safe))
            .collect();
        let found = self.material.detections.iter().map(|detection| self.risk(&detection.id)).sum();
        let totals = RiskTotals {
            found: tenths(found),
            removed: sum(&accepted),
            removed_by_safe_fixes: sum(&safe),
        };
        accepted.sort_by(|a, b| {
            let exploited = |verdict: &Verdict| {
                self.scores.get(verdict.id.as_str()).is_some_and(|score| score.kev)
            };
            let by_risk = self.risk(&b.id).total_cmp(&self.risk(&a.id));
            exploited(b).cmp(&exploited(a)).then(by_risk)
        });
        let shown = accepted.iter().take(limits.fixes);
        let fixes = Listed {
            shown: shown.filter_map(|verdict| self.fix(verdict, limits.lines)).collect(),
            left_out: accepted.len().saturating_sub(limits.fixes),
        };
        (fixes, totals)
    }

    fn fix(&self, verdict: &Verdict, lines: usize) -> Option<Fix> {
        let id = verdict.id.as_str();
        let (detection, patch) = (self.detections.get(id)?, self.patches.get(id)?);
        let score = self.scores.get(id);
        let turn = self.turns.get(id);
        Some(Fix {
            id: id.to_owned(),
            fingerprint: detection.fingerprint.clone(),
            rule: rule(detection).to_owned(),
            message: detection.violation_text.clone(),
            severity: detection.severity,
            place: place(detection),
            object: object(detection),
            applicability: verdict.applicability.or(patch.applicability),
            may_break: patch.may_break.clone(),
            proposer: patch.source.clone(),
            values: patch.provenance.clone(),
            risk: self.risk(id),
            remaining: score.and_then(|score| score.remaining),
            exploited: score.is_some_and(|score| score.kev),
            decision: score.and_then(|score| score.decision),
            terms: score.map(|score| score.terms.clone()).unwrap_or_default(),
            turn: turn.map(|(turn, _)| *turn),
            schedule: turn.map(|(_, entry)| (*entry).clone()),
            batch: self.batches.get(id).map(|batch| (*batch).to_owned()),
            gates: verdict.gates.clone(),
            diff: (self.material.alone)(id)
                .map(|change| cut(&change.diff(), lines))
                .unwrap_or_default(),
        })
    }

    fn not_fixed(&self, limit: usize) -> Listed<NotFixed> {
        let mut groups: BTreeMap<(&str, Status, &str), NotFixed> = BTreeMap::new();
        for outcome in self.material.outcomes.iter().filter(|o| o.status != Status::Accepted) {
            let reason = outcome.reason.as_deref().unwrap_or("no reason was given");
            let risk = self.risk(&outcome.id);
            let example = || self.detections.get(outcome.id.as_str()).map(|d| place(d));
            let group =
                groups.entry((&outcome.rule, outcome.status, reason)).or_insert_with(|| NotFixed {
                    status: outcome.status,
                    rule: outcome.rule.clone(),
                    reason: reason.to_owned(),
                    count: 0,
                    risk: 0.0,
                    example: example().unwrap_or_default(),
                });
            group.count += 1;
            group.risk += risk;
        }
        let mut groups: Vec<NotFixed> = groups.into_values().collect();
        groups.iter_mut().for_each(|group| group.risk = tenths(group.risk));
        groups.sort_by(|a, b| b.risk.total_cmp(&a.risk));
        listed(&groups, limit, NotFixed::clone)
    }
}

fn rule(detection: &Detection) -> &str {
    detection.rule.as_deref().unwrap_or(&detection.policy_id)
}

fn place(detection: &Detection) -> String {
    match detection.span {
        Some(span) => format!("{}:{}", detection.manifest_path, span.line),
        None => detection.manifest_path.clone(),
    }
}

fn object(detection: &Detection) -> String {
    let Some(object) = &detection.object else { return String::new() };
    match &object.namespace {
        Some(namespace) => format!("{} {namespace}/{}", object.kind, object.title()),
        None => format!("{} {}", object.kind, object.title()),
    }
}

/// One decimal: the order of adding must not show.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
