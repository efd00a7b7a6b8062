//! # What it finds
//!
//! A container port 22 over TCP. Regular, init and ephemeral containers.
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

use crate::{Check, Container, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ssh-port",
    title: "Container declares the SSH port",
    severity: Severity::Medium,
    default: true,
    policy_id: Some("ssh_port"),
    aliases: &["kube-linter:ssh-port", "kubescape:C-0042"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for (index, port) in container.ports() {
        let protocol = port.get("protocol").and_then(Node::as_str).unwrap_or("");
        let is_ssh = port.get("containerPort").and_then(Node::as_i64) == Some(22);
        if is_ssh && (protocol.is_empty() || protocol.contains("TCP")) {
            cx.report(
                container.item_site(pod, &["ports"], index, &["containerPort"]),
                format!("{} declares the SSH port 22", container.label()),
                "needs a change of the image or command: remove the SSH daemon and use \
                 `kubectl exec`, or move a service that must stay to another port",
            );
        }
    }
}
