//! # What it finds
//!
//! A volume of a Secret that is among the manifests of the same namespace. For information: it
//! shows which workloads hold which credentials.
//!
//! # Why it matters
//!
//! Whoever breaks into the workload can read the Secret.
//!
//! # What the fix changes
//!
//! Nothing by itself: the volume is no fault. The finding is there to be looked at.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape also suggests to delete the volume.

use crate::common::volumes_from;
use crate::{Check, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "workload-mounted-secrets",
    title: "Workload mounts a Secret",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0255"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

const ADVICE: &str = "needs a look: does the program use every key of the Secret? `items` mounts \
                      single keys";

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, volume, source) in volumes_from(pod, "secret") {
        let name = source.get("secretName").and_then(Node::as_str).unwrap_or("");
        if cx.set.named(cx.object, "", "Secret", name).is_empty() {
            continue;
        }
        cx.report(
            pod.item_site(&["volumes"], index, &["secret", "secretName"]),
            format!("volume \"{volume}\" gives the pod the Secret \"{name}\""),
            ADVICE,
        );
    }
}
