//! What workers say.

use super::{now, open, print, stage};
use crate::End;
use crate::args::Common;
use crate::args::queue::{Claim, Complete, Fail, Heartbeat, Held, Release, Stale};
use crate::commands::schedule::{weigh, windows};
use crate::config::Config;
use crate::session::read_text;
use anyhow::Context as _;
use queue::blocking::Queue as Store;
use queue::{Claimed, Completed, Failure, Retry, Stage};
use record::QueueState;
use scheduler::window::Windows;
use serde_json::json;
use std::io::Write as _;

/// What a worker may change now: an item whose change window is closed sleeps until it opens.
/// Judging changes nothing, so windows are about putting in place only.
fn claim_open(
    store: &Store,
    claim: &queue::Claim,
    windows: &Windows,
) -> anyhow::Result<Vec<Claimed>> {
    let mut open = Vec::new();
    loop {
        let limit = claim.limit - open.len();
        let claimed =
            store.run(async |store| store.claim(&queue::Claim { limit, ..claim.clone() }).await)?;
        let found = claimed.len();
        for one in claimed {
            let namespace = one.item.object.namespace.as_deref().unwrap_or_default();
            let opens = windows.opens(namespace, one.item.kev, now());
            if claim.stage == Stage::Verify || opens <= now() {
                open.push(one);
                continue;
            }
            let why = Some("its change window is closed");
            store.run(async |store| {
                store.release(&one.item.id, one.token, Some(opens), why).await
            })?;
        }
        if found == 0 || open.len() >= claim.limit {
            return Ok(open);
        }
    }
}

pub(super) fn claim(common: &Common, args: &Claim) -> anyhow::Result<End> {
    let config = Config::load(common.config.as_deref())?;
    let windows = windows(&config.scheduling)?;
    let claim = queue::Claim {
        worker: args.worker.clone(),
        stage: stage(&args.stage),
        lease_seconds: args.lease,
        limit: args.limit,
    };
    let claimed = claim_open(&open(&args.place)?, &claim, &windows)?;
    for one in &claimed {
        print(&json!({
            "id": one.item.id,
            "token": one.token,
            "lease_until": one.lease_until,
            "attempt": one.attempt,
            "max_attempts": one.max_attempts,
            "enqueued_at": one.enqueued_at,
            "due": one.due,
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
    attempted(&args.held, async |store| {
        store.complete(&args.held.id, args.held.token, &completed).await
    })
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
    attempted(&args.held, async |store| store.fail(&args.held.id, args.held.token, &failure).await)
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

/// Writes down how an attempt ended, and lets the order learn from it.
fn attempted(
    held: &Held,
    settle: impl AsyncFnOnce(&queue::Queue) -> Result<QueueState, queue::Error>,
) -> anyhow::Result<End> {
    let store = open(&held.place)?;
    let end = settled(&held.id, store.run(settle)?)?;
    // The item is settled whatever becomes of this; who learns next learns from it as well.
    if let Err(error) = store.run(async |store| store.learn(weigh).await) {
        writeln!(std::io::stderr(), "warning: nothing was learnt from it yet: {error}")?;
    }
    Ok(end)
}

fn settled(id: &str, state: QueueState) -> anyhow::Result<End> {
    print(&json!({"id": id, "state": state}))?;
    Ok(End::Clean)
}
