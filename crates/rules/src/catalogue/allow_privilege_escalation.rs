//! # What it finds
//!
//! A container whose `securityContext.allowPrivilegeEscalation` is not `false`. Leaving it out
//! counts, because the default is `true`. Pods declared for Windows are exempt: the field means
//! nothing there.
//!
//! # Why it matters
//!
//! Without the kernel's `no_new_privs` flag a process can gain rights that its parent did not
//! have, through a setuid binary for example.
//!
//! # What the fix changes
//!
//! `allowPrivilegeEscalation: false` on that container. The API server refuses it together with
//! `privileged: true` or the capability `SYS_ADMIN`; the fix is held back while one of them stays.
//!
//! # What it may break
//!
//! Programs that raise their rights through setuid or file capabilities (`sudo`, `su`, some
//! `ping`). Processes that already run with their final user and capabilities notice nothing.
//!
//! # Other tools
//!
//! Kubescape looks at regular containers only; Polaris, Trivy and Checkov leave out ephemeral
//! ones. The Pod Security Standards ask for it from v1.8 on.

use crate::common::escalation_off;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "allow-privilege-escalation",
    title: "Privilege escalation is not ruled out",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("no_allow_privilege_escalation"),
    aliases: &[
        "polaris:privilegeEscalationAllowed",
        "kubescape:C-0016",
        "kubescape:C-0197",
        "kubescape:C-0217",
        "trivy:KSV-0001",
        "checkov:CKV_K8S_20",
        "checkov:CKV_K8S_5",
        "kyverno:disallow-privilege-escalation",
        "pss:allowPrivilegeEscalation",
    ],
    references: &["CIS 5.2.6", "NSA/CISA"],
    touches: &["{container}/securityContext/allowPrivilegeEscalation"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let value = container.security_field("allowPrivilegeEscalation").and_then(Node::as_bool);
    let windows_exempt = pod.is_windows() && cx.settings.pod_security.since(25);
    if value == Some(false) || windows_exempt {
        return;
    }
    let keys = ["securityContext", "allowPrivilegeEscalation"];
    let message = match value {
        Some(_) => format!("{} allows privilege escalation", container.label()),
        None => format!("{} does not rule out privilege escalation", container.label()),
    };
    let fix = escalation_off(pod, container);
    cx.report(container.site(pod, &keys), message, fix);
}
