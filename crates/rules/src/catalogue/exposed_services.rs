//! # What it finds
//!
//! A Service whose type is a forbidden one (`forbiddenServiceTypes`), in any case: by default
//! `NodePort` and `LoadBalancer`.
//!
//! # Why it matters
//!
//! Such a Service is reachable from outside the cluster, past the Ingress or Gateway that
//! terminates TLS and knows who may come in.
//!
//! # What the fix changes
//!
//! Nothing by itself: whether somebody outside relies on it is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-score and one policy of Kyverno mind `NodePort` only, another policy of Kyverno
//! `LoadBalancer` only.

use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "exposed-services",
    title: "Service is open to the outside",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:exposed-services",
        "kubescape:C-0256",
        "kube-score:service-type",
        "kyverno:restrict-nodeport",
        "kyverno:no-loadbalancer-service",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[TYPES],
    scope: Scope::Object,
    check: Check::Object(check),
};

const TYPES: Parameter = Parameter {
    name: "forbiddenServiceTypes",
    meaning: "the types that Services may not have",
    default: DefaultValue::List(&["NodePort", "LoadBalancer"]),
};
const KEYS: [&str; 2] = ["spec", "type"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("", "Service") {
        return;
    }
    let Some(kind) = object.at(&KEYS).and_then(Node::as_str) else { return };
    if !cx.list(&TYPES).iter().any(|forbidden| forbidden.eq_ignore_ascii_case(kind)) {
        return;
    }
    let advice = "needs to know who uses it from outside: prefer ClusterIP behind an Ingress or a \
                  Gateway";
    cx.report(object.site(&KEYS), format!("service is of type {kind}"), advice);
}
