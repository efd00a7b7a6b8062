//! # What it finds
//!
//! A Deployment, StatefulSet, ReplicaSet, ReplicationController, DeploymentConfig or Rollout whose
//! pods have no `topologySpreadConstraints`.
//!
//! # Why it matters
//!
//! All replicas can land in one zone, and go down with it. The scheduler's own default spreads pods
//! only weakly, and clusters can switch it off.
//!
//! # What the fix changes
//!
//! One constraint is added: `maxSkew: 1` over `topology.kubernetes.io/zone`, `ScheduleAnyway`, with
//! the workload's own selector.
//!
//! # What it may break
//!
//! Nothing: a constraint with `ScheduleAnyway` keeps no pod from being scheduled. Placement
//! changes, and the scheduler's default constraints no longer apply to these pods.
//!
//! # Other tools
//!
//! Polaris and Kyverno also ask it of DaemonSets, which run on every node anyway, and of Pods that
//! stand alone.

use crate::common::{has_replicas, own_selector};
use crate::{Check, Context, Fix, Pod, Remedy, Rule, Scope, Written};
use record::Severity;
use serde_json::json;

pub(crate) static RULE: Rule = Rule {
    id: "topology-spread-missing",
    title: "Nothing spreads the pods over zones",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:topologySpreadConstraint",
        "kyverno:topologyspreadconstraints-policy",
        "kyverno:spread-pods",
    ],
    references: &[],
    touches: &["{pod}/topologySpreadConstraints/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEY: &str = "topologySpreadConstraints";

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let list = pod.spec.get(KEY).filter(|list| !list.is_null());
    let is_spread = list.is_some_and(|list| !(list.is_seq() && list.is_empty()));
    if is_spread || !has_replicas(cx.object) {
        return;
    }
    let remedy = match own_selector(pod, cx.object) {
        Some(selector) => Fix::safe().append(pod.path(&[KEY]), constraint(selector), &[]).into(),
        None => Remedy::from("needs labels that tell the workload's pods from others"),
    };
    cx.report(pod.site(&[KEY]), "nothing spreads the pods over zones", remedy);
}

fn constraint(selector: Written) -> Written {
    let value = json!({
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": selector.value,
    });
    Written { value, ..selector }
}
