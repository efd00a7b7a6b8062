//! # What it finds
//!
//! A Service of type `LoadBalancer` without any of the annotations by which a cloud's load balancer
//! gets its certificate (`tlsAnnotations`). TLS that the pods themselves terminate is not seen.
//!
//! # Why it matters
//!
//! Where the pods do not speak TLS either, traffic from outside travels in clear text.
//!
//! # What the fix changes
//!
//! Nothing by itself: the certificate is an object of the cloud, and its name is not in the
//! manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape's controls are for one cloud each, and look at clusters of that cloud only.

use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "lb-without-tls",
    title: "Load balancer does not terminate TLS",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0231", "kubescape:C-0245"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[ANNOTATIONS],
    scope: Scope::Object,
    check: Check::Object(check),
};

const ANNOTATIONS: Parameter = Parameter {
    name: "tlsAnnotations",
    meaning: "the annotations of which one must have a value",
    default: DefaultValue::List(&[
        "service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
        "service.beta.kubernetes.io/do-loadbalancer-certificate-id",
        "service.beta.kubernetes.io/oci-load-balancer-tls-secret",
        "service.beta.kubernetes.io/scw-loadbalancer-certificate-ids",
    ]),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let kind = || object.at(&["spec", "type"]).and_then(Node::as_str);
    if !object.is("", "Service") || kind() != Some("LoadBalancer") {
        return;
    }
    let keys = ["metadata", "annotations"];
    let annotations = object.at(&keys);
    let has_value = |key: &&str| {
        let value = annotations.and_then(|annotations| annotations.get(key));
        value.and_then(Node::scalar).is_some_and(|text| !text.is_empty())
    };
    if cx.list(&ANNOTATIONS).iter().any(has_value) {
        return;
    }
    let advice = "needs the certificate that the cloud's load balancer should use, unless the pods \
                  speak TLS themselves";
    cx.report(object.site(&keys), "load balancer does not terminate TLS", advice);
}
