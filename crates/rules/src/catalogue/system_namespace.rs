//! # What it finds
//!
//! A workload in the namespace `kube-system`, unless it is a part of the control plane: its pods
//! have the priority class `system-node-critical` and the labels `tier: control-plane` and
//! `component`, one of `kube-apiserver`, `etcd`, `kube-controller-manager` and `kube-scheduler`.
//!
//! # Why it matters
//!
//! Who may change something in `kube-system` can most often take over the cluster. Workloads of
//! others have no business there.
//!
//! # What the fix changes
//!
//! Nothing by itself: in another namespace it is another object, and what it refers to must go with
//! it.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::priority_class;
use crate::{Check, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "system-namespace",
    title: "Workload is in kube-system",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0037"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const COMPONENTS: [&str; 4] =
    ["kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if cx.object.namespace != Some("kube-system") || is_control_plane(pod) {
        return;
    }
    let advice = "needs a namespace of its own, together with what it refers to, unless it serves \
                  the cluster itself";
    let site = cx.object.site(&["metadata", "namespace"]);
    cx.report(site, format!("{} is in kube-system", cx.object.kind), advice);
}

fn is_control_plane(pod: &Pod<'_>) -> bool {
    let label = |key: &str| pod.labels().and_then(|labels| labels.get(key)).and_then(Node::as_str);
    label("tier") == Some("control-plane")
        && priority_class(pod) == Some("system-node-critical")
        && label("component").is_some_and(|component| COMPONENTS.contains(&component))
}
