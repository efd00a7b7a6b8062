//! # What it finds
//!
//! A volume of a ConfigMap that is among the manifests of the same namespace. For information: it
//! shows which workloads depend on which settings.
//!
//! # Why it matters
//!
//! Whoever may change the ConfigMap changes what the workload does.
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
    id: "workload-mounted-configmap",
    title: "Workload mounts a ConfigMap",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0258"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

const ADVICE: &str = "needs a look: who may change the ConfigMap, and what can the program be \
                      made to do by it?";

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, volume, source) in volumes_from(pod, "configMap") {
        let name = source.get("name").and_then(Node::as_str).unwrap_or("");
        if cx.set.named(cx.object, "", "ConfigMap", name).is_empty() {
            continue;
        }
        cx.report(
            pod.item_site(&["volumes"], index, &["configMap", "name"]),
            format!("volume \"{volume}\" gives the pod the ConfigMap \"{name}\""),
            ADVICE,
        );
    }
}
