//! # What it finds
//!
//! A Namespace in which no manifest of the inputs is a NetworkPolicy or a CiliumNetworkPolicy.
//! Policies for the whole cluster do not count, and neither do manifests that leave their namespace
//! open.
//!
//! # Why it matters
//!
//! Where no policy applies, every pod of the cluster can reach every other one.
//!
//! # What the fix changes
//!
//! Nothing by itself: policies are objects of their own, and which traffic the namespace needs is
//! not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::has_policies_in;
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "namespace-without-network-policy",
    title: "Namespace has no network policy",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0054",
        "kubescape:C-0206",
        "kubescape:C-0049",
        "kyverno:add-networkpolicy",
    ],
    references: &["CIS 5.3.2", "NSA/CISA"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("", "Namespace") || has_policies_in(cx.set, object) {
        return;
    }
    let advice = "needs the traffic to allow: add a NetworkPolicy that denies by default, one that \
                  allows DNS, and one for each workload";
    cx.report(object.site(&["metadata", "name"]), "namespace has no network policy", advice);
}
