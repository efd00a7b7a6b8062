//! # What it finds
//!
//! A StatefulSet whose `serviceName` is missing, or does not name a headless Service (`clusterIP:
//! None`) of the same namespace whose selector matches the labels of its pods. Namespaces are
//! compared as written: none and `default` differ.
//!
//! # Why it matters
//!
//! Without that Service the pods have no stable names in DNS, which most clustered programs use to
//! find each other.
//!
//! # What the fix changes
//!
//! Nothing by itself: `serviceName` cannot be changed on an existing StatefulSet, and the ports of
//! a new Service are not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::template_labels;
use crate::selector::Selector;
use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "statefulset-has-servicename",
    title: "StatefulSet has no headless Service",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kube-score:statefulset-has-servicename"],
    references: &[],
    touches: &["spec/serviceName"],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "serviceName"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("apps", "StatefulSet") {
        return;
    }
    let name = object.at(&KEYS).and_then(Node::as_str).unwrap_or("");
    if name.is_empty() {
        let advice =
            "needs a headless Service, and its name here before the StatefulSet is created";
        return cx.report(object.site(&KEYS), "StatefulSet names no Service", advice);
    }
    let services = cx.set.named(object, "", "Service", name);
    let headless = || services.iter().filter(|service| is_headless(service));
    if headless().any(|service| selects(service, object)) {
        return;
    }
    let what = match (services.is_empty(), headless().next().is_none()) {
        (true, _) => "is not among the manifests",
        (_, true) => "is not headless",
        _ => "does not select its pods",
    };
    let message = format!("service \"{name}\" of the StatefulSet {what}");
    let advice = "needs a headless Service of this name that selects the pods; serviceName itself \
                  cannot be changed later";
    cx.report(object.site(&KEYS), message, advice);
}

fn is_headless(service: &Object<'_>) -> bool {
    service.at(&["spec", "clusterIP"]).and_then(Node::as_str) == Some("None")
}

fn selects(service: &Object<'_>, workload: &Object<'_>) -> bool {
    service
        .at(&["spec", "selector"])
        .and_then(|selector| Selector::from_labels(selector).ok())
        .is_some_and(|selector| !selector.is_empty() && selector.matches(template_labels(workload)))
}
