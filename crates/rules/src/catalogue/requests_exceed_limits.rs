//! # What it finds
//!
//! A container that requests more cpu, memory or ephemeral-storage than its limit allows. Amounts
//! are compared by value: `1Gi` is more than `1000Mi`.
//!
//! # Why it matters
//!
//! The API server refuses such objects.
//!
//! # What the fix changes
//!
//! Nothing by itself: either of the two numbers may be the wrong one.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::quantity::Quantity;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "requests-exceed-limits",
    title: "Request is larger than its limit",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("set_requests_limits"),
    aliases: &[],
    references: &["Kubernetes API validation"],
    touches: &["{container}/resources/requests/*", "{container}/resources/limits/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for resource in ["cpu", "memory", "ephemeral-storage"] {
        let node = |list: &str| container.node.at(&["resources", list, resource]);
        let (Some(request), Some(limit)) = (node("requests"), node("limits")) else { continue };
        let quantities = (Quantity::of(request), Quantity::of(limit));
        if let (Some(requested), Some(allowed)) = quantities
            && requested > allowed
        {
            let text = |node: manifest::Node<'_>| node.scalar().unwrap_or("").to_owned();
            let label = container.label();
            cx.report(
                container.site(pod, &["resources", "requests", resource]),
                format!(
                    "{label} requests {} {resource}, but its limit is {}",
                    text(request),
                    text(limit)
                ),
                "needs to know which is right: lower the request or raise the limit",
            );
        }
    }
}
