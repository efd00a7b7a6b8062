//! # What it finds
//!
//! A volume of a persistent volume claim. For information: it shows where data outlives the pod.
//!
//! # Why it matters
//!
//! Whoever breaks into the workload can read and change the data, also for pods that come later.
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
    id: "workload-mounted-pvc",
    title: "Workload mounts a persistent volume claim",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0257"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const ADVICE: &str = "needs a look: does the program write the data, or would readOnly \
                      do?";

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, volume, source) in volumes_from(pod, "persistentVolumeClaim") {
        let name = source.get("claimName").and_then(Node::as_str).unwrap_or("");
        cx.report(
            pod.item_site(&["volumes"], index, &["persistentVolumeClaim", "claimName"]),
            format!("volume \"{volume}\" gives the pod the data of the claim \"{name}\""),
            ADVICE,
        );
    }
}
