//! # What it finds
//!
//! A container port 22 (`port`) over TCP (`protocol`). Regular, init and ephemeral containers.
//!
//! # Why it matters
//!
//! A container that serves SSH has a second way in, with accounts and keys that the cluster knows
//! nothing of.
//!
//! # What the fix changes
//!
//! Nothing by itself: without the declaration the daemon would still listen.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape looks for Services with the target port 22 or 2222.

use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ssh-port",
    title: "Container declares the SSH port",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("ssh_port"),
    aliases: &["kube-linter:ssh-port", "kubescape:C-0042"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[PORT, PROTOCOL],
    scope: Scope::Object,
    check: Check::Container(check),
};

const PORT: Parameter = Parameter {
    name: "port",
    meaning: "the port that SSH is served on",
    default: DefaultValue::Integer(22),
};

const PROTOCOL: Parameter = Parameter {
    name: "protocol",
    meaning: "a regular expression of the protocols that count; a missing one is TCP",
    default: DefaultValue::Pattern("TCP"),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for (index, port) in container.ports() {
        let protocol = port.get("protocol").and_then(Node::as_str).filter(|text| !text.is_empty());
        let ssh = cx.integer(&PORT);
        let is_ssh = port.get("containerPort").and_then(Node::as_i64) == Some(ssh);
        if is_ssh && cx.matches(&PROTOCOL, protocol.unwrap_or("TCP")) {
            cx.report(
                container.item_site(pod, &["ports"], index, &["containerPort"]),
                format!("{} declares the SSH port {ssh}", container.label()),
                "needs a change of the image or command: remove the SSH daemon and use \
                 `kubectl exec`, or move a service that must stay to another port",
            );
        }
    }
}
