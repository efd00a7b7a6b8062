//! `queue`: the durable list of accepted fixes.

use crate::End;
use crate::args::{Enqueue, Next, Queue, QueueFile};
use crate::session::read_text;
use anyhow::Context as _;
use queue::Weights;
use queue::blocking::Queue as Store;
use record::{Detection, Patch, QueueItem, QueueState, RiskScore, Verdict, read_records};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

/// Runs the command.
pub(crate) fn run(command: &Queue) -> anyhow::Result<End> {
    match command {
        Queue::Init(args) => {
            Store::init(&args.db)?;
            Ok(End::Clean)
        }
        Queue::Enqueue(args) => enqueue(args),
        Queue::Next(args) => next(args),
        Queue::List(args) => list(args),
    }
}

fn enqueue(args: &Enqueue) -> anyhow::Result<End> {
    let verdicts: Vec<Verdict> = records(&args.verified)?;
    let detections: Vec<Detection> = records(&args.detections)?;
    let patches: Vec<Patch> = records(&args.patches)?;
    let scores = scores(args.risk.as_deref(), &detections)?;
    let (items, left_out) = items(&verdicts, &detections, &patches, &scores);
    let added = Store::open(&args.file.db)?.enqueue(&items, now())?;
    for reason in &left_out {
        writeln!(std::io::stderr(), "error: {}; it is not queued", review::escape(reason))?;
    }
    writeln!(std::io::stdout(), "{}", serde_json::json!({"new": added.new, "known": added.known}))?;
    Ok(if left_out.is_empty() { End::Clean } else { End::InputError })
}

/// Reads records of either format, naming the file in an error.
pub(crate) fn records<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    read_records(&read_text(path)?).with_context(|| format!("cannot read {}", path.display()))
}

/// The risk scores of a file, or those that the detections give.
pub(crate) fn scores(
    file: Option<&Path>,
    detections: &[Detection],
) -> anyhow::Result<Vec<RiskScore>> {
    match file {
        Some(path) => records(path),
        None => Ok(detections.iter().map(risk::score).collect()),
    }
}

/// The queue items of the accepted verdicts, and why others have none.
pub(crate) fn items(
    verdicts: &[Verdict],
    detections: &[Detection],
    patches: &[Patch],
    scores: &[RiskScore],
) -> (Vec<QueueItem>, Vec<String>) {
    let patches: HashMap<&str, &Patch> = patches.iter().map(|p| (p.id.as_str(), p)).collect();
    let scores: HashMap<&str, &RiskScore> = scores.iter().map(|s| (s.id.as_str(), s)).collect();
    let detections: HashMap<&str, &Detection> =
        detections.iter().map(|d| (d.id.as_str(), d)).collect();
    let (mut items, mut left_out) = (Vec::new(), Vec::new());
    for verdict in verdicts.iter().filter(|verdict| verdict.accepted) {
        let id = verdict.id.as_str();
        let lacks = |what: &str| format!("{id} is accepted, but has no {what}");
        let item = || -> Result<QueueItem, String> {
            let detection = *detections.get(id).ok_or_else(|| lacks("detection"))?;
            let patch = *patches.get(id).ok_or_else(|| lacks("patch"))?;
            let computed = || risk::score(detection);
            let score = scores.get(id).map_or_else(computed, |score| (*score).clone());
            let fingerprint = detection.fingerprint.clone().or_else(|| verdict.fingerprint.clone());
            let object = patch.object.clone().or_else(|| detection.object.clone());
            Ok(QueueItem {
                id: fingerprint.ok_or_else(|| lacks("fingerprint; verify it again"))?,
                policy_id: verdict.policy_id.clone(),
                state: QueueState::Queued,
                manifest_path: detection.manifest_path.clone(),
                object: object
                    .or_else(|| verdict.object.clone())
                    .ok_or_else(|| lacks("object; verify it again"))?,
                patch: patch.patch.clone(),
                risk: score.risk,
                probability: score.probability,
                expected_time: score.expected_time,
                kev: score.kev,
                rule: patch.rule.clone().or_else(|| detection.rule.clone()),
                proposer: patch.source.clone(),
                applicability: patch.applicability,
                deadline: score.deadline,
            })
        };
        match item() {
            Ok(item) => items.push(item),
            Err(reason) => left_out.push(reason),
        }
    }
    (items, left_out)
}

fn next(args: &Next) -> anyhow::Result<End> {
    let weights = Weights { alpha: args.alpha, kev_weight: args.kev_weight };
    let next = Store::open(&args.file.db)?.next(&weights, now())?;
    let mut out = std::io::stdout().lock();
    match next {
        Some(row) => writeln!(out, "{}", json(&row))?,
        None => writeln!(out, "Queue empty")?,
    }
    Ok(End::Clean)
}

fn list(args: &QueueFile) -> anyhow::Result<End> {
    let mut out = std::io::stdout().lock();
    for row in Store::open(&args.db)?.list(usize::MAX)? {
        writeln!(out, "{}", json(&row))?;
    }
    Ok(End::Clean)
}

/// The fields that the reference prints, then ours.
fn json(row: &queue::Row) -> serde_json::Value {
    serde_json::json!({
        "id": row.id,
        "policy_id": row.policy_id,
        "risk": row.risk,
        "p": row.probability,
        "Et": row.expected_time,
        "kev": row.kev,
        "state": row.state,
        "wait_hours": row.wait_hours(now()),
        "manifest_path": row.work.as_ref().map(|work| &work.manifest_path),
        "patch": row.work.as_ref().map(|work| &work.patch),
    })
}

/// Unix seconds. The queue alone knows the time; nothing else that is written does.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
