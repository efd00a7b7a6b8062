//! # What it finds
//!
//! A ServiceMonitor of the Prometheus operator whose selector matches the labels of no Service
//! among the manifests: those of its own namespace, of the namespaces in
//! `namespaceSelector.matchNames`, or of all with `any: true`. Namespaces are compared as written:
//! none and `default` differ.
//!
//! # Why it matters
//!
//! Prometheus collects nothing, and alerts that build on it stay silent.
//!
//! # What the fix changes
//!
//! Nothing by itself: which Services are meant is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter reports every monitor that has neither `matchLabels` nor a `namespaceSelector`,
//! leaves `matchExpressions` out of account, and takes Services of any namespace where none is
//! asked for.

use crate::selector::Selector;
use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "dangling-servicemonitor",
    title: "ServiceMonitor selects no Service",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:dangling-servicemonitor"],
    references: &[],
    touches: &["spec/selector/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "selector"];
const NAMESPACES: [&str; 2] = ["spec", "namespaceSelector"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("monitoring.coreos.com", "ServiceMonitor") {
        return;
    }
    let Some(spec) = object.at(&["spec"]) else { return };
    // Without a selector the spec stands for an empty one.
    let selector = object.at(&KEYS).filter(|selector| selector.is_map()).unwrap_or(spec);
    let (message, advice) = match Selector::parse(selector) {
        Err(what) => {
            (format!("selector is invalid: {what}"), "needs valid keys, operators and values")
        }
        Ok(selector) => {
            let labels = |service: &Object<'_>| {
                selector.matches(service.at(&["metadata", "labels"]).filter(|map| map.is_map()))
            };
            if services(object, cx).into_iter().any(labels) {
                return;
            }
            (
                "ServiceMonitor selects no Service of the manifests".to_owned(),
                "needs to know which Services are meant: correct the selectors or the labels",
            )
        }
    };
    cx.report(object.site(&KEYS), message, advice);
}

/// The Services that the monitor looks at.
fn services<'s, 'a>(object: &Object<'_>, cx: &Context<'s, 'a>) -> Vec<&'s Object<'a>> {
    let namespaces = object.at(&NAMESPACES);
    if namespaces.and_then(|map| map.get("any")).and_then(Node::as_bool) == Some(true) {
        return cx.set.of_kind_anywhere(object, "", "Service");
    }
    let names = namespaces.and_then(|map| map.get("matchNames"));
    match names.filter(|names| names.is_seq() && !names.is_empty()) {
        Some(names) => names
            .items()
            .filter_map(Node::as_str)
            .flat_map(|name| cx.set.of_kind_in(object, name, "", "Service"))
            .collect(),
        None => cx.set.of_kind(object, "", "Service"),
    }
}
