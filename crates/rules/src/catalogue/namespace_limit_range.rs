//! # What it finds
//!
//! A Namespace without a LimitRange among the manifests that gives containers default limits; and
//! an entry of a LimitRange of type `Container` that gives none. An entry gives them with
//! `default`, or with `max`, which stands in for it. Manifests that leave their namespace open do
//! not count.
//!
//! # Why it matters
//!
//! A container without limits of its own can then use up what its node has.
//!
//! # What the fix changes
//!
//! Nothing by itself: the amounts that suit the workloads are not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Trivy looks at LimitRanges only.

use crate::common::maps;
use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "namespace-limit-range",
    title: "Namespace has no default limits",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0039", "kyverno:add-ns-quota"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "limits"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.is("", "Namespace") {
        check_namespace(object, cx);
    } else if object.is("", "LimitRange") {
        for (index, entry) in of_containers(object).filter(|(_, entry)| !gives_limits(*entry)) {
            let name = entry.get("type").and_then(Node::as_str).unwrap_or("");
            let path = object.site(&KEYS).path.index(index).key("default");
            let advice = "needs the limits of containers that set none themselves";
            cx.report(object.place(path), format!("limits of type {name} have no default"), advice);
        }
    }
}

fn check_namespace(namespace: &Object<'_>, cx: &mut Context<'_, '_>) {
    let ranges = cx.set.of_kind_in(namespace, namespace.name, "", "LimitRange");
    let limits = |range: &Object<'_>| of_containers(range).any(|(_, entry)| gives_limits(entry));
    if ranges.into_iter().any(limits) {
        return;
    }
    let advice = "needs a LimitRange with the limits of containers that set none themselves";
    cx.report(namespace.site(&["metadata", "name"]), "namespace has no default limits", advice);
}

fn of_containers<'a>(range: &Object<'a>) -> impl Iterator<Item = (usize, Node<'a>)> {
    let is_for_containers =
        |entry: Node<'_>| entry.get("type").and_then(Node::as_str) == Some("Container");
    maps(range.at(&KEYS)).filter(move |(_, entry)| is_for_containers(*entry))
}

fn gives_limits(entry: Node<'_>) -> bool {
    let has = |key: &str| entry.get(key).is_some_and(|amounts| !amounts.is_empty());
    has("default") || has("max")
}
