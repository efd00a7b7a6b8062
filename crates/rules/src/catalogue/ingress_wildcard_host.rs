//! # What it finds
//!
//! A rule of an Ingress without a host, or with a host that contains `*`.
//!
//! # Why it matters
//!
//! The Ingress takes requests for names that nobody thought of, also those meant for others.
//!
//! # What the fix changes
//!
//! Nothing by itself: which hosts are meant is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::{ingress_rules, is_ingress};
use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ingress-wildcard-host",
    title: "Ingress takes any host",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:restrict-ingress-wildcard", "kyverno:disallow-empty-ingress-host"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_ingress(object) {
        return;
    }
    for (index, rule) in ingress_rules(object) {
        let message = match rule.get("host").and_then(Node::as_str).unwrap_or("") {
            "" => "rule takes any host".to_owned(),
            host if host.contains('*') => format!("rule takes every host of {host}"),
            _ => continue,
        };
        let path = object.site(&["spec", "rules"]).path.index(index).key("host");
        cx.report(object.place(path), message, "needs the names of the hosts that are meant");
    }
}
