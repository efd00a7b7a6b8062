//! # What it finds
//!
//! A workload whose pods no NetworkPolicy among the manifests of the namespace selects. Policies of
//! Cilium count too; their `matchExpressions` are taken to match. Namespaces are compared as
//! written: none and `default` differ.
//!
//! # Why it matters
//!
//! Every pod of the cluster can reach these pods, and they can reach everything.
//!
//! # What the fix changes
//!
//! Nothing by itself: which traffic the workload needs is not in the manifest. A policy that denies
//! everything cuts it off, one that allows everything protects nothing.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Polaris wants one label in common and rules for both directions; kube-score and Kubescape's
//! C-0030 want both directions, see `network-policy-both-directions`.

use crate::common::selecting_policies;
use crate::{Check, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "non-isolated-pod",
    title: "No network policy selects the pods",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:non-isolated-pod",
        "polaris:missingNetworkPolicy",
        "kubescape:C-0260",
        "kubescape:C-0030",
        "checkov:CKV2_K8S_6",
        "kube-score:pod-networkpolicy",
        "kyverno:require-network-policy",
        "kyverno:add-networkpolicy",
    ],
    references: &["NSA/CISA"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if !selecting_policies(cx).is_empty() {
        return;
    }
    let site = cx.object.place(pod.metadata_path(&["labels"]));
    let advice = "needs a NetworkPolicy that selects these labels and allows the traffic that the \
                  workload needs, DNS included";
    cx.report(site, "no network policy selects the pods", advice);
}
