//! # What it finds
//!
//! A mount with `mountPropagation: Bidirectional` in a container that is not privileged.
//!
//! # Why it matters
//!
//! Mounts made in such a container appear on the node, so the API server refuses it unless the
//! container is privileged.
//!
//! # What the fix changes
//!
//! Nothing by itself: whether the mounts must reach the node is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Container, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "mount-propagation-invalid",
    title: "Bidirectional mounts without privileged",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[],
    references: &["Kubernetes API validation"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.security_field("privileged").and_then(Node::as_bool) == Some(true) {
        return;
    }
    for (index, mount) in container.volume_mounts() {
        if mount.get("mountPropagation").and_then(Node::as_str) == Some("Bidirectional") {
            let name = mount.get("name").and_then(Node::as_str).unwrap_or("");
            cx.report(
                container.item_site(pod, &["volumeMounts"], index, &["mountPropagation"]),
                format!("{} mounts \"{name}\" in both directions unprivileged", container.label()),
                "needs to know whether the node must see the mounts: if not, use HostToContainer \
                 or leave mountPropagation out",
            );
        }
    }
}
