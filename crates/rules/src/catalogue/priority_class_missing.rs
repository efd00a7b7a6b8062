//! # What it finds
//!
//! A pod without `priorityClassName`, or with a blank one.
//!
//! # Why it matters
//!
//! When nodes run short, the scheduler makes room by priority. A pod that has none gets the
//! cluster's default, most often nought, and yields to every pod with more.
//!
//! # What the fix changes
//!
//! Nothing by itself: the class must exist in the cluster, and which one the workload deserves is
//! not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Polaris and Kyverno write a class of their own; where it does not exist, the API server refuses
//! the pods.

use crate::common::priority_class;
use crate::{Check, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "priority-class-missing",
    title: "Pod has no priority class",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:priorityClassNotSet",
        "kyverno:require-pod-priorityclassname",
        "kyverno:add-pod-priorityclassname",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if priority_class(pod).is_some() {
        return;
    }
    let advice = "needs a PriorityClass that exists in the cluster and that the workload deserves";
    cx.report(pod.site(&["priorityClassName"]), "pod has no priority class", advice);
}
