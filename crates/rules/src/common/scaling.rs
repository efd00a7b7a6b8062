//! How many pods a workload has, and the autoscalers that decide it.

use crate::{Context, Object};
use manifest::Node;

/// Whether workloads of this kind say how many pods they want.
pub(crate) fn has_replicas(workload: &Object<'_>) -> bool {
    matches!(
        workload.kind,
        "Deployment"
            | "StatefulSet"
            | "ReplicaSet"
            | "ReplicationController"
            | "DeploymentConfig"
            | "Rollout"
    )
}

/// Whether an autoscaler of the same namespace sets the replicas of this workload.
pub(crate) fn is_autoscaled(workload: &Object<'_>, cx: &Context<'_, '_>) -> bool {
    let same_group = |target: Node<'_>| {
        // A target without a version is taken for one of the workload's group.
        let version = target.get("apiVersion").and_then(Node::as_str);
        version.is_none_or(|version| {
            version.split_once('/').map_or("", |(group, _)| group) == workload.group()
        })
    };
    let scales = |scaler: &Object<'_>| {
        let is_scaler = scaler.is("autoscaling", "HorizontalPodAutoscaler")
            || scaler.is("keda.sh", "ScaledObject");
        is_scaler && scaler.at(&["spec", "scaleTargetRef"]).is_some_and(same_group)
    };
    cx.set.referring(workload, workload.kind, workload.name).into_iter().any(scales)
}

/// What an autoscaler aims at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// Empty for the core group.
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
}

/// The field of an autoscaler that names its target.
pub(crate) fn target_field(scaler: &Object<'_>) -> Option<&'static str> {
    match (scaler.kind, scaler.group()) {
        ("HorizontalPodAutoscaler", "autoscaling") => Some("scaleTargetRef"),
        ("ScaledObject", "keda.sh") => Some("scaleTargetRef"),
        ("VerticalPodAutoscaler", "autoscaling.k8s.io") => Some("targetRef"),
        _ => None,
    }
}

/// The target of an autoscaler that names one by kind and name.
pub(crate) fn scale_target<'a>(scaler: &Object<'a>) -> Option<Target<'a>> {
    let reference = scaler.at(&["spec", target_field(scaler)?])?;
    let text = |key: &str| reference.get(key).and_then(Node::as_str).unwrap_or("");
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    // KEDA scales a Deployment unless it is told otherwise.
    let kind = match (text("kind"), scaler.kind) {
        ("", "ScaledObject") => "Deployment",
        (kind, _) => kind,
    };
    let target = Target { group, kind, name: text("name") };
    (!target.kind.is_empty() && !target.name.is_empty()).then_some(target)
}
