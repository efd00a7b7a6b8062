//! One attempt: does the patch still do what it was accepted for?

use crate::located::{Located, Sources};
use crate::session::Session;
use detector::Corpus;
use rayon::prelude::*;
use record::{Detection, Gate, GateOutcome, GateResult, QueueItem};
use std::path::Path;
use std::time::{Duration, Instant};
use verifier::Judge;

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) judged: Judged,
    pub(super) seconds: f64,
}

#[derive(Debug)]
pub(super) enum Judged {
    /// Every gate passed.
    Verified,
    /// The source is no longer the one that the patch was made for.
    Stale(String),
    /// A gate did not pass, or could not judge.
    Failed { class: &'static str, reason: String },
}

impl Judged {
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Verified => None,
            Self::Stale(reason) | Self::Failed { reason, .. } => Some(reason),
        }
    }
}

/// The files of the items.
pub(super) fn sources(items: &[&QueueItem], root: &Path, session: &Session) -> Sources {
    let detections: Vec<Detection> = items.iter().map(|item| detection(item)).collect();
    Sources::below(root, &detections, session)
}

/// Judges the items; each takes its own time, and a share of the time for what they have in common.
pub(super) fn all(
    items: &[&QueueItem],
    sources: &Sources,
    judge: &Judge<'_>,
    session: &Session,
    share: Duration,
) -> Vec<Attempt> {
    let attempt = |item: &&QueueItem| {
        let begin = Instant::now();
        let judged = one(item, sources, judge, session);
        Attempt { judged, seconds: (begin.elapsed() + share).as_secs_f64() }
    };
    items.par_iter().map(attempt).collect()
}

fn one(item: &QueueItem, sources: &Sources, judge: &Judge<'_>, session: &Session) -> Judged {
    let detection = detection(item);
    if let Some(reason) = sources.unreadable(&detection) {
        return Judged::Failed { class: "source", reason };
    }
    match Located::find(&detection, sources, judge.corpus, session) {
        Err(reason) => Judged::Stale(reason),
        Ok(located) => gates(item, &located, judge),
    }
}

fn gates(item: &QueueItem, located: &Located, judge: &Judge<'_>) -> Judged {
    let corpus: &Corpus<'_> = judge.corpus;
    let rules = located.allowed_rules(&item.patch, corpus);
    let results = judge.foreign(located.position, &item.patch, &rules, &located.targets).gates;
    if judge.gates.accepts(&results) {
        return Judged::Verified;
    }
    let bad = |result: &&GateResult| result.outcome != GateOutcome::Passed;
    // There is one: not every gate passed.
    let Some(first) = results.iter().find(bad) else {
        return Judged::Failed { class: "unavailable", reason: "no gate judged".to_owned() };
    };
    let why = first.reason.clone().unwrap_or_else(|| "it does not pass".to_owned());
    let reason = format!("{}: {why}", first.gate.as_str());
    match (first.gate, first.outcome) {
        (Gate::Patch | Gate::Edit, GateOutcome::Failed) => Judged::Stale(reason),
        (gate, GateOutcome::Failed) => Judged::Failed { class: gate.as_str(), reason },
        _ => Judged::Failed { class: "unavailable", reason },
    }
}

/// The finding that the item is to cure, as far as it is needed to find it again.
fn detection(item: &QueueItem) -> Detection {
    Detection {
        id: item.id.clone(),
        manifest_path: item.manifest_path.clone(),
        manifest_yaml: None,
        policy_id: item.policy_id.clone(),
        violation_text: String::new(),
        rule: item.rule.clone(),
        reported_by: None,
        fingerprint: Some(item.id.clone()),
        object: Some(item.object.clone()),
        pointer: None,
        keyed_path: None,
        span: None,
        severity: None,
        applicability: item.applicability,
        remedy: None,
        aliases: Vec::new(),
    }
}
