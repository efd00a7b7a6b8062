//! Disruption budgets, and how many pods they can count on.

use crate::{Fix, Object, Set, Written};
use manifest::Node;

/// Whether the object is a PodDisruptionBudget, in any version.
pub(crate) fn is_budget(object: &Object<'_>) -> bool {
    object.is("policy", "PodDisruptionBudget")
}

/// `minAvailable` or `maxUnavailable` of a budget; null counts as absent.
pub(crate) fn budget_field<'a>(budget: &Object<'a>, key: &str) -> Option<Node<'a>> {
    budget.at(&["spec", key]).filter(|value| !value.is_null())
}

/// `maxUnavailable: 1` in place of `minAvailable`.
pub(crate) fn allow_one_disruption(budget: &Object<'_>) -> Fix {
    let path = |key: &str| budget.site(&["spec", key]).path;
    let fix = Fix::unsafe_because(
        "one pod at a time may be evicted, which can cost a quorum or the only replica",
    );
    let fix = match budget_field(budget, "maxUnavailable") {
        Some(_) => fix,
        None => fix.set(path("maxUnavailable"), Written::rule(1)),
    };
    match budget_field(budget, "minAvailable") {
        Some(_) => fix.remove(path("minAvailable")),
        None => fix,
    }
}

/// The fewest pods that an autoscaler leaves of a workload; `None` without an autoscaler.
pub(crate) fn autoscaled_minimum(set: &Set<'_>, workload: &Object<'_>) -> Option<i64> {
    set.referring(workload, workload.kind, workload.name)
        .into_iter()
        .filter_map(|scaler| match scaler.kind {
            "HorizontalPodAutoscaler" => Some((scaler, "minReplicas")),
            "ScaledObject" => Some((scaler, "minReplicaCount")),
            _ => None,
        })
        .map(|(scaler, key)| {
            let written = scaler.at(&["spec", key]).and_then(Node::as_i64);
            written.unwrap_or(1).max(1)
        })
        .min()
}
