//! # What it finds
//!
//! A pod with `hostIPC: true`.
//!
//! # Why it matters
//!
//! A process in the host's IPC namespace can read and write the shared memory of the node's other processes.
//!
//! # What the fix changes
//!
//! The line `hostIPC: true` goes; `false` is the default.
//!
//! # What it may break
//!
//! Programs that share memory with the node (some databases, GPU stacks) fail; an emptyDir with medium Memory shares it within the pod.

use crate::{Check, Context, Fix, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "host-ipc",
    title: "Pod shares the host's IPC namespace",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("no_host_ipc"),
    aliases: &[
        "kube-linter:host-ipc",
        "polaris:hostIPCSet",
        "kubescape:C-0038",
        "kubescape:C-0276",
        "kubescape:C-0195",
        "kubescape:C-0215",
        "trivy:KSV-0008",
        "checkov:CKV_K8S_18",
        "checkov:CKV_K8S_3",
        "kyverno:disallow-host-namespaces",
        "pss:hostNamespaces",
    ],
    references: &["CIS 5.2.4", "NSA/CISA"],
    touches: &["{pod}/hostIPC"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if !pod.flag("hostIPC") {
        return;
    }
    let fix = Fix::unsafe_because(
        "programs that share memory with the node (some databases, GPU stacks) fail; an emptyDir with medium Memory shares it within the pod",
    )
    .remove(pod.path(&["hostIPC"]));
    cx.report(pod.site(&["hostIPC"]), "pod shares the host's IPC namespace", fix);
}
