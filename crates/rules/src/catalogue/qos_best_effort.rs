//! # What it finds
//!
//! A pod of which no regular or init container has a request or limit for CPU or memory, and which
//! has none of its own.
//!
//! # Why it matters
//!
//! The pod is of the class BestEffort: it is scheduled without regard to room, and it is the first
//! to be evicted when a node runs short.
//!
//! # What the fix changes
//!
//! Nothing by itself: how much the pod needs is not in the manifest. `unset-cpu-requirements` and
//! `unset-memory-requests` write amounts from `values`.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Pod, Role, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "qos-best-effort",
    title: "Pod reserves nothing",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:require-qos-burstable"],
    references: &[],
    touches: &["{container}/resources/requests/*", "{container}/resources/limits/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let counted = || pod.containers.iter().filter(|container| container.role != Role::Ephemeral);
    let reserves = |holder: Node<'_>| {
        let amounts = ["requests", "limits"].map(|list| holder.at(&["resources", list]));
        amounts.into_iter().flatten().any(|list| {
            let is_set = |key: &str| list.get(key).is_some_and(|amount| !amount.is_null());
            is_set("cpu") || is_set("memory")
        })
    };
    if counted().next().is_none()
        || reserves(pod.spec)
        || counted().any(|container| reserves(container.node))
    {
        return;
    }
    cx.report(
        pod.site(&["containers"]),
        "no container of the pod has a request or limit for cpu or memory",
        "needs requests from measurements, at least for one container",
    );
}
