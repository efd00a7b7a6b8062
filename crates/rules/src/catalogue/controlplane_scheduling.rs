//! # What it finds
//!
//! A toleration for the taint `node-role.kubernetes.io/control-plane` or
//! `node-role.kubernetes.io/master`; a `nodeName`; a `nodeSelector`. Tolerations without a key,
//! which tolerate every taint, and node affinity pass.
//!
//! # Why it matters
//!
//! A pod on a control-plane node is next to the keys of the cluster. A pod that picks its node
//! evades what keeps tenants apart.
//!
//! # What the fix changes
//!
//! Nothing by itself: without the toleration or the choice the pod may find no node.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno has a policy for tolerations and another one for the choice of nodes.

use crate::common::maps;
use crate::{Check, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "controlplane-scheduling",
    title: "Pod chooses its nodes or goes to the control plane",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:restrict-controlplane-scheduling", "kyverno:restrict-node-selection"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const TAINTS: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, toleration) in maps(pod.spec.get("tolerations")) {
        let key = toleration.get("key").and_then(Node::as_str).unwrap_or("");
        if TAINTS.contains(&key) {
            let site = pod.item_site(&["tolerations"], index, &["key"]);
            let advice = "needs to know whether the pod serves the control plane";
            cx.report(site, format!("pod tolerates the taint {key}"), advice);
        }
    }
    let advice = "needs to know whether the pod can run elsewhere";
    if let Some(name) = pod.spec.get("nodeName").and_then(Node::as_str).filter(|n| !n.is_empty()) {
        cx.report(pod.site(&["nodeName"]), format!("pod names its node \"{name}\""), advice);
    }
    if pod.spec.get("nodeSelector").is_some_and(|labels| labels.is_map() && !labels.is_empty()) {
        cx.report(pod.site(&["nodeSelector"]), "pod selects its nodes", advice);
    }
}
