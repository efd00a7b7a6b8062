//! # What it finds
//!
//! A regular or init container without `resources.limits.cpu`.
//!
//! # Why it matters
//!
//! One container can take all idle CPU of its node. Whether that is bad is contested: a limit also
//! slows a container down while CPU is idle.
//!
//! # What the fix changes
//!
//! The limit from `values`, if it is not below the request. Without one there is no fix.
//!
//! # What it may break
//!
//! A limit that is too low slows the container down.
//!
//! # Other tools
//!
//! Kyverno also has the opposite rule, which forbids CPU limits.

use crate::common::{Amount, check_amount};
use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "unset-cpu-limits",
    title: "CPU limit is missing",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: Some("set_requests_limits"),
    aliases: &[
        "polaris:cpuLimitsMissing",
        "kubescape:C-0270",
        "kubescape:C-0050",
        "kubescape:C-0009",
        "trivy:KSV-0011",
        "checkov:CKV_K8S_11",
        "kube-score:container-resources",
        "kyverno:require-cpu-limits",
    ],
    references: &["NSA/CISA"],
    touches: &["{container}/resources/limits/cpu"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const AMOUNT: Amount = Amount { list: "limits", resource: "cpu", zero_counts: false };

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role != Role::Ephemeral {
        check_amount(&AMOUNT, pod, container, cx);
    }
}
