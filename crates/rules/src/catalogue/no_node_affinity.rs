//! # What it finds
//!
//! A pod without `affinity.nodeAffinity`.
//!
//! # Why it matters
//!
//! The pod may run on any node, also on one with other hardware, in another zone or of another
//! tenant.
//!
//! # What the fix changes
//!
//! Nothing by itself: which nodes are meant, and how they are labelled, is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno fills in an affinity of its own. No tool counts `nodeSelector`.

use crate::{Check, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "no-node-affinity",
    title: "No node affinity",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:no-node-affinity", "kyverno:add-node-affinity"],
    references: &[],
    touches: &["{pod}/affinity/nodeAffinity/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 2] = ["affinity", "nodeAffinity"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if pod.spec.at(&KEYS).is_none_or(Node::is_null) {
        let advice = "needs the labels of the nodes that the pod should run on, and whether it may \
                      run elsewhere";
        cx.report(pod.site(&KEYS), "nothing says which nodes the pod should run on", advice);
    }
}
