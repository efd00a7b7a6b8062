//! # What it finds
//!
//! A path of an Ingress that another Ingress, in any namespace, has for the same host. Ingresses of
//! different classes do not meet. Canaries of ingress-nginx pass: they are meant to share.
//!
//! # Why it matters
//!
//! Which of the two gets the requests depends on the controller, often on which is older. One team
//! can so take the traffic of another.
//!
//! # What the fix changes
//!
//! Nothing by itself: which of the two is right is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno has policies that mind the host alone, the path alone, or both.

use crate::common::{ingress_class, ingress_rules, is_ingress, paths};
use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ingress-duplicate-host-path",
    title: "Two Ingresses take the same path",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kyverno:unique-ingress-host",
        "kyverno:unique-ingress-path",
        "kyverno:unique-ingress-host-and-path",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_ingress(object) || is_canary(object) {
        return;
    }
    for (rule_at, rule) in ingress_rules(object) {
        let others = cx.set.ingresses_of_host(object, host(rule));
        let others: Vec<_> = others.into_iter().filter(|other| meets(object, other)).collect();
        for (path_at, path) in paths(rule).filter(|_| !others.is_empty()) {
            let Some(twin) = others.iter().find(|other| takes(other, host(rule), text(path)))
            else {
                continue;
            };
            let rule = object.site(&["spec", "rules"]).path.index(rule_at);
            let place = rule.key("http").key("paths").index(path_at).key("path");
            let message = format!("ingress \"{}\" takes the same host and path", twin.name);
            let advice = "needs to know which of the two is meant to get the requests";
            cx.report(object.place(place), message, advice);
        }
    }
}

fn host(rule: Node<'_>) -> &str {
    rule.get("host").and_then(Node::as_str).unwrap_or("")
}

fn text(path: Node<'_>) -> &str {
    path.get("path").and_then(Node::as_str).filter(|text| !text.is_empty()).unwrap_or("/")
}

fn is_canary(ingress: &Object<'_>) -> bool {
    let keys = ["metadata", "annotations", "nginx.ingress.kubernetes.io/canary"];
    ingress.at(&keys).and_then(Node::scalar) == Some("true")
}

/// Whether another Ingress may be served by the same controller.
fn meets(object: &Object<'_>, other: &Object<'_>) -> bool {
    let is_other = (other.name, other.namespace) != (object.name, object.namespace);
    let same_class = match (ingress_class(object), ingress_class(other)) {
        (Some(own), Some(its)) => own == its,
        _ => true,
    };
    is_other && same_class && !is_canary(other)
}

fn takes(ingress: &Object<'_>, wanted_host: &str, wanted_path: &str) -> bool {
    ingress_rules(ingress)
        .filter(|(_, rule)| host(*rule) == wanted_host)
        .any(|(_, rule)| paths(rule).any(|(_, path)| text(path) == wanted_path))
}
