//! # What it finds
//!
//! A regular or init container without `resources.requests.memory`.
//!
//! # Why it matters
//!
//! The scheduler then places the pod without regard to memory, and it is among the first to be
//! evicted when a node runs short.
//!
//! # What the fix changes
//!
//! The request becomes equal to `limits.memory` where that is written; the API server does the
//! same. Otherwise it comes from `values`; without one there is no fix.
//!
//! # What it may break
//!
//! A request that is too low leads to eviction; one that is too high leaves the pod unscheduled or
//! exceeds a quota.

use crate::common::{Amount, check_amount};
use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "unset-memory-requests",
    title: "Memory request is missing",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("set_requests_limits"),
    aliases: &[
        "polaris:memoryRequestsMissing",
        "kubescape:C-0269",
        "kubescape:C-0004",
        "trivy:KSV-0016",
        "checkov:CKV_K8S_12",
        "kube-score:container-resources",
        "kyverno:require-requests-limits",
        "kyverno:add-default-resources",
    ],
    references: &[],
    touches: &["{container}/resources/requests/memory"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const AMOUNT: Amount = Amount { list: "requests", resource: "memory", zero_counts: false };

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role != Role::Ephemeral {
        check_amount(&AMOUNT, pod, container, cx);
    }
}
