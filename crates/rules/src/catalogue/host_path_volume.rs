//! # What it finds
//!
//! A volume with `hostPath`, mounted or not.
//!
//! # Why it matters
//!
//! The pod reads, and unless the mount says otherwise writes, files of the node.
//!
//! # What the fix changes
//!
//! Nothing by itself. What to put in its place depends on what the files are for: a persistent volume
//! claim, a projected volume, a CSI driver, or nothing. An `emptyDir` would silently lose the data.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "host-path-volume",
    title: "hostPath volume",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("no_host_path"),
    aliases: &[
        "polaris:hostPathSet",
        "kubescape:C-0048",
        "kubescape:C-0203",
        "trivy:KSV-0023",
        "kyverno:disallow-host-path",
        "pss:hostPathVolumes",
    ],
    references: &["CIS 5.2.12"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, volume) in pod.volumes() {
        let Some(host_path) = volume.get("hostPath").filter(|source| !source.is_null()) else {
            continue;
        };
        let name = volume.get("name").and_then(Node::as_str).unwrap_or("");
        let path = host_path.get("path").and_then(Node::as_str).unwrap_or("");
        cx.report(
            pod.item_site(&["volumes"], index, &["hostPath"]),
            format!("volume \"{name}\" mounts {path} of the node"),
            "needs to know what the mount is for: replace it by a persistent volume claim, a \
             projected volume or a CSI volume, or remove it",
        );
    }
}
