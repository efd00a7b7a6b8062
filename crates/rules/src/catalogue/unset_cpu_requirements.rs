//! # What it finds
//!
//! A container whose `resources.requests.cpu` is missing or zero. CPU limits do not matter here,
//! unless `requirementsType` says so; other bounds than zero can be set. Ephemeral containers are
//! reported too, though they cannot carry resources.
//!
//! # Why it matters
//!
//! The scheduler then packs the pod onto any node, and under load it gets what the others leave.
//!
//! # What the fix changes
//!
//! A missing request becomes equal to `limits.cpu` where that is written; the API server does the
//! same. Otherwise the request comes from `values`; without one there is no fix. A written zero
//! gives way only to `values`.
//!
//! # What it may break
//!
//! A request that is too low starves the container; one that is too high leaves the pod unscheduled
//! or exceeds a quota.
//!
//! # Other tools
//!
//! Polaris accepts a request of zero; Trivy accepts any that is written.

use crate::common::{Amount, Bounds, check_bounds};
use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "unset-cpu-requirements",
    title: "CPU request is missing or zero",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("set_requests_limits"),
    aliases: &[
        "kube-linter:unset-cpu-requirements",
        "polaris:cpuRequestsMissing",
        "kubescape:C-0268",
        "kubescape:C-0050",
        "trivy:KSV-0015",
        "checkov:CKV_K8S_10",
        "kube-score:container-resources",
        "kyverno:require-requests-limits",
        "kyverno:add-default-resources",
    ],
    references: &[],
    touches: &["{container}/resources/requests/cpu", "{container}/resources/limits/cpu"],
    removes: &[],
    parameters: &[TYPE, LOWER, UPPER],
    scope: Scope::Object,
    check: Check::Container(check),
};

const TYPE: Parameter = Parameter {
    name: "requirementsType",
    meaning: "what is judged: request, limit, or any for both",
    default: DefaultValue::Text("request"),
};

const LOWER: Parameter = Parameter {
    name: "lowerBoundMillis",
    meaning: "thousandths of a CPU from which on amounts are reported; a missing amount is nought",
    default: DefaultValue::Integer(0),
};

const UPPER: Parameter = Parameter {
    name: "upperBoundMillis",
    meaning: "thousandths of a CPU up to which amounts are reported",
    default: DefaultValue::Integer(0),
};

/// In units of 10⁻⁹.
const MILLI: i128 = 1_000_000;

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let (lower, upper) = (cx.integer(&LOWER), cx.integer(&UPPER));
    let bounds = Bounds { unit: MILLI, lower: lower.into(), upper: upper.into() };
    let lists: &[&'static str] = match cx.text(&TYPE) {
        "limit" => &["limits"],
        "any" => &["requests", "limits"],
        _ => &["requests"],
    };
    for list in lists {
        let amount = Amount { list, resource: "cpu", zero_counts: true };
        check_bounds(&amount, Some(bounds), pod, container, cx);
    }
}
