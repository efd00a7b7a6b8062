//! # What it finds
//!
//! A Service without a selector, or whose selector matches no pod template among the manifests of
//! the same namespace. Labels of `ignoredLabels` are left out of the comparison. Services of type
//! `ExternalName` pass. Namespaces are compared as written:
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

use crate::common::template_labels;
use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "dangling-service",
    title: "Service selects no pod",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("dangling_service"),
    aliases: &[
        "kube-linter:dangling-service",
        "kubescape:C-0293",
        "kube-score:service-targets-pod",
    ],
    references: &[],
    touches: &["spec/selector/*"],
    removes: &[],
    parameters: &[IGNORED],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "selector"];

const IGNORED: Parameter = Parameter {
    name: "ignoredLabels",
    meaning: "keys of labels that pods get elsewhere, such as from a controller",
    default: DefaultValue::List(&[]),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let kind = object.at(&["spec", "type"]).and_then(Node::as_str);
    if !object.is("", "Service") || kind == Some("ExternalName") {
        return;
    }
    let labels = || object.at(&KEYS).into_iter().flat_map(Node::entries);
    let selector: Vec<(&str, &str)> = labels()
        .filter(|(key, ..)| !cx.texts(&IGNORED).any(|ignored| ignored == *key))
        .map(|(key, _, value)| (key, value.as_str().unwrap_or("")))
        .collect();
    if labels().next().is_none() {
        let advice = "needs the labels of the pods that serve it; a Service whose endpoints are \
                      written by hand or by a controller is meant to have none";
        cx.report(object.site(&KEYS), "service has no selector", advice);
    } else if !selector.is_empty() && cx.set.selected(object, &selector).is_empty() {
        let advice = nearest(&selector, cx).unwrap_or_else(|| {
            "needs to know which pods serve it: correct the selector or the pods' labels".to_owned()
        });
        cx.report(object.site(&KEYS), "service selects no pod of the manifests", advice);
    }
}

fn label<'a>(workload: &Object<'a>, key: &str) -> Option<&'a str> {
    template_labels(workload)?.get(key)?.as_str()
}

/// Names the only workload of the namespace that all but one of the labels fit.
fn nearest(selector: &[(&str, &str)], cx: &Context<'_, '_>) -> Option<String> {
    let [workload] = cx.set.nearly_selected(cx.object, selector)[..] else { return None };
    let (key, wanted) =
        selector.iter().find(|(key, wanted)| label(workload, key) != Some(*wanted))?;
    let own = label(workload, key)
        .map_or_else(|| "lacks it".to_owned(), |own| format!("has {key}={own}"));
    Some(format!(
        "perhaps {} \"{}\" is meant: the selector asks for {key}={wanted}, its pods' template \
         {own}",
        workload.kind, workload.name
    ))
}
