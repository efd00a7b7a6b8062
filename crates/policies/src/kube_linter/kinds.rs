//! The names that kube-linter gives to kinds of objects.

use super::view::is_deployment_like;
use rules::Object;

/// Kinds that a check looks at.
pub(super) struct Kinds(Vec<Matcher>);

enum Matcher {
    Any,
    DeploymentLike,
    JobLike,
    /// These versions of one kind.
    Exact(&'static [&'static str], &'static str),
}

const AUTOSCALING: &[&str] =
    &["autoscaling/v1", "autoscaling/v2", "autoscaling/v2beta1", "autoscaling/v2beta2"];
const RBAC: &[&str] = &["rbac.authorization.k8s.io/v1"];
const NETWORKING: &[&str] = &["networking.k8s.io/v1"];
const APPS: &[&str] = &["apps/v1"];
const BATCH: &[&str] = &["batch/v1"];
const CORE: &[&str] = &["v1"];

/// Versions and kinds by name.
const EXACT: &[(&[&str], &str)] = &[
    (CORE, "Service"),
    (CORE, "ServiceAccount"),
    (CORE, "Pod"),
    (CORE, "ReplicationController"),
    (CORE, "PersistentVolumeClaim"),
    (CORE, "ConfigMap"),
    (CORE, "Secret"),
    (CORE, "Namespace"),
    (APPS, "Deployment"),
    (APPS, "DaemonSet"),
    (APPS, "StatefulSet"),
    (APPS, "ReplicaSet"),
    (BATCH, "Job"),
    (BATCH, "CronJob"),
    (NETWORKING, "Ingress"),
    (NETWORKING, "NetworkPolicy"),
    (RBAC, "Role"),
    (RBAC, "ClusterRole"),
    (RBAC, "RoleBinding"),
    (RBAC, "ClusterRoleBinding"),
    (&["policy/v1"], "PodDisruptionBudget"),
    (AUTOSCALING, "HorizontalPodAutoscaler"),
    (&["monitoring.coreos.com/v1"], "ServiceMonitor"),
    (&["security.openshift.io/v1"], "SecurityContextConstraints"),
    (&["apps.openshift.io/v1"], "DeploymentConfig"),
    (&["keda.sh/v1alpha1"], "ScaledObject"),
];

impl Kinds {
    pub(super) fn new(names: &[String]) -> Result<Self, String> {
        let matcher = |name: &String| match name.as_str() {
            "Any" => Ok(Matcher::Any),
            "DeploymentLike" => Ok(Matcher::DeploymentLike),
            "JobLike" => Ok(Matcher::JobLike),
            other => EXACT
                .iter()
                .find(|(_, kind)| *kind == other)
                .map(|(versions, kind)| Matcher::Exact(versions, kind))
                .ok_or_else(|| format!("unknown object kind `{other}`")),
        };
        names.iter().map(matcher).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn cover(&self, object: &Object<'_>) -> bool {
        self.0.iter().any(|matcher| match matcher {
            Matcher::Any => true,
            Matcher::DeploymentLike => is_deployment_like(object),
            Matcher::JobLike => {
                object.api_version == "batch/v1" && matches!(object.kind, "Job" | "CronJob")
            }
            Matcher::Exact(versions, kind) => {
                object.kind == *kind && versions.contains(&object.api_version)
            }
        })
    }
}
