//! # What it finds
//!
//! A workload with two replicas or more (`minReplicas`), unless a term of `podAntiAffinity`,
//! preferred or required, keeps its own pods apart by `kubernetes.io/hostname` (`topologyKey`).
//! Terms that do not are reported one by one. Topology spread constraints do not count.
//!
//! # Why it matters
//!
//! When all replicas are on one node, the loss of that node is the loss of the service.
//!
//! # What the fix changes
//!
//! A preferred term of weight 100 with the workload's own `matchLabels` is added. It is never a
//! required one, which could leave replicas unscheduled.
//!
//! # What it may break
//!
//! Nothing: a preferred term does not keep a pod from being scheduled. Placement changes.

use crate::common::{
    ANTI_AFFINITY, PREFERRED, anti_affinity_terms, is_kept_apart, selector_labels,
};
use crate::selector::Selector;
use crate::{
    Check, Context, DefaultValue, Fix, Object, Parameter, Pod, Remedy, Rule, Scope, Written,
};
use manifest::Node;
use record::Severity;
use serde_json::json;

pub(crate) static RULE: Rule = Rule {
    id: "no-anti-affinity",
    title: "Replicas may land on one node",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("no_anti_affinity"),
    aliases: &[
        "kube-linter:no-anti-affinity",
        "kube-score:deployment-has-host-podantiaffinity",
        "kube-score:statefulset-has-host-podantiaffinity",
        "kyverno:insert-pod-antiaffinity",
    ],
    references: &[],
    touches: &["{pod}/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/**"],
    removes: &[],
    parameters: &[MIN_REPLICAS, TOPOLOGY_KEY],
    scope: Scope::Object,
    check: Check::Object(check),
};

const MIN_REPLICAS: Parameter = Parameter {
    name: "minReplicas",
    meaning: "the number of replicas from which on they must be kept apart",
    default: DefaultValue::Integer(2),
};

const TOPOLOGY_KEY: Parameter = Parameter {
    name: "topologyKey",
    meaning: "the label of nodes by which they must be kept apart",
    default: DefaultValue::Text("kubernetes.io/hostname"),
};

const REPLICATED: [&str; 6] = [
    "Deployment",
    "StatefulSet",
    "ReplicaSet",
    "ReplicationController",
    "DeploymentConfig",
    "Rollout",
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let replicas = object.at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
    if replicas < cx.integer(&MIN_REPLICAS) || !REPLICATED.contains(&object.kind) {
        return;
    }
    let message = format!("nothing keeps the {replicas} replicas on different nodes");
    let Some(pod) = &object.pod else {
        // The oldest kinds may lack a template; in the others it is there, and empty.
        if object.group() == "apps" {
            cx.report(object.site(&["spec", "template"]), message, "needs a pod template");
        }
        return;
    };
    let topology = cx.text(&TOPOLOGY_KEY);
    if is_kept_apart(pod, object, topology) {
        return;
    }
    let terms = anti_affinity_terms(pod);
    let remedy = preferred_term(pod, object, topology);
    if terms.is_empty() {
        return cx.report(pod.site(&ANTI_AFFINITY), message, remedy);
    }
    for (site, _) in terms {
        cx.report(site, "anti-affinity term does not keep the replicas apart", remedy.clone());
    }
}

fn preferred_term(pod: &Pod<'_>, object: &Object<'_>, topology: &str) -> Remedy {
    let own = selector_labels(object).filter(|(labels, _)| {
        Selector::from_labels(*labels).is_ok_and(|selector| selector.matches(pod.labels()))
    });
    let Some((labels, place)) = own else {
        return "needs labels that tell the workload's pods from others".into();
    };
    let term = json!({
        "weight": 100,
        "podAffinityTerm": {
            "labelSelector": { "matchLabels": labels.to_json() },
            "topologyKey": topology,
        },
    });
    let list = pod.path(&[ANTI_AFFINITY[0], ANTI_AFFINITY[1], PREFERRED]);
    Fix::safe().append(list, Written::manifest(term, place), &[]).into()
}
