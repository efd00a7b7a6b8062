//! What a patch does to what runs, as far as the manifest alone tells.

use json_patch::PatchOperation;
use manifest::Node;
use record::Effect;
use rules::Object;

/// What a patch does to its object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Radius {
    /// What changes of what runs. Without an API server, which fills in defaults first, this is the
    /// most that may happen. `None` for objects that run nothing.
    pub effect: Option<Effect>,
    /// Why the object cannot be changed in place, when it cannot.
    pub recreate: Option<String>,
    /// Pods of the object, where the manifest says how many; its default is one.
    pub replicas: Option<u64>,
    /// Seconds in which a rollout must make progress, for a Deployment.
    pub progress_deadline: Option<u64>,
}

/// Seconds that a Deployment has for progress unless it says otherwise.
/// Source: `progressDeadlineSeconds` in the API reference of apps/v1.
const PROGRESS_DEADLINE: u64 = 600;

/// Fields that the API server never lets change, by group and kind.
/// Source: the update validation of each kind in Kubernetes 1.36.
const IMMUTABLE: [(&str, &str, &[&str]); 17] = [
    ("apps", "Deployment", &["/spec/selector"]),
    ("apps", "ReplicaSet", &["/spec/selector"]),
    ("apps", "DaemonSet", &["/spec/selector"]),
    (
        "apps",
        "StatefulSet",
        &[
            "/spec/selector",
            "/spec/serviceName",
            "/spec/volumeClaimTemplates",
            "/spec/podManagementPolicy",
        ],
    ),
    (
        "batch",
        "Job",
        &[
            "/spec/selector",
            "/spec/template",
            "/spec/completionMode",
            "/spec/podFailurePolicy",
            "/spec/successPolicy",
            "/spec/backoffLimitPerIndex",
            "/spec/managedBy",
        ],
    ),
    ("", "Service", &["/spec/clusterIP", "/spec/clusterIPs"]),
    (
        "",
        "PersistentVolume",
        &["/spec/persistentVolumeSource", "/spec/volumeMode", "/spec/nodeAffinity"],
    ),
    (
        "",
        "PersistentVolumeClaim",
        &[
            "/spec/accessModes",
            "/spec/selector",
            "/spec/storageClassName",
            "/spec/volumeMode",
            "/spec/volumeName",
            "/spec/dataSource",
        ],
    ),
    ("", "Secret", &["/type"]),
    ("rbac.authorization.k8s.io", "RoleBinding", &["/roleRef"]),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", &["/roleRef"]),
    (
        "storage.k8s.io",
        "StorageClass",
        &["/parameters", "/provisioner", "/reclaimPolicy", "/volumeBindingMode"],
    ),
    ("scheduling.k8s.io", "PriorityClass", &["/value", "/preemptionPolicy"]),
    ("node.k8s.io", "RuntimeClass", &["/handler"]),
    ("storage.k8s.io", "CSIDriver", &["/spec/attachRequired", "/spec/volumeLifecycleModes"]),
    ("certificates.k8s.io", "CertificateSigningRequest", &["/spec"]),
    ("apiextensions.k8s.io", "CustomResourceDefinition", &["/spec/scope", "/spec/group"]),
];

/// What of a pod may change while it runs.
/// Source: the pod update validation of Kubernetes 1.36.
const MUTABLE_IN_PODS: [&str; 4] = [
    "/metadata",
    "/spec/activeDeadlineSeconds",
    "/spec/tolerations",
    "/spec/terminationGracePeriodSeconds",
];

/// Reckons what a patch of an object does.
pub fn radius(object: &Object<'_>, operations: &[PatchOperation]) -> Radius {
    let prefix = object.prefix();
    let paths: Vec<&str> = operations
        .iter()
        .filter(|operation| !matches!(operation, PatchOperation::Test(_)))
        .filter_map(|operation| operation.path().as_str().strip_prefix(&prefix))
        .collect();
    let recreate = recreate(object, &paths);
    let is_deployment = object.is("apps", "Deployment");
    let deadline = number(object, "progressDeadlineSeconds").unwrap_or(PROGRESS_DEADLINE);
    Radius {
        effect: effect(object, &paths, recreate.is_some()),
        recreate,
        replicas: replicas(object),
        progress_deadline: is_deployment.then_some(deadline),
    }
}

