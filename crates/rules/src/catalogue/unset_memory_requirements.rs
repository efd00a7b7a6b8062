//! # What it finds
//!
//! A container whose `resources.limits.memory` is missing or zero. Memory requests do not matter
//! here, unless `requirementsType` says so; other bounds than zero can be set. Ephemeral containers
//! are reported too, though they cannot carry resources.
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

use crate::common::{Amount, Bounds, check_bounds};
use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "unset-memory-requirements",
    title: "Memory limit is missing or zero",
    severity: Severity::High,
    default: true,
    taste: false,
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
    touches: &["{container}/resources/requests/memory", "{container}/resources/limits/memory"],
    removes: &[],
    parameters: &[TYPE, LOWER, UPPER],
    scope: Scope::Object,
    check: Check::Container(check),
};

const TYPE: Parameter = Parameter {
    name: "requirementsType",
    meaning: "what is judged: request, limit, or any for both",
    default: DefaultValue::Text("limit"),
};

const LOWER: Parameter = Parameter {
    name: "lowerBoundMB",
    meaning: "mebibytes from which on amounts are reported; a missing amount is nought",
    default: DefaultValue::Integer(0),
};

const UPPER: Parameter = Parameter {
    name: "upperBoundMB",
    meaning: "mebibytes up to which amounts are reported",
    default: DefaultValue::Integer(0),
};

/// In units of 10⁻⁹.
const BYTE: i128 = 1_000_000_000;
const MEBI: i128 = 1024 * 1024;

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let (lower, upper) = (cx.integer(&LOWER), cx.integer(&UPPER));
    let bounds =
        Bounds { unit: BYTE, lower: i128::from(lower) * MEBI, upper: i128::from(upper) * MEBI };
    let lists: &[&'static str] = match cx.text(&TYPE) {
        "request" => &["requests"],
        "any" => &["requests", "limits"],
        _ => &["limits"],
    };
    for list in lists {
        let amount = Amount { list, resource: "memory", zero_counts: true };
        check_bounds(&amount, Some(bounds), pod, container, cx);
    }
}
