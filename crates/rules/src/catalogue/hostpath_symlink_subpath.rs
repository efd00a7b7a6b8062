//! # What it finds
//!
//! A mount with `subPath` or `subPathExpr`, while a Node among the manifests runs a kubelet with
//! the flaw: before 1.19.15, 1.20.11, 1.21.5 or 1.22.2. Without Nodes among the manifests nothing
//! is found.
//!
//! # Why it matters
//!
//! Such a kubelet can be made to follow a symbolic link out of the volume, which opens the node's
//! files to the container.
//!
//! # What the fix changes
//!
//! Nothing by itself: the kubelet is at fault, not the mount.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape asks the cluster for the versions of its nodes.

use crate::{Check, Context, Object, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "hostpath-symlink-subpath",
    title: "subPath on a node with CVE-2021-25741",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0058"],
    references: &["NSA/CISA"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let mut node = None;
    for container in &pod.containers {
        for (index, mount) in container.volume_mounts() {
            let is_set = |key: &&str| {
                mount.get(key).and_then(Node::as_str).is_some_and(|path| !path.is_empty())
            };
            let Some(key) = ["subPath", "subPathExpr"].into_iter().find(is_set) else { continue };
            let Some(name) = *node.get_or_insert_with(|| flawed_node(cx)) else { return };
            cx.report(
                container.item_site(pod, &["volumeMounts"], index, &[key]),
                format!(
                    "{} uses {key}, and the kubelet of node \"{name}\" lets it out of the volume",
                    container.label()
                ),
                "needs a newer kubelet on the nodes; until then, mount the volume without subPath",
            );
        }
    }
}

/// The name of a node whose kubelet has the flaw.
fn flawed_node<'s>(cx: &Context<'s, '_>) -> Option<&'s str> {
    let nodes = cx.set.of_kind_anywhere(cx.object, "", "Node");
    let version = |node: &Object<'_>| -> Option<(u32, u32)> {
        let text = node.at(&["status", "nodeInfo", "kubeletVersion"])?.as_str()?;
        let mut parts = text.strip_prefix("v1.")?.split(|c: char| !c.is_ascii_digit());
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    let is_flawed = |node: &&Object<'_>| {
        version(node).is_some_and(|(minor, patch)| match minor {
            0..=18 => true,
            19 => patch < 15,
            20 => patch < 11,
            21 => patch < 5,
            22 => patch < 2,
            _ => false,
        })
    };
    nodes.into_iter().find(is_flawed).map(|node| node.name)
}
