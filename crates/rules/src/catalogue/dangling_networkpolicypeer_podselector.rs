//! # What it finds
//!
//! A peer in `ingress[].from` or `egress[].to` of a NetworkPolicy whose `podSelector` matches no
//! pod template among the manifests of the namespace, or that the API server cannot read. Peers
//! with a `namespaceSelector` pass: they speak of pods elsewhere. Namespaces are compared as
//! written: none and `default` differ.
//!
//! # Why it matters
//!
//! The traffic that the peer stands for is blocked. Most often a label was mistyped or changed on
//! one side only.
//!
//! # What the fix changes
//!
//! Nothing by itself: which pods are meant is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::{peers, pod_selector};
use crate::selector::Selector;
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "dangling-networkpolicypeer-podselector",
    title: "Peer of a network policy selects no pod",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:dangling-networkpolicypeer-podselector"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if pod_selector(object).is_none() {
        return;
    }
    for (path, peer) in peers(object) {
        let field = |key: &str| peer.get(key).filter(|value| !value.is_null());
        let selector = field("podSelector").filter(|selector| selector.is_map());
        let Some(selector) = selector.filter(|_| field("namespaceSelector").is_none()) else {
            continue;
        };
        let (message, advice) = match Selector::parse(selector) {
            Err(what) => (
                format!("pod selector of a peer is invalid: {what}"),
                "needs valid keys, operators and values",
            ),
            Ok(selector) if cx.set.matches_none(object, &selector) => (
                "peer selects no pod of the manifests".to_owned(),
                "needs to know which pods are meant: correct the selector or the pods' labels",
            ),
            Ok(_) => continue,
        };
        cx.report(object.place(path.key("podSelector")), message, advice);
    }
}
