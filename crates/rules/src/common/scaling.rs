//! How many pods a workload has, and who decides it.

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
