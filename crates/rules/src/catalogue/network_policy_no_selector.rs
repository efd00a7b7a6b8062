//! # What it finds
//!
//! A NetworkPolicy without any selector: `podSelector` is missing, or it is empty while rules allow
//! traffic; and no peer has a `podSelector` or a `namespaceSelector`. A policy with an empty
//! selector and no rules, which denies everything, passes.
//!
//! # Why it matters
//!
//! Such a policy opens every pod of the namespace in the same way, whatever it does and whoever
//! asks.
//!
//! # What the fix changes
//!
//! Nothing by itself: which pods and peers are meant is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Trivy takes an empty `podSelector` for a selector. Kyverno reports every policy that has an
//! empty one and rules, with or without selectors in the peers.

use crate::common::{peers, pod_selector};
use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "network-policy-no-selector",
    title: "Network policy tells no pods apart",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0038", "kyverno:restrict-networkpolicy-empty-podselector"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "podSelector"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if pod_selector(object).is_none() {
        return;
    }
    let is_set = |node: Option<Node<'_>>| node.is_some_and(|value| !value.is_null());
    let selects = |selector: Node<'_>| selector.entries().any(|(_, _, part)| !part.is_empty());
    let has_rules = ["ingress", "egress"]
        .iter()
        .any(|key| object.at(&["spec", key]).is_some_and(|r| !r.is_empty()));
    let own = object.at(&KEYS);
    let passes = is_set(own) && (!has_rules || own.is_some_and(selects));
    let has_selector = |(_, peer): (_, Node<'_>)| {
        is_set(peer.get("podSelector")) || is_set(peer.get("namespaceSelector"))
    };
    if passes || peers(object).into_iter().any(has_selector) {
        return;
    }
    let advice = "needs to know which pods the policy is for, and which peers it lets in or out";
    cx.report(object.site(&KEYS), "network policy has no selector", advice);
}
