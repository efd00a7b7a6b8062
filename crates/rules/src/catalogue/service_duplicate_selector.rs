//! # What it finds
//!
//! A Service whose selector is the same as that of another Service of the namespace. A headless
//! Service beside another one passes: StatefulSets need it. Namespaces are compared as written:
//! none and `default` differ.
//!
//! # Why it matters
//!
//! Two names for the same pods are often a copy whose selector was not changed. One of the two then
//! sends its requests to the wrong program.
//!
//! # What the fix changes
//!
//! Nothing by itself: which of the two is right, or whether both are meant, is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno looks at headless Services too.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "service-duplicate-selector",
    title: "Two Services have the same selector",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:require-unique-service-selector"],
    references: &[],
    touches: &["spec/selector/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "selector"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("", "Service") {
        return;
    }
    let same = cx.set.services_with_same_selector(object);
    let is_twin = |other: &&&Object<'_>| {
        other.name != object.name && is_headless(other) == is_headless(object)
    };
    let Some(twin) = same.iter().find(is_twin) else { return };
    let message = format!("service \"{}\" has the same selector", twin.name);
    let advice = "needs to know whether both are meant: correct the selector of one, or remove it";
    cx.report(object.site(&KEYS), message, advice);
}

fn is_headless(service: &Object<'_>) -> bool {
    service.at(&["spec", "clusterIP"]).and_then(Node::as_str) == Some("None")
}
