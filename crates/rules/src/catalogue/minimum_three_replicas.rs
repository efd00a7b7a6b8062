//! # What it finds
//!
//! A workload with fewer replicas than `minReplicas` (3); a number that is not written counts as 1.
//! Workloads pass that an autoscaler scales (see `hpa-minimum-three-replicas`), and those with
//! `replicas: 0`, which are switched off.
//!
//! # Why it matters
//!
//! One replica is gone with its node or its update. With two, an outage during an update takes the
//! service down.
//!
//! # What the fix changes
//!
//! `replicas` becomes the minimum. There is no fix where the replicas could all land on one node,
//! which `no-anti-affinity` reports, nor for one replica without a disruption budget, nor for
//! workloads other than StatefulSets that share a volume claim.
//!
//! # What it may break
//!
//! Programs that may run only once (schedulers, migrations, anything with a local state) do their
//! work several times. More pods cost more.
//!
//! # Other tools
//!
//! Polaris, kube-score and Kyverno ask for two replicas of Deployments; kube-score only where a
//! Service selects them and no autoscaler scales them. kube-linter also reports workloads that are
//! switched off or autoscaled.

use crate::common::{has_replicas, is_autoscaled, is_kept_apart, volumes_from};
use crate::{Check, Context, DefaultValue, Fix, Object, Parameter, Remedy, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "minimum-three-replicas",
    title: "Too few replicas",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:minimum-three-replicas",
        "polaris:deploymentMissingReplicas",
        "kube-score:deployment-replicas",
        "kyverno:deployment-has-multiple-replicas",
    ],
    references: &[],
    touches: &["spec/replicas"],
    removes: &[],
    parameters: &[MIN_REPLICAS],
    scope: Scope::Set,
    check: Check::Object(check),
};

const MIN_REPLICAS: Parameter = Parameter {
    name: "minReplicas",
    meaning: "the fewest replicas that are enough",
    default: DefaultValue::Integer(3),
};

const KEYS: [&str; 2] = ["spec", "replicas"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !has_replicas(object) {
        return;
    }
    let written = object.at(&KEYS).filter(|replicas| !replicas.is_null());
    let Some(replicas) = written.map_or(Some(1), Node::as_i64) else { return };
    let minimum = cx.integer(&MIN_REPLICAS);
    if replicas >= minimum || replicas == 0 || is_autoscaled(object, cx) {
        return;
    }
    let message = match written {
        Some(_) => format!("{} has {replicas} of at least {minimum} replicas", object.kind),
        None => {
            format!("{} has 1 of at least {minimum} replicas, for want of a number", object.kind)
        }
    };
    let site = object.site(&KEYS);
    let remedy = match obstacle(object, replicas, cx) {
        Some(obstacle) => Remedy::from(obstacle),
        None => Fix::unsafe_because("programs that may run only once do their work several times")
            .set(site.path.clone(), Written::rule(minimum))
            .into(),
    };
    cx.report(site, message, remedy);
}

/// What must be known or done before there are more replicas.
fn obstacle(object: &Object<'_>, replicas: i64, cx: &Context<'_, '_>) -> Option<&'static str> {
    let Some(pod) = &object.pod else { return Some("needs a pod template") };
    if object.kind != "StatefulSet" && volumes_from(pod, "persistentVolumeClaim").next().is_some() {
        return Some("needs to know whether several replicas can share the volume claim");
    }
    if replicas >= 2 {
        return None;
    }
    if !is_kept_apart(pod, object, "kubernetes.io/hostname") {
        return Some(
            "needs an anti-affinity that keeps replicas on different nodes, and to know whether \
             the program may run several times",
        );
    }
    cx.set.selecting(object, "policy", "PodDisruptionBudget").is_empty().then_some(
        "needs a disruption budget for several replicas, and to know whether the program may run \
         several times",
    )
}
