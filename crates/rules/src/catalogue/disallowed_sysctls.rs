//! # What it finds
//!
//! A sysctl in the pod's `securityContext.sysctls` that the Pod Security Standards do not list as
//! safe. The list grew with v1.27, v1.29 and v1.32.
//!
//! # Why it matters
//!
//! Sysctls outside the list are not confined to the pod, or can starve its neighbours.
//!
//! # What the fix changes
//!
//! The entry goes; an emptied list goes with it.
//!
//! # What it may break
//!
//! The kernel setting falls back to the node's default. The kubelet refuses such pods unless the
//! sysctl is allowed on the node, so a running pod shows that somebody allowed it.

use crate::common::{is_safe_sysctl, sysctls};
use crate::{Check, Context, Fix, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "disallowed-sysctls",
    title: "Sysctl outside the safe set",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("unsafe_sysctls"),
    aliases: &["kubescape:C-0211", "trivy:KSV-0026", "kyverno:restrict-sysctls", "pss:sysctls"],
    references: &["CIS 5.7.3"],
    touches: &["{pod}/securityContext/sysctls/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, name) in sysctls(pod) {
        if is_safe_sysctl(name, cx.settings.pod_security) {
            continue;
        }
        let keys = ["securityContext", "sysctls"];
        let fix = Fix::unsafe_because("the kernel setting falls back to the node's default")
            .remove_and_prune(pod.item_path(&keys, index, &[]));
        let site = pod.item_site(&keys, index, &["name"]);
        cx.report(site, format!("pod sets the sysctl {name}"), fix);
    }
}
