//! # What it finds
//!
//! A probe or lifecycle hook whose `httpGet` or `tcpSocket` names a `host`.
//!
//! # Why it matters
//!
//! The kubelet sends the request from the node. With a host of the author's choice it becomes a way
//! to reach addresses that the pod itself cannot (v1.34 made it a control of the baseline standard).
//!
//! # What the fix changes
//!
//! `host` goes; the kubelet then uses the pod's address.
//!
//! # What it may break
//!
//! Probes that aim at another address change their meaning. For a virtual host use the header `Host`
//! in `httpHeaders`.

use crate::{Check, Container, Context, Fix, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "host-probe-lifecycle",
    title: "Probe or lifecycle hook names a host",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["pss:hostProbesAndHostLifecycle"],
    references: &["PSS baseline"],
    touches: &[
        "{container}/livenessProbe/*/host",
        "{container}/readinessProbe/*/host",
        "{container}/startupProbe/*/host",
        "{container}/lifecycle/*/*/host",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

/// Every handler that may name a host.
const HANDLERS: [&[&str]; 5] = [
    &["livenessProbe"],
    &["readinessProbe"],
    &["startupProbe"],
    &["lifecycle", "postStart"],
    &["lifecycle", "preStop"],
];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for handler in HANDLERS {
        for action in ["httpGet", "tcpSocket"] {
            let keys = [handler, &[action, "host"]].concat();
            let host = container.node.at(&keys).and_then(Node::as_str);
            let Some(host) = host.filter(|host| !host.is_empty()) else { continue };
            let site = container.site(pod, &keys);
            let fix = Fix::unsafe_because("a probe aimed at another address changes its meaning")
                .remove(site.path.clone());
            let message =
                format!("{} of {} names the host {host}", handler.join("."), container.label());
            cx.report(site, message, fix);
        }
    }
}
