//! # What it finds
//!
//! An entry of `capabilities.add`, in any case and with or without `CAP_`, among: ALL, BPF,
//! MAC_ADMIN, MAC_OVERRIDE, NET_ADMIN, NET_RAW, PERFMON, SETPCAP, SYS_ADMIN, SYS_BOOT, SYS_MODULE,
//! SYS_PTRACE, SYS_RAWIO (`insecureCapabilities`).
//!
//! # Why it matters
//!
//! These reach past the container: into the kernel, the network of the node or other processes.
//!
//! # What the fix changes
//!
//! The entry goes from `add`; other entries stay.
//!
//! # What it may break
//!
//! Network plugins, VPNs, service meshes' init containers, tracers and eBPF agents need some of
//! them.
//!
//! # Other tools
//!
//! Polaris reports ALL, NET_ADMIN and SYS_ADMIN only, and removes the whole list.

use crate::common::{names_capability, report_added};
use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "dangerous-capabilities",
    title: "Capability that endangers the node is added",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &["polaris:dangerousCapabilities", "kubescape:C-0046"],
    references: &["NSA/CISA"],
    touches: &["{container}/securityContext/capabilities/add/**"],
    removes: &[],
    parameters: &[DANGEROUS],
    scope: Scope::Object,
    check: Check::Container(check),
};

const DANGEROUS: Parameter = Parameter {
    name: "insecureCapabilities",
    meaning: "capabilities that count, in upper case and without CAP_",
    default: DefaultValue::List(&[
        "ALL",
        "BPF",
        "MAC_ADMIN",
        "MAC_OVERRIDE",
        "NET_ADMIN",
        "NET_RAW",
        "PERFMON",
        "SETPCAP",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_MODULE",
        "SYS_PTRACE",
        "SYS_RAWIO",
    ]),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.capabilities("add").next().is_none() {
        return;
    }
    let dangerous = cx.list(&DANGEROUS);
    report_added(pod, container, cx, |entry| {
        let entry = entry.to_ascii_uppercase();
        dangerous.iter().any(|name| names_capability(&entry, name))
    });
}
