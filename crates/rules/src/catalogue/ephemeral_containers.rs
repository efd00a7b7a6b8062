//! # What it finds
//!
//! A pod, or a pod template, with a list of `ephemeralContainers`.
//!
//! # Why it matters
//!
//! Ephemeral containers are for debugging a pod that runs. The API server refuses them in whatever
//! is created; in an exported pod they show that somebody has been in it.
//!
//! # What the fix changes
//!
//! Nothing by itself: whether the container is still needed for debugging is not in the manifest,
//! and the list of a running pod cannot be shortened.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno forbids them in pods as they run, too.

use crate::{Check, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ephemeral-containers",
    title: "Ephemeral containers in the manifest",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:block-ephemeral-containers"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let list = pod.spec.get("ephemeralContainers").filter(|list| list.is_seq());
    let Some(count) = list.map(Node::len).filter(|count| *count > 0) else { return };
    cx.report(
        pod.site(&["ephemeralContainers"]),
        format!("manifest holds {count} of the containers that are only for debugging"),
        "needs to know that nobody debugs the pod any more: delete the list from the manifest and \
         create the pod again",
    );
}
