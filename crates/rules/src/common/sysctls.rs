//! Kernel settings of a pod.

use crate::Pod;
use crate::pod_security::Edition;
use manifest::Node;

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

/// Whether the Pod Security Standards of this edition list the sysctl as safe.
pub(crate) fn is_safe_sysctl(name: &str, edition: Edition) -> bool {
    SAFE.iter().any(|(safe, minor)| *safe == name && edition.since(*minor))
}

/// The sysctls of a pod that have a name, with their indexes.
pub(crate) fn sysctls<'a>(pod: &Pod<'a>) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
    let list = pod.security_field("sysctls").filter(|list| list.is_seq());
    list.into_iter()
        .flat_map(Node::items)
        .enumerate()
        .filter_map(|(index, sysctl)| Some((index, sysctl.get("name").and_then(Node::as_str)?)))
}
