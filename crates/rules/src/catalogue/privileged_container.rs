//! # What it finds
//!
//! A container with `securityContext.privileged: true`. Regular, init and ephemeral containers
//! are judged one by one.
//!
//! # Why it matters
//!
//! A privileged container has every capability, all devices of the node, and no seccomp or
//! AppArmor confinement. Whoever controls a process in it controls the node.
//!
//! # What the fix changes
//!
//! `privileged` becomes `false` on that container; nothing else is touched. The fix is held back
//! where a mount propagates in both directions: the API server allows that to privileged
//! containers only.
//!
//! # What it may break
//!
//! Node agents, CNI and CSI plugins and docker-in-docker lose their devices, mounts and
//! capabilities. Give them the few capabilities and host paths that they need instead.

use crate::common::unprivileged;
use crate::{Check, Container, Context, Fix, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "privileged-container",
    title: "Container runs privileged",
    severity: Severity::Critical,
    default: true,
    taste: false,
    policy_id: Some("no_privileged"),
    aliases: &[
        "kube-linter:privileged-container",
        "polaris:runAsPrivileged",
        "kubescape:C-0057",
        "kubescape:C-0193",
        "kubescape:C-0213",
        "trivy:KSV-0017",
        "checkov:CKV_K8S_16",
        "checkov:CKV_K8S_2",
        "kube-score:container-security-context-privileged",
        "kyverno:disallow-privileged-containers",
        "pss:privileged",
    ],
    references: &["CIS 5.2.2", "NSA/CISA"],
    touches: &["{container}/securityContext/privileged"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.security_field("privileged").and_then(Node::as_bool) != Some(true) {
        return;
    }
    let keys = ["securityContext", "privileged"];
    let fix = Fix::unsafe_because(
        "loses access to devices, mounts and kernel capabilities of the node, which node agents, \
         CNI and CSI plugins need",
    );
    let fix = unprivileged(fix, pod, container);
    cx.report(container.site(pod, &keys), format!("{} runs privileged", container.label()), fix);
}
