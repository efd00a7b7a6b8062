//! # What it finds
//!
//! A Service without a selector, or whose selector matches no pod template among the manifests of
//! the same namespace. Services of type `ExternalName` pass. Namespaces are compared as written:
//! none and `default` differ.
//!
//! # Why it matters
//!
//! Requests to the Service fail. Most often a label was mistyped or changed on one side only.
//!
//! # What the fix changes
//!
//! Nothing by itself: which workload is meant is not in the manifest. A workload that differs in
//! one label only is named.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::context_objects;
use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "dangling-service",
    title: "Service selects no pod",
    severity: Severity::Medium,
    default: true,
    policy_id: Some("dangling_service"),
    aliases: &[
        "kube-linter:dangling-service",
        "kubescape:C-0293",
        "kube-score:service-targets-pod",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "selector"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let kind = object.at(&["spec", "type"]).and_then(Node::as_str);
    if !object.is("", "Service") || kind == Some("ExternalName") {
        return;
    }
    let selector: Vec<(&str, &str)> = object
        .at(&KEYS)
        .into_iter()
        .flat_map(Node::entries)
        .map(|(key, _, value)| (key, value.as_str().unwrap_or("")))
        .collect();
    if selector.is_empty() {
        let advice = "needs the labels of the pods that serve it; a Service whose endpoints are \
                      written by hand or by a controller is meant to have none";
        cx.report(object.site(&KEYS), "service has no selector", advice);
    } else if cx.set.selected(object, &selector).is_empty() {
        let advice = nearest(&selector, cx).unwrap_or_else(|| {
            "needs to know which pods serve it: correct the selector or the pods' labels".to_owned()
        });
        cx.report(object.site(&KEYS), "service selects no pod of the manifests", advice);
    }
}

/// Names the only workload of the namespace that all but one of the labels fit.
fn nearest(selector: &[(&str, &str)], cx: &Context<'_, '_>) -> Option<String> {
    let mut candidates = context_objects(cx)
        .filter(|other| other.namespace.unwrap_or("") == cx.object.namespace.unwrap_or(""))
        .filter_map(|other| Some((other, one_difference(selector, other)?)));
    let (workload, (key, wanted, own)) = candidates.next()?;
    if candidates.next().is_some() {
        return None;
    }
    let own = own.map_or_else(|| "lacks it".to_owned(), |own| format!("has {key}={own}"));
    Some(format!(
        "perhaps {} \"{}\" is meant: the selector asks for {key}={wanted}, its pods' template {own}",
        workload.kind, workload.name
    ))
}

/// A label that a selector asks for, and the one that a template carries instead.
type Difference<'s, 'a> = (&'s str, &'s str, Option<&'a str>);

/// The one label of the selector that the workload's pods do not carry.
fn one_difference<'s, 'a>(
    selector: &[(&'s str, &'s str)],
    workload: &Object<'a>,
) -> Option<Difference<'s, 'a>> {
    let labels = workload.pod.as_ref()?.labels();
    let own = |key: &str| labels.and_then(|map| map.get(key)).and_then(Node::as_str);
    let mut different = selector.iter().filter(|(key, wanted)| own(key) != Some(*wanted));
    let (key, wanted) = different.next()?;
    different.next().is_none().then(|| (*key, *wanted, own(key)))
}
