//! # What it finds
//!
//! An entry of `capabilities.add` outside the set that container runtimes grant by default:
//! AUDIT_WRITE, CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, MKNOD, NET_BIND_SERVICE, SETFCAP, SETGID,
//! SETPCAP, SETUID, SYS_CHROOT. Names are compared exactly, as the API server does.
//!
//! # Why it matters
//!
//! Capabilities beyond the default set reach the kernel, the network or the devices of the node.
//!
//! # What the fix changes
//!
//! The entry goes from `add`; an emptied list goes with it.
//!
//! # What it may break
//!
//! The workload loses a kernel right that it asks for.

use crate::common::report_added;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "disallowed-capabilities",
    title: "Capability outside the default set is added",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &["kyverno:disallow-capabilities", "pss:capabilities_baseline"],
    references: &["PSS baseline"],
    touches: &["{container}/securityContext/capabilities/add/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

/// Source: `k8s.io/pod-security-admission/policy`, `capabilities_baseline`.
const ALLOWED: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    report_added(pod, container, cx, |entry| !ALLOWED.contains(&entry));
}