fn below(path: &str, field: &str) -> bool {
    path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn recreate(object: &Object<'_>, paths: &[&str]) -> Option<String> {
    if object.is("", "Pod") {
        let fixed = paths.iter().find(|path| {
            let is_image = path.starts_with("/spec/") && path.ends_with("/image");
            !is_image && !MUTABLE_IN_PODS.iter().any(|field| below(path, field))
        });
        return fixed.map(|path| format!("{path} of a running pod cannot be changed"));
    }
    let frozen = object.at(&["immutable"]).and_then(Node::as_bool) == Some(true);
    if frozen && (object.is("", "ConfigMap") || object.is("", "Secret")) {
        return Some("it says that it is immutable".to_owned());
    }
    let (_, _, fields) = IMMUTABLE.iter().find(|(group, kind, _)| object.is(group, kind))?;
    let field = fields.iter().find(|field| paths.iter().any(|path| below(path, field)))?;
    Some(format!("{field} cannot be changed"))
}

fn effect(object: &Object<'_>, paths: &[&str], recreate: bool) -> Option<Effect> {
    if recreate {
        return Some(Effect::Recreate);
    }
    object.pod.as_ref()?;
    let in_template = |path: &&str| {
        below(path, "/spec/template")
            || below(path, "/spec/jobTemplate")
            || object.kind == "PodTemplate"
    };
    if !paths.iter().any(in_template) {
        return Some(Effect::NoRestart);
    }
    let on_delete = object.at(&["spec", "updateStrategy", "type"]).and_then(Node::as_str);
    Some(match object.kind {
        "ReplicaSet" | "ReplicationController" | "CronJob" | "PodTemplate" => Effect::NextPods,
        _ if on_delete == Some("OnDelete") => Effect::NextPods,
        _ => Effect::Restart,
    })
}

fn replicas(object: &Object<'_>) -> Option<u64> {
    object.pod.as_ref()?;
    match object.kind {
        "Pod" => Some(1),
        "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" => {
            Some(number(object, "replicas").unwrap_or(1))
        }
        "Job" => Some(number(object, "parallelism").unwrap_or(1)),
        _ => None,
    }
}

fn number(object: &Object<'_>, field: &str) -> Option<u64> {
    object.at(&["spec", field])?.to_json().as_u64()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use manifest::{Limits, Source};

    fn of(manifest: &str, path: &str) -> Radius {
        let source = Source::parse(manifest.as_bytes().to_vec(), &Limits::default()).unwrap();
        let objects = rules::objects(source.root(0).unwrap(), 0, 0);
        let patch = serde_json::json!([{ "op": "add", "path": path, "value": 1 }]);
        let operations: Vec<PatchOperation> = serde_json::from_value(patch).unwrap();
        radius(&objects[0], &operations)
    }

    const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  \
                              replicas: 3\n  template: {spec: {containers: [{name: web}]}}\n";

    #[test]
    fn a_new_template_restarts_all_replicas() {
        let radius = of(DEPLOYMENT, "/spec/template/spec/hostIPC");
        assert_eq!((radius.effect, radius.replicas), (Some(Effect::Restart), Some(3)));
        assert_eq!(radius.progress_deadline, Some(600));
        assert_eq!(of(DEPLOYMENT, "/metadata/labels").effect, Some(Effect::NoRestart));
        let stateful = DEPLOYMENT
            .replace("Deployment", "StatefulSet")
            .replace("  replicas", "  updateStrategy: {type: OnDelete}\n  replicas");
        assert_eq!(of(&stateful, "/spec/template/spec").effect, Some(Effect::NextPods));
    }

    #[test]
    fn what_cannot_be_changed_in_place_is_named() {
        let radius = of(DEPLOYMENT, "/spec/selector/matchLabels/app");
        assert_eq!(radius.recreate.as_deref(), Some("/spec/selector cannot be changed"));
        let pod =
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n";
        assert_eq!(of(pod, "/spec/containers/0/image").recreate, None);
        assert_eq!(of(pod, "/spec/containers/0/securityContext").effect, Some(Effect::Recreate));
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nimmutable: true\n";
        assert!(of(map, "/data/a").recreate.is_some());
        assert_eq!(of(map, "/data/a").replicas, None);
    }
}
