//! # What it finds
//!
//! A container port with a `hostPort` other than nought. Regular, init and ephemeral containers.
//!
//! # Why it matters
//!
//! The port is open on the node's address, past Services and most network policies, and only one such
//! pod fits on a node.
//!
//! # What the fix changes
//!
//! `hostPort` goes from the port; the container port stays.
//!
//! # What it may break
//!
//! Clients that reach the pod through the node's address lose it. Use a Service instead.

use crate::{Check, Container, Context, Fix, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "host-ports",
    title: "Container binds a port of the node",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("no_host_ports"),
    aliases: &[
        "polaris:hostPortSet",
        "kubescape:C-0044",
        "kubescape:C-0204",
        "trivy:KSV-0024",
        "checkov:CKV_K8S_26",
        "kyverno:disallow-host-ports",
        "kyverno:disallow-host-ports-range",
        "pss:hostPorts",
    ],
    references: &["CIS 5.2.13", "NSA/CISA"],
    touches: &["{container}/ports/*/hostPort"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for (index, port) in container.ports() {
        let Some(number) = port.get("hostPort").and_then(Node::as_i64).filter(|n| *n != 0) else {
            continue;
        };
        let site = container.item_site(pod, &["ports"], index, &["hostPort"]);
        let fix = Fix::unsafe_because("clients that use the node's address lose the port")
            .remove(site.path.clone());
        cx.report(site, format!("{} binds port {number} of the node", container.label()), fix);
    }
}
