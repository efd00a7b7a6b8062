//! What workers say.

use super::{open, print, stage};
use crate::End;
use crate::args::queue::{Claim, Complete, Fail, Heartbeat, Held, Release, Stale};
use crate::session::read_text;
use anyhow::Context as _;
use queue::{Completed, Failure, Retry};
use record::QueueState;
use serde_json::json;
use std::io::Write as _;

pub(super) fn claim(args: &Claim) -> anyhow::Result<End> {
    let claim = queue::Claim {
        worker: args.worker.clone(),
        stage: stage(&args.stage),
        lease_seconds: args.lease,
        limit: args.limit,
    };
    let claimed = open(&args.place)?.run(async |store| store.claim(&claim).await)?;
    for one in &claimed {
        print(&json!({
            "id": one.item.id,
            "token": one.token,
            "lease_until": one.lease_until,
            "attempt": one.attempt,
            "max_attempts": one.max_attempts,
            "enqueued_at": one.enqueued_at,
            "overdue": one.overdue,
            "item": one.item,
        }))?;
    }
    if claimed.is_empty() {
        writeln!(std::io::stderr(), "nothing is ready")?;
        return Ok(End::Findings);
    }
    Ok(End::Clean)
}

pub(super) fn heartbeat(args: &Heartbeat) -> anyhow::Result<End> {
    let Held { place, id, token } = &args.held;
    let beat = async |store: &queue::Queue| store.heartbeat(id, *token, args.lease).await;
    let until = open(place)?.run(beat)?;
    print(&json!({"id": id, "lease_until": until}))?;
    Ok(End::Clean)
}

pub(super) fn complete(args: &Complete) -> anyhow::Result<End> {
    let inverse = match &args.inverse {
        None => None,
        Some(path) => Some(
            serde_json::from_str(&read_text(path)?)
                .with_context(|| format!("{}: expected RFC 6902 operations", path.display()))?,
        ),
    };
    let completed = Completed { seconds: args.seconds, inverse, note: args.note.clone() };
    let Held { place, id, token } = &args.held;
    let done = async |store: &queue::Queue| store.complete(id, *token, &completed).await;
    settled(id, open(place)?.run(done)?)
}

pub(super) fn fail(args: &Fail) -> anyhow::Result<End> {
    let retry = match (args.give_up, args.retry_after) {
        (true, _) => Retry::Never,
        (false, Some(seconds)) => Retry::After(seconds),
        (false, None) => Retry::Later,
    };
    let failure = Failure {
        reason: args.reason.clone(),
        class: args.class.clone(),
        seconds: args.seconds,
        retry,
    };
    let Held { place, id, token } = &args.held;
    let done = async |store: &queue::Queue| store.fail(id, *token, &failure).await;
    settled(id, open(place)?.run(done)?)
}

pub(super) fn stale(args: &Stale) -> anyhow::Result<End> {
    let Held { place, id, token } = &args.held;
    let done = async |store: &queue::Queue| store.stale(id, *token, &args.reason).await;
    settled(id, open(place)?.run(done)?)
}

pub(super) fn release(args: &Release) -> anyhow::Result<End> {
    let Held { place, id, token } = &args.held;
    let reason = args.reason.as_deref();
    let done = async |store: &queue::Queue| store.release(id, *token, args.until, reason).await;
    settled(id, open(place)?.run(done)?)
}

fn settled(id: &str, state: QueueState) -> anyhow::Result<End> {
    print(&json!({"id": id, "state": state}))?;
    Ok(End::Clean)
}
