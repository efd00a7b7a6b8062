//! # What it finds
//!
//! A container port from 1 to 1023, and such a port that a probe asks but nobody declares. Regular,
//! init and ephemeral containers; one finding per port.
//!
//! # Why it matters
//!
//! To listen there takes root, the capability NET_BIND_SERVICE or a kernel setting; any of them is
//! more than a server needs.
//!
//! # What the fix changes
//!
//! Nothing by itself: the program itself has to listen on another port.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter and Trivy look at declared ports only.

use crate::{Check, Container, Context, Pod, Rule, Scope, Site};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "privileged-ports",
    title: "Container uses a port below 1024",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:privileged-ports", "trivy:KSV-0117"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for (index, port) in container.ports() {
        let number = port.get("containerPort").and_then(Node::as_i64);
        if let Some(number) = number.filter(|number| is_low(*number)) {
            let site = container.item_site(pod, &["ports"], index, &["containerPort"]);
            report(site, number, pod, container, cx);
        }
    }
    let mut seen: Vec<i64> = Vec::new();
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        for action in ["httpGet", "tcpSocket", "grpc"] {
            let keys = [probe, action, "port"];
            let number = container.node.at(&keys).and_then(Node::as_i64);
            let Some(number) = number.filter(|number| is_low(*number)) else { continue };
            if !seen.contains(&number) && !is_declared(container, number) {
                seen.push(number);
                report(container.site(pod, &keys), number, pod, container, cx);
            }
        }
    }
}

fn is_low(number: i64) -> bool {
    (1..1024).contains(&number)
}

fn is_declared(container: &Container<'_>, number: i64) -> bool {
    container.ports().any(|(_, port)| {
        let protocol = port.get("protocol").and_then(Node::as_str).unwrap_or("TCP");
        protocol == "TCP" && port.get("containerPort").and_then(Node::as_i64) == Some(number)
    })
}

/// The path is that of the list, so that a port which gets declared is no new finding.
fn report(
    site: Site,
    number: i64,
    pod: &Pod<'_>,
    container: &Container<'_>,
    cx: &mut Context<'_, '_>,
) {
    cx.report(
        Site { path: container.path(pod, &["ports"]), span: site.span },
        format!("{} uses port {number}", container.label()),
        "needs a change of the port that the program listens on, together with containerPort, \
         probes and the targetPort of its Services",
    );
}
