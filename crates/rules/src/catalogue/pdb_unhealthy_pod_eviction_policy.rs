//! # What it finds
//!
//! A PodDisruptionBudget of policy/v1 without `unhealthyPodEvictionPolicy`.
//!
//! # Why it matters
//!
//! By default, pods that never become ready block the drain of their node once the budget is used
//! up. The field says so, or says otherwise.
//!
//! # What the fix changes
//!
//! `unhealthyPodEvictionPolicy: IfHealthyBudget`, which is the default: nothing changes but that
//! the choice is visible. `AlwaysAllow` would unblock drains, and may evict members of a quorum
//! that are about to recover.
//!
//! # What it may break
//!
//! Nothing: the fix is safe. The field needs Kubernetes 1.26 or later.

use crate::{Check, Context, Fix, Object, Rule, Scope, Written};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "pdb-unhealthy-pod-eviction-policy",
    title: "Eviction of unhealthy pods is left open",
    severity: Severity::Low,
    default: true,
    taste: false,
    policy_id: Some("pdb_unhealthy_eviction_policy"),
    aliases: &["kube-linter:pdb-unhealthy-pod-eviction-policy"],
    references: &[],
    touches: &["spec/unhealthyPodEvictionPolicy"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "unhealthyPodEvictionPolicy"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let is_budget = object.api_version == "policy/v1" && object.kind == "PodDisruptionBudget";
    if !is_budget || object.at(&KEYS).is_some_and(|policy| !policy.is_null()) {
        return;
    }
    let site = object.site(&KEYS);
    let default = Written::server_default("IfHealthyBudget", "policy/v1 PodDisruptionBudget");
    let fix = Fix::safe().set(site.path.clone(), default);
    cx.report(site, "budget does not say whether unhealthy pods may be evicted", fix);
}
