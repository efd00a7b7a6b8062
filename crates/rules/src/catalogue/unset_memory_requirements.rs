//! # What it finds
//!
//! A container whose `resources.limits.memory` is missing or zero. Memory requests do not matter
//! here. Ephemeral containers are reported too, though they cannot carry resources.
//!
//! # Why it matters
//!
//! A container without a limit that leaks memory takes its neighbours down with it.
//!
//! # What the fix changes
//!
//! The limit from `values`, if it is not below the request. Without one there is no fix.
//!
//! # What it may break
//!
//! A container that needs more than its limit is killed.
//!
//! # Other tools
//!
//! Polaris and Trivy accept a limit of zero.

use crate::common::{Amount, check_amount};
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "unset-memory-requirements",
    title: "Memory limit is missing or zero",
    severity: Severity::High,
    default: true,
    policy_id: Some("set_requests_limits"),
    aliases: &[
        "kube-linter:unset-memory-requirements",
        "polaris:memoryLimitsMissing",
        "kubescape:C-0271",
        "kubescape:C-0004",
        "kubescape:C-0009",
        "trivy:KSV-0018",
        "checkov:CKV_K8S_13",
        "kube-score:container-resources",
        "kyverno:require-requests-limits",
    ],
    references: &["NSA/CISA"],
    touches: &["{container}/resources/limits/memory"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const AMOUNT: Amount = Amount { list: "limits", resource: "memory", zero_counts: true };

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    check_amount(&AMOUNT, pod, container, cx);
}
