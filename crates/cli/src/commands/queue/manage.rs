//! What people decide.

use super::{now, open, print, state};
use crate::End;
use crate::args::queue::{Approve, Backup, Purge, Reject, Requeue};
use queue::blocking::Queue as Store;
use queue::{Decided, Which};
use record::QueueState;
use serde_json::json;
use std::io::Write as _;

pub(super) fn approve(args: &Approve) -> anyhow::Result<End> {
    let store = open(&args.place)?;
    let ids = whole(&store, &args.ids)?;
    let which = if args.all { Which::State(QueueState::Verified) } else { Which::Ids(&ids) };
    decided(&store.run(async |store| store.approve(which, &args.by.name).await)?)
}

pub(super) fn reject(args: &Reject) -> anyhow::Result<End> {
    let store = open(&args.place)?;
    let ids = whole(&store, &args.ids)?;
    let (which, who) = (Which::Ids(&ids), &args.by.name);
    decided(&store.run(async |store| store.reject(which, who, &args.reason).await)?)
}

pub(super) fn requeue(args: &Requeue) -> anyhow::Result<End> {
    let store = open(&args.place)?;
    let ids = whole(&store, &args.ids)?;
    let which = args.state.as_deref().and_then(state).map_or(Which::Ids(&ids), Which::State);
    decided(&store.run(async |store| store.requeue(which, &args.by.name).await)?)
}

/// The ids that begin so.
fn whole(store: &Store, ids: &[String]) -> anyhow::Result<Vec<String>> {
    let one = |id: &String| Ok(store.run(async |store| store.show(id).await)?.id);
    ids.iter().map(one).collect()
}

fn decided(decided: &Decided) -> anyhow::Result<End> {
    for (id, state) in &decided.refused {
        let is = state.map_or("gone", QueueState::as_str);
        writeln!(std::io::stderr(), "error: {} is {is}; it stays so", review::escape(id))?;
    }
    print(&json!({"changed": decided.changed.len(), "refused": decided.refused.len()}))?;
    Ok(if decided.refused.is_empty() { End::Clean } else { End::InputError })
}

pub(super) fn purge(args: &Purge) -> anyhow::Result<End> {
    let states: Vec<QueueState> = args.state.iter().filter_map(|name| state(name)).collect();
    let before = now() - args.older_than;
    let purged = open(&args.place)?.run(async |store| store.purge(&states, before).await)?;
    print(&json!({"purged": purged}))?;
    Ok(End::Clean)
}

pub(super) fn backup(args: &Backup) -> anyhow::Result<End> {
    open(&args.place)?.run(async |store| store.backup(&args.target).await)?;
    Ok(End::Clean)
}
