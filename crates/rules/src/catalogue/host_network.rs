//! # What it finds
//!
//! A pod with `hostNetwork: true`.
//!
//! # Why it matters
//!
//! A process in the host's network namespace sees every packet of the node and reaches services that listen on its loopback only.
//!
//! # What the fix changes
//!
//! The line `hostNetwork: true` goes; `false` is the default.
//!
//! # What it may break
//!
//! Ingress controllers, node exporters and CNI agents lose the node's interfaces and ports.

use crate::{Check, Context, Fix, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "host-network",
    title: "Pod shares the host's network namespace",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("no_host_network"),
    aliases: &[
        "kube-linter:host-network",
        "polaris:hostNetworkSet",
        "kubescape:C-0041",
        "kubescape:C-0196",
        "kubescape:C-0216",
        "trivy:KSV-0009",
        "checkov:CKV_K8S_19",
        "checkov:CKV_K8S_4",
        "kyverno:disallow-host-namespaces",
        "pss:hostNamespaces",
    ],
    references: &["CIS 5.2.5", "NSA/CISA"],
    touches: &["{pod}/hostNetwork"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if !pod.flag("hostNetwork") {
        return;
    }
    let fix = Fix::unsafe_because(
        "ingress controllers, node exporters and CNI agents lose the node's interfaces and ports",
    )
    .remove(pod.path(&["hostNetwork"]));
    cx.report(pod.site(&["hostNetwork"]), "pod shares the host's network namespace", fix);
}
