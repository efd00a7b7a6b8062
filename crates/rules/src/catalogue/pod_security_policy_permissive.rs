//! # What it finds
//!
//! A PodSecurityPolicy that allows privileged containers, the namespaces of the node (`hostPID`,
//! `hostIPC`, `hostNetwork`), a gain of privileges (`allowPrivilegeEscalation` other than false),
//! root (`runAsUser.rule` other than MustRunAsNonRoot, where no range forbids it), or capabilities
//! (`allowedCapabilities`, and `requiredDropCapabilities` without ALL). One finding for each.
//!
//! # Why it matters
//!
//! The API is gone since Kubernetes 1.25: no such object protects anything there. On older clusters
//! these fields let pods reach the node.
//!
//! # What the fix changes
//!
//! Nothing by itself: the API has no successor that could be written in its place.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "pod-security-policy-permissive",
    title: "PodSecurityPolicy allows too much",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0213",
        "kubescape:C-0214",
        "kubescape:C-0215",
        "kubescape:C-0216",
        "kubescape:C-0217",
        "kubescape:C-0218",
        "kubescape:C-0219",
        "kubescape:C-0220",
        "checkov:CKV_K8S_1",
        "checkov:CKV_K8S_2",
        "checkov:CKV_K8S_3",
        "checkov:CKV_K8S_4",
        "checkov:CKV_K8S_5",
        "checkov:CKV_K8S_6",
        "checkov:CKV_K8S_7",
        "checkov:CKV_K8S_24",
        "checkov:CKV_K8S_32",
        "checkov:CKV_K8S_36",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let is_policy =
        object.kind == "PodSecurityPolicy" && matches!(object.group(), "policy" | "extensions");
    let Some(spec) = object.at(&["spec"]).filter(|spec| is_policy && spec.is_map()) else { return };
    for (keys, what) in permissions(spec) {
        let keys = [&["spec"], keys].concat();
        cx.report(
            object.site(&keys),
            format!("policy allows {what}"),
            "needs a label of Pod Security admission on the namespaces, or an admission policy: \
             Kubernetes 1.25 and later know no PodSecurityPolicy",
        );
    }
}

/// What a policy allows, with the field that does.
fn permissions(spec: Node<'_>) -> Vec<(&'static [&'static str], &'static str)> {
    let flag = |key: &str| spec.get(key).and_then(Node::as_bool);
    let mut allowed: Vec<(&'static [&'static str], &'static str)> = Vec::new();
    for (keys, what) in [
        (&["privileged"], "privileged containers"),
        (&["hostPID"], "the process ids of the node"),
        (&["hostIPC"], "the shared memory of the node"),
        (&["hostNetwork"], "the network of the node"),
    ] {
        if flag(keys[0]) == Some(true) {
            allowed.push((keys, what));
        }
    }
    if flag("allowPrivilegeEscalation") != Some(false) {
        allowed.push((&["allowPrivilegeEscalation"], "a gain of privileges"));
    }
    if allows_root(spec) {
        allowed.push((&["runAsUser", "rule"], "root"));
    }
    if entries(spec, "allowedCapabilities").next().is_some() {
        allowed.push((&["allowedCapabilities"], "more capabilities than the default ones"));
    }
    if !entries(spec, "requiredDropCapabilities").any(|name| name == "ALL") {
        allowed.push((&["requiredDropCapabilities"], "the default capabilities"));
    }
    allowed
}

fn allows_root(spec: Node<'_>) -> bool {
    match spec.at(&["runAsUser", "rule"]).and_then(Node::as_str) {
        Some("MustRunAsNonRoot") => false,
        Some("MustRunAs") => {
            let mut ranges = spec.at(&["runAsUser", "ranges"]).into_iter().flat_map(Node::items);
            ranges.any(|range| range.get("min").and_then(Node::as_i64).unwrap_or(0) <= 0)
        }
        _ => true,
    }
}

fn entries<'a>(spec: Node<'a>, list: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    spec.get(list).into_iter().flat_map(Node::items).filter_map(Node::as_str)
}
