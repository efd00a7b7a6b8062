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

use crate::{Check, Context, Fix, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "disallowed-sysctls",
    title: "Sysctl outside the safe set",
    severity: Severity::Medium,
    default: true,
    policy_id: Some("unsafe_sysctls"),
    aliases: &["kubescape:C-0211", "trivy:KSV-0026", "kyverno:restrict-sysctls", "pss:sysctls"],
    references: &["CIS 5.7.3"],
    touches: &["{pod}/securityContext/sysctls/**"],
    removes: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

/// Safe sysctls and the minor version that made them so.
/// Source: `k8s.io/pod-security-admission/policy`, `sysctls`.
const SAFE: [(&str, u32); 12] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let edition = cx.settings.pod_security;
    let list = pod.security_field("sysctls").filter(|list| list.is_seq());
    for (index, sysctl) in list.into_iter().flat_map(Node::items).enumerate() {
        let Some(name) = sysctl.get("name").and_then(Node::as_str) else { continue };
        if SAFE.iter().any(|(safe, minor)| *safe == name && edition.since(*minor)) {
            continue;
        }
        let keys = ["securityContext", "sysctls"];
        let fix = Fix::unsafe_because("the kernel setting falls back to the node's default")
            .remove_and_prune(pod.item_path(&keys, index, &[]));
        let site = pod.item_site(&keys, index, &["name"]);
        cx.report(site, format!("pod sets the sysctl {name}"), fix);
    }
}
