//! # What it finds
//!
//! A regular or init container that nothing restricts: neither its own `securityContext` nor the
//! pod's has one of `runAsNonRoot: true`, a `runAsUser` or `runAsGroup` above 0,
//! `readOnlyRootFilesystem: true`, `allowPrivilegeEscalation: false`, `privileged: false`, dropped
//! capabilities, or a seccomp or AppArmor profile other than `Unconfined`. Pods declared for
//! Windows are exempt.
//!
//! # Why it matters
//!
//! The container runs with every right that the image and the runtime give by default.
//!
//! # What the fix changes
//!
//! `seccompProfile: {type: RuntimeDefault}` at pod level, or on the container where it sets a
//! profile itself. It is the restriction that breaks least; the other rules ask for the rest one by
//! one.
//!
//! # What it may break
//!
//! Programs that need a blocked system call (mount, bpf, keyctl) fail.
//!
//! # Other tools
//!
//! Checkov and Trivy accept any field, also one that adds rights, and Checkov asks for a context of
//! the pod as well. Kubescape bundles fifteen checks of single fields. Kyverno fills in user and
//! group ids of its own.

use crate::common::runtime_default_seccomp;
use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "security-context-missing",
    title: "No security context restricts the container",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0211",
        "trivy:KSV-0118",
        "checkov:CKV_K8S_29",
        "checkov:CKV_K8S_30",
        "kyverno:add-default-securitycontext",
        "kyverno:apply-pss-restricted-profile",
    ],
    references: &["CIS 5.7.3"],
    touches: &[
        "{pod}/securityContext/seccompProfile/**",
        "{container}/securityContext/seccompProfile/**",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const SECCOMP: [&str; 2] = ["securityContext", "seccompProfile"];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role == Role::Ephemeral || pod.is_windows() || is_restricted(pod, container) {
        return;
    }
    let own = container.security_field(SECCOMP[1]).map(|_| container);
    let message = format!("no security context restricts {}", container.label());
    let site = container.site(pod, &SECCOMP[..1]);
    cx.report(site, message, runtime_default_seccomp(pod, own));
}

fn is_restricted(pod: &Pod<'_>, container: &Container<'_>) -> bool {
    let field = |key: &str| container.effective_security_field(pod, key);
    let flag = |key: &str| field(key).and_then(Node::as_bool);
    let is_above_root = |key: &str| field(key).and_then(Node::as_i64).is_some_and(|id| id > 0);
    let is_confined = |key: &str| {
        let kind = field(key).and_then(|profile| profile.get("type")).and_then(Node::as_str);
        kind.is_some_and(|kind| kind != "Unconfined")
    };
    flag("runAsNonRoot") == Some(true)
        || flag("readOnlyRootFilesystem") == Some(true)
        || flag("allowPrivilegeEscalation") == Some(false)
        || flag("privileged") == Some(false)
        || is_above_root("runAsUser")
        || is_above_root("runAsGroup")
        || is_confined("seccompProfile")
        || is_confined("appArmorProfile")
        || container.capabilities("drop").next().is_some()
}
