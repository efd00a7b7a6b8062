//! # What it finds
//!
//! A `backendRefs` entry of an HTTPRoute, GRPCRoute, TLSRoute, TCPRoute or UDPRoute of the Gateway
//! API whose Service is not among the manifests: those of the entry's `namespace`, or of the
//! route's own. References to other kinds pass. Namespaces are compared as written: none and
//! `default` differ.
//!
//! # Why it matters
//!
//! Requests of this rule are answered with an error.
//!
//! # What the fix changes
//!
//! Nothing by itself: which Service is meant is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::destinations;
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "dangling-gateway-backend",
    title: "Route sends requests to no Service",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0302"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.group() != "gateway.networking.k8s.io" {
        return;
    }
    for destination in destinations(object) {
        let name = destination.service;
        let namespace = destination.namespace.or(object.namespace).unwrap_or("");
        if !cx.set.named_in(object, namespace, "", "Service", name).is_empty() {
            continue;
        }
        let message = format!("service \"{name}\" is not among the manifests");
        let advice = "needs to know which Service is meant: correct the name or the namespace, or \
                      add its manifest";
        cx.report(object.place(destination.path().key("name")), message, advice);
    }
}
