//! # What it finds
//!
//! A regular or init container whose CPU or memory request is not equal to its limit, or that has
//! no limit. A request that is missing counts as equal to the limit, because the API server makes
//! it so. Amounts are compared by value.
//!
//! # Why it matters
//!
//! Only pods whose requests equal their limits, for CPU and memory alike, are of the class
//! Guaranteed. They are the last to be evicted when a node runs short.
//!
//! # What the fix changes
//!
//! Nothing by itself: to raise the request takes capacity from others, to lower the limit can stop
//! the container.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-score compares only; without request and limit it is content.

use crate::quantity::Quantity;
use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "requests-equal-limits",
    title: "Request differs from its limit",
    severity: Severity::Low,
    default: false,
    taste: true,
    policy_id: None,
    aliases: &[
        "kube-score:container-resource-requests-equal-limits",
        "kube-score:container-cpu-requests-equal-limits",
        "kube-score:container-memory-requests-equal-limits",
        "kyverno:require-qos-guaranteed",
        "kyverno:memory-requests-equal-limits",
    ],
    references: &[],
    touches: &["{container}/resources/requests/*", "{container}/resources/limits/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role == Role::Ephemeral {
        return;
    }
    for resource in ["cpu", "memory"] {
        let amount = |list: &str| {
            let node = container.node.at(&["resources", list, resource])?;
            Some((node, Quantity::of(node)?))
        };
        let text = |node: Node<'_>| node.scalar().unwrap_or("").to_owned();
        let label = container.label();
        let message = match (amount("requests"), amount("limits")) {
            (None, Some(_)) => continue,
            (Some((_, request)), Some((_, limit))) if request == limit => continue,
            (Some((request, _)), Some((limit, _))) => {
                let (request, limit) = (text(request), text(limit));
                format!("{label} requests {request} {resource}, and its limit is {limit}")
            }
            (_, None) => format!("{label} has no {resource} limit that its request could equal"),
        };
        // The request is the place in all cases: to add a limit makes no new finding.
        let site = container.site(pod, &["resources", "requests", resource]);
        cx.report(site, message, "needs to know what the container uses: make both the same");
    }
}
