//! # What it finds
//!
//! A pod without a seccomp profile: neither the pod nor some container sets `RuntimeDefault` or
//! `Localhost`, or one of them sets something else. Pods declared for Windows are exempt.
//!
//! # Why it matters
//!
//! Unless the kubelet is configured otherwise, no profile means no filter: every system call of the
//! kernel is open to the container.
//!
//! # What the fix changes
//!
//! `seccompProfile: {type: RuntimeDefault}` at pod level, for all containers that say nothing
//! themselves; a value that is not allowed is replaced where it stands.
//!
//! # What it may break
//!
//! Little: the runtime's default profile blocks some sixty rarely used calls. Sandboxes, some
//! debuggers and old performance tools need them.
//!
//! # Other tools
//!
//! Checkov accepts `RuntimeDefault` only; Trivy asks for it on each container.

use crate::common::{bad_seccomp, runtime_default_seccomp};
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "seccomp-profile-missing",
    title: "No seccomp profile is set",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("enforce_seccomp"),
    aliases: &[
        "kubescape:C-0210",
        "trivy:KSV-0030",
        "trivy:KSV-0104",
        "checkov:CKV_K8S_31",
        "checkov:CKV_K8S_32",
        "kube-score:container-seccomp-profile",
        "kyverno:restrict-seccomp-strict",
        "pss:seccompProfile_restricted",
    ],
    references: &["CIS 5.7.2"],
    touches: &[
        "{pod}/securityContext/seccompProfile/**",
        "{container}/securityContext/seccompProfile/**",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 2] = ["securityContext", "seccompProfile"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if pod.is_windows() && cx.settings.pod_security.since(25) {
        return;
    }
    let for_pod = || runtime_default_seccomp(pod, None);
    if let Some(kind) = bad_seccomp(pod.spec) {
        cx.report(pod.site(&KEYS), format!("pod sets seccomp to \"{kind}\""), for_pod());
    } else if pod.security_field(KEYS[1]).is_none() {
        let open = |c: &&Container<'_>| c.security_field(KEYS[1]).is_none();
        let names: Vec<String> = pod.containers.iter().filter(open).map(Container::label).collect();
        if !names.is_empty() {
            let message = format!("no seccomp profile for {}", names.join(", "));
            cx.report(pod.site(&KEYS), message, for_pod());
        }
    }
    for container in &pod.containers {
        if let Some(kind) = bad_seccomp(container.node) {
            let fix = runtime_default_seccomp(pod, Some(container));
            let message = format!("{} sets seccomp to \"{kind}\"", container.label());
            cx.report(container.site(pod, &KEYS), message, fix);
        }
    }
}
