//! # What it finds
//!
//! An Ingress with `spec.defaultBackend`, or `spec.backend` in former versions.
//!
//! # Why it matters
//!
//! What no rule of any Ingress asks for goes to this backend, also requests meant for others.
//!
//! # What the fix changes
//!
//! Nothing by itself: without it, requests that rely on it are answered with an error.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::is_ingress;
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ingress-default-backend",
    title: "Ingress has a default backend",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:restrict-ingress-defaultbackend"],
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
    for keys in [["spec", "defaultBackend"], ["spec", "backend"]] {
        if object.at(&keys).is_some_and(|backend| !backend.is_null()) {
            let advice = "needs rules for the hosts and paths that the backend is meant to serve";
            cx.report(object.site(&keys), "ingress has a default backend", advice);
        }
    }
}
