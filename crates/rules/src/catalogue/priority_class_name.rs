//! # What it finds
//!
//! A pod whose `priorityClassName` is not among the accepted ones (`acceptedPriorityClassNames`). A
//! blank or missing name passes.
//!
//! # Why it matters
//!
//! A high priority lets a pod push others off their nodes. Classes that nobody agreed on make it
//! hard to say who wins.
//!
//! # What the fix changes
//!
//! Nothing by itself: which of the accepted classes suits the workload is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno takes the accepted classes from a ConfigMap, by namespace.

use crate::common::priority_class;
use crate::{Check, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "priority-class-name",
    title: "Priority class is not an accepted one",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:priority-class-name", "kyverno:allowed-podpriorities"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[ACCEPTED],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const ACCEPTED: Parameter = Parameter {
    name: "acceptedPriorityClassNames",
    meaning: "the priority classes that pods may use",
    default: DefaultValue::List(&["system-cluster-critical", "system-node-critical"]),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let Some(name) = priority_class(pod) else { return };
    if cx.list(&ACCEPTED).contains(&name) {
        return;
    }
    let message = format!("pod has the priority class \"{name}\", which is not an accepted one");
    let advice = "needs to know which of the accepted classes the workload deserves";
    cx.report(pod.site(&["priorityClassName"]), message, advice);
}
