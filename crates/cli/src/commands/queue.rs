//! `queue`: the durable list of accepted fixes.

mod look;
mod manage;
pub(crate) mod report;
mod work;

use crate::End;
use crate::args::Common;
use crate::args::queue::{Enqueue, Init, Next, Place, Queue};
use crate::config::{Config, Scheduling};
use crate::session::read_text;
use anyhow::Context as _;
use queue::blocking::Queue as Store;
use queue::{Location, Stage, Weights};
use record::{Detection, Patch, QueueItem, QueueState, RiskScore, Verdict, read_records};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

/// Runs the command.
pub(crate) fn run(common: &Common, command: &Queue) -> anyhow::Result<End> {
    match command {
        Queue::Init(args) => init(common, args),
        Queue::Enqueue(args) => enqueue(args),
        Queue::Next(args) => next(args),
        Queue::Claim(args) => work::claim(common, args),
        Queue::Heartbeat(args) => work::heartbeat(args),
        Queue::Complete(args) => work::complete(args),
        Queue::Fail(args) => work::fail(args),
        Queue::Stale(args) => work::stale(args),
        Queue::Release(args) => work::release(args),
        Queue::Approve(args) => manage::approve(args),
        Queue::Reject(args) => manage::reject(args),
        Queue::Requeue(args) => manage::requeue(args),
        Queue::Purge(args) => manage::purge(args),
        Queue::Backup(args) => manage::backup(args),
        Queue::List(args) => look::list(args),
        Queue::Show(args) => look::show(args),
        Queue::Watch(args) => report::watch(args),
        Queue::Report(args) => report::report(args),
    }
}

/// Where the arguments or the environment say that the queue is.
pub(crate) fn location(place: &Place) -> anyhow::Result<Location> {
    match (&place.db, &place.queue, &place.queue_file) {
        (Some(path), ..) => Ok(Location::from(path.as_path())),
        (None, Some(text), _) => Ok(text.parse()?),
        (None, None, Some(path)) => {
            let text = read_text(path)?;
            text.trim().parse().with_context(|| path.display().to_string())
        }
        (None, None, None) => {
            anyhow::bail!(
                "which queue? give --queue FILE or URL, or set K8S_AUTO_FIX_QUEUE, or \
                 K8S_AUTO_FIX_QUEUE_FILE to a file that holds the URL"
            )
        }
    }
}

fn open(place: &Place) -> anyhow::Result<Store> {
    Ok(Store::open(&location(place)?)?)
}

fn print(line: &serde_json::Value) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn init(common: &Common, args: &Init) -> anyhow::Result<End> {
    let config = Config::load(common.config.as_deref())?;
    let store = create(&location(&args.place)?, &config.scheduling, args.max_wait, args.lead)?;
    if let Some(file) = &args.import {
        let done = store.run(async |store| store.import(file).await)?;
        print(&serde_json::json!({"new": done.new, "known": done.known}))?;
    }
    Ok(End::Clean)
}

/// Opens or creates a queue; the waits are seconds. A queue that is there keeps its waits when
/// neither flags nor the configuration say anything of them.
pub(crate) fn create(
    location: &Location,
    scheduling: &Scheduling,
    max_wait: Option<f64>,
    lead: Option<f64>,
) -> anyhow::Result<Store> {
    let store = Store::init(location)?;
    let hours = |seconds: Option<f64>| seconds.map(|seconds| seconds / 3600.0);
    if let Some((max_wait, lead)) = scheduling.said_waits(hours(max_wait), hours(lead)) {
        store.run(async |store| store.set_waits(max_wait * 3600.0, lead * 3600.0).await)?;
    }
    Ok(store)
}

fn enqueue(args: &Enqueue) -> anyhow::Result<End> {
    let verdicts: Vec<Verdict> = records(&args.verified)?;
    let detections: Vec<Detection> = records(&args.detections)?;
    let patches: Vec<Patch> = records(&args.patches)?;
    let scores = scores(args.risk.as_deref(), &detections)?;
    let (items, left_out) = items(&verdicts, &detections, &patches, &scores);
    let store = open(&args.place)?;
    let added = store.run(async |queue| queue.enqueue(&items).await)?;
    for reason in &left_out {
        writeln!(std::io::stderr(), "error: {}; it is not queued", review::escape(reason))?;
    }
    writeln!(
        std::io::stdout(),
        "{}",
        serde_json::json!({
            "new": added.new, "known": added.known, "rescored": added.rescored,
            "renewed": added.renewed,
        })
    )?;
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
    let store = open(&args.place)?;
    let next = if args.alpha.is_some() || args.kev_weight.is_some() {
        let usual = Weights::default();
        let weights = Weights {
            alpha: args.alpha.unwrap_or(usual.alpha),
            kev_weight: args.kev_weight.unwrap_or(usual.kev_weight),
        };
        store.run(async |store| store.next_by(&weights).await)?
    } else {
        let stage = stage(&args.stage);
        store.run(async |store| store.next(stage).await)?
    };
    match next {
        Some(row) => print(&json(&row))?,
        None => writeln!(std::io::stdout(), "Queue empty")?,
    }
    Ok(End::Clean)
}

/// The arguments allow no third.
fn stage(name: &str) -> Stage {
    if name == "apply" { Stage::Apply } else { Stage::Verify }
}

fn state(name: &str) -> Option<QueueState> {
    QueueState::ALL.into_iter().find(|state| state.as_str() == name)
}

/// The fields that the reference prints, then ours.
fn json(row: &queue::Row) -> serde_json::Value {
    let work = row.work.as_ref();
    serde_json::json!({
        "id": row.id,
        "policy_id": row.policy_id,
        "risk": row.risk,
        "p": row.probability,
        "Et": row.expected_time,
        "kev": row.kev,
        "state": row.state,
        "wait_hours": row.wait_hours(now()),
        "manifest_path": work.map(|work| &work.manifest_path),
        "patch": work.map(|work| &work.patch),
        "object": work.map(|work| &work.object),
        "rule": row.rule,
        "proposer": row.proposer,
        "attempts": row.attempts,
        "max_attempts": row.max_attempts,
        "enqueued_at": row.enqueued_at,
        "last_update": row.last_update,
        "due_at": row.due_at,
        "deadline": row.deadline,
        "until": row.until,
        "who": row.who,
        "reason": row.reason,
        "inverse": work.and_then(|work| work.inverse.as_ref()),
    })
}

/// Unix seconds. The queue alone knows the time; nothing else that is written does.
pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
