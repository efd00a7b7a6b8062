//! # What it finds
//!
//! An Ingress without `spec.tls`, or with an empty one. Certificates that a load balancer takes
//! from an annotation are not seen.
//!
//! # Why it matters
//!
//! Requests and answers, passwords among them, go over the network in clear text, and nothing tells
//! the client that it talks to the right server.
//!
//! # What the fix changes
//!
//! Nothing by itself: the hosts need a certificate, and a Secret that holds another one would serve
//! the wrong name.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::{is_ingress, tls_entries};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ingress-no-tls",
    title: "Ingress has no TLS",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:tlsSettingsMissing",
        "kubescape:C-0263",
        "kubescape:C-0245",
        "kyverno:require-ingress-https",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_ingress(object) || tls_entries(object).next().is_some() {
        return;
    }
    let advice = "needs a Secret with a certificate for the hosts, or an issuer that makes one: \
                  then list the hosts in tls";
    cx.report(object.site(&["spec", "tls"]), "ingress has no TLS", advice);
}
