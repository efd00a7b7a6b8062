//! # What it finds
//!
//! A mount of a `hostPath` volume without `readOnly: true`, in a regular, init or ephemeral
//! container. One finding per mount.
//!
//! # Why it matters
//!
//! What the container writes there stays on the node. With the right directory it can change what
//! the node itself runs.
//!
//! # What the fix changes
//!
//! `readOnly: true` on the mount.
//!
//! # What it may break
//!
//! Programs that write logs, sockets or state to the node fail.

use crate::common::host_paths;
use crate::{Check, Context, Fix, Pod, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "writable-host-mount",
    title: "hostPath is mounted writable",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:writable-host-mount",
        "kubescape:C-0045",
        "kyverno:ensure-readonly-hostpath",
    ],
    references: &[],
    touches: &["{container}/volumeMounts/*/readOnly"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let volumes: Vec<(&str, &str)> =
        host_paths(pod).map(|(_, volume, path)| (volume, path)).collect();
    if volumes.is_empty() {
        return;
    }
    for container in &pod.containers {
        for (index, mount) in container.volume_mounts() {
            let name = mount.get("name").and_then(Node::as_str).unwrap_or("");
            let is_writable = mount.get("readOnly").and_then(Node::as_bool) != Some(true);
            let volume = volumes.iter().find(|(volume, _)| *volume == name);
            let Some((_, path)) = volume.filter(|_| is_writable) else { continue };
            let site = container.item_site(pod, &["volumeMounts"], index, &["readOnly"]);
            let fix = Fix::unsafe_because("programs that write logs, sockets or state there fail")
                .set(site.path.clone(), Written::rule(true));
            cx.report(site, format!("{} can write to {path} of the node", container.label()), fix);
        }
    }
}
