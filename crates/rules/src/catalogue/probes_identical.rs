//! # What it finds
//!
//! A regular or init container whose `livenessProbe` and `readinessProbe` ask the same: the same
//! path and port, the same TCP port, the same gRPC port and service, or the same command. Pairs
//! pass in which liveness waits longer before it gives up (`failureThreshold` times
//! `periodSeconds`). Jobs and CronJobs are exempt.
//!
//! # Why it matters
//!
//! A pod that is busy should get fewer requests and recover. With one question for both it is
//! restarted instead, and its load falls on the others.
//!
//! # What the fix changes
//!
//! Nothing by itself: what liveness should ask, or how long it may wait, is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-score compares the questions only. Kyverno asks for any difference at all.

use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "probes-identical",
    title: "Liveness and readiness ask the same",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-score:pod-probes-identical", "kyverno:validate-probes"],
    references: &[],
    touches: &["{container}/livenessProbe/**", "{container}/readinessProbe/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role == Role::Ephemeral || matches!(cx.object.kind, "Job" | "CronJob") {
        return;
    }
    let (liveness, readiness) =
        (container.node.get("livenessProbe"), container.node.get("readinessProbe"));
    let (Some(liveness), Some(readiness)) = (liveness, readiness) else { return };
    if !asks_the_same(liveness, readiness, container) || patience(liveness) > patience(readiness) {
        return;
    }
    cx.report(
        container.site(pod, &["livenessProbe"]),
        format!("liveness and readiness of {} ask the same", container.label()),
        "needs a request that fails only when a restart would help, or a higher failureThreshold \
         for liveness",
    );
}

fn asks_the_same(one: Node<'_>, other: Node<'_>, container: &Container<'_>) -> bool {
    let both = |action: &str| Some((handler(one, action)?, handler(other, action)?));
    let same_port = |(a, b): (Node<'_>, Node<'_>)| port(a, container) == port(b, container);
    let same_text = |(a, b): (Node<'_>, Node<'_>), key: &str, default: &str| {
        let text = |handler: Node<'_>| {
            let written = handler.get(key).and_then(Node::as_str);
            written.filter(|text| !text.is_empty()).unwrap_or(default).to_owned()
        };
        text(a) == text(b)
    };
    both("httpGet").is_some_and(|pair| same_port(pair) && same_text(pair, "path", "/"))
        || both("tcpSocket").is_some_and(same_port)
        || both("grpc").is_some_and(|pair| same_port(pair) && same_text(pair, "service", ""))
        || both("exec").is_some_and(|(a, b)| command(a) == command(b))
}

fn handler<'a>(probe: Node<'a>, action: &str) -> Option<Node<'a>> {
    probe.get(action).filter(|handler| handler.is_map())
}

/// The number of a handler's port, also where it is given by name or as a string.
fn port(handler: Node<'_>, container: &Container<'_>) -> String {
    let written = handler.get("port").and_then(Node::scalar).unwrap_or("");
    let has_name = |port: &Node<'_>| port.get("name").and_then(Node::as_str) == Some(written);
    let named = container.ports().map(|(_, port)| port).find(has_name);
    let number = named.and_then(|port| port.get("containerPort")).and_then(Node::scalar);
    number.unwrap_or(written).to_owned()
}

fn command(handler: Node<'_>) -> Vec<&str> {
    handler.get("command").into_iter().flat_map(Node::items).filter_map(Node::scalar).collect()
}

/// Seconds of failure that a probe puts up with.
fn patience(probe: Node<'_>) -> i64 {
    let number = |key: &str, default: i64| {
        probe.get(key).and_then(Node::as_i64).filter(|number| *number > 0).unwrap_or(default)
    };
    number("failureThreshold", 3).saturating_mul(number("periodSeconds", 10))
}
