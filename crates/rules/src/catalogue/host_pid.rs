//! # What it finds
//!
//! A pod with `hostPID: true`.
//!
//! # Why it matters
//!
//! A process in the host's PID namespace sees every process of the node, their environment and, with the right capability, their memory.
//!
//! # What the fix changes
//!
//! The line `hostPID: true` goes; `false` is the default.
//!
//! # What it may break
//!
//! Profilers, node exporters and debuggers no longer see the node's processes.

use crate::{Check, Context, Fix, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "host-pid",
    title: "Pod shares the host's PID namespace",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("no_host_pid"),
    aliases: &[
        "kube-linter:host-pid",
        "polaris:hostPIDSet",
        "kubescape:C-0038",
        "kubescape:C-0275",
        "kubescape:C-0194",
        "kubescape:C-0214",
        "trivy:KSV-0010",
        "checkov:CKV_K8S_17",
        "checkov:CKV_K8S_1",
        "kyverno:disallow-host-namespaces",
        "pss:hostNamespaces",
    ],
    references: &["CIS 5.2.3", "NSA/CISA"],
    touches: &["{pod}/hostPID"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if !pod.flag("hostPID") {
        return;
    }
    let fix = Fix::unsafe_because(
        "profilers, node exporters and debuggers no longer see the node's processes",
    )
    .remove(pod.path(&["hostPID"]));
    cx.report(pod.site(&["hostPID"]), "pod shares the host's PID namespace", fix);
}
