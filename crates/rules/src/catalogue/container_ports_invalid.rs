//! # What it finds
//!
//! A regular or init container with two ports of one name, a port name longer than 15 characters,
//! or a `containerPort` that is missing or 0.
//!
//! # Why it matters
//!
//! The API server refuses such objects.
//!
//! # What the fix changes
//!
//! Nothing by itself: which of two ports is meant, and which number, is not in the manifest. Names
//! that are too long: see `invalid-target-ports`, which may shorten them.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno asks for a name of every port.

use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "container-ports-invalid",
    title: "Container port is refused",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-score:container-ports-check", "kyverno:require-container-port-names"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role == Role::Ephemeral {
        return;
    }
    for (index, port) in container.ports() {
        let label = || container.label();
        let site = |key: &str| container.item_site(pod, &["ports"], index, &[key]);
        let name = name_of(port);
        if name.len() > 15 {
            let message = format!("port name \"{name}\" of {} is too long", label());
            let advice = "needs a name of at most 15 characters, here and wherever it is used";
            cx.report(site("name"), message, advice);
        }
        let is_same = |(at, other): &(usize, Node<'_>)| *at < index && name_of(*other) == name;
        if !name.is_empty() && container.ports().any(|earlier| is_same(&earlier)) {
            let message = format!("two ports of {} are named \"{name}\"", label());
            let advice = "needs a name of its own for each port, and to know which of them is \
                          meant where the name is used";
            cx.report(site("name"), message, advice);
        }
        let number = port.get("containerPort").filter(|number| !number.is_null());
        if number.is_none_or(|number| number.as_i64() == Some(0)) {
            let message = format!("a port of {} has no number", label());
            let advice = "needs the number of the port that the program listens on";
            cx.report(site("containerPort"), message, advice);
        }
    }
}

fn name_of<'a>(port: Node<'a>) -> &'a str {
    port.get("name").and_then(Node::as_str).unwrap_or("")
}
