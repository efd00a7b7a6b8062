//! Versions of Kubernetes' APIs that gave way to others.
//!
//! Source: the deprecated API migration guide of Kubernetes, and its published schemas.

use crate::selector::Selector;
use crate::{Fix, Object, Remedy, Written};
use manifest::Node;

/// What became of some kinds of an API version.
pub(crate) struct Succession {
    from: &'static str,
    kinds: &'static [&'static str],
    /// The first Kubernetes minor that does not serve them.
    pub(crate) removed: u32,
    /// What takes their place, empty for nothing.
    pub(crate) to: &'static str,
    /// The first Kubernetes minor that serves it, or that says there will be nothing.
    pub(crate) since: u32,
}

const fn then(
    from: &'static str,
    kinds: &'static [&'static str],
    removed: u32,
    (to, since): (&'static str, u32),
) -> Succession {
    Succession { from, kinds, removed, to, since }
}

const WORKLOADS: &[&str] =
    &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"];
const RBAC: &[&str] = &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
const FLOW: &[&str] = &["FlowSchema", "PriorityLevelConfiguration"];
const WEBHOOKS: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

const SUCCESSIONS: [Succession; 36] = [
    then(
        "admissionregistration.k8s.io/v1beta1",
        WEBHOOKS,
        22,
        ("admissionregistration.k8s.io/v1", 16),
    ),
    then(
        "admissionregistration.k8s.io/v1beta1",
        &["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
        34,
        ("admissionregistration.k8s.io/v1", 30),
    ),
    then(
        "apiextensions.k8s.io/v1beta1",
        &["CustomResourceDefinition"],
        22,
        ("apiextensions.k8s.io/v1", 16),
    ),
    then("apiregistration.k8s.io/v1beta1", &["APIService"], 22, ("apiregistration.k8s.io/v1", 10)),
    then("apps/v1beta1", WORKLOADS, 16, ("apps/v1", 9)),
    then("apps/v1beta2", WORKLOADS, 16, ("apps/v1", 9)),
    then("autoscaling/v2beta1", &["HorizontalPodAutoscaler"], 25, ("autoscaling/v2", 23)),
    then("autoscaling/v2beta2", &["HorizontalPodAutoscaler"], 26, ("autoscaling/v2", 23)),
    then("batch/v1beta1", &["CronJob"], 25, ("batch/v1", 21)),
    then("batch/v2alpha1", &["CronJob"], 21, ("batch/v1", 21)),
    then(
        "certificates.k8s.io/v1beta1",
        &["CertificateSigningRequest"],
        22,
        ("certificates.k8s.io/v1", 19),
    ),
    then("coordination.k8s.io/v1beta1", &["Lease"], 22, ("coordination.k8s.io/v1", 14)),
    then("discovery.k8s.io/v1beta1", &["EndpointSlice"], 25, ("discovery.k8s.io/v1", 21)),
    then("events.k8s.io/v1beta1", &["Event"], 25, ("events.k8s.io/v1", 19)),
    then("extensions/v1beta1", WORKLOADS, 16, ("apps/v1", 9)),
    then("extensions/v1beta1", &["Ingress"], 22, ("networking.k8s.io/v1", 19)),
    then("extensions/v1beta1", &["NetworkPolicy"], 16, ("networking.k8s.io/v1", 8)),
    then("extensions/v1beta1", &["PodSecurityPolicy"], 16, ("", 10)),
    then("flowcontrol.apiserver.k8s.io/v1beta1", FLOW, 26, ("flowcontrol.apiserver.k8s.io/v1", 29)),
    then("flowcontrol.apiserver.k8s.io/v1beta2", FLOW, 29, ("flowcontrol.apiserver.k8s.io/v1", 29)),
    then("flowcontrol.apiserver.k8s.io/v1beta3", FLOW, 32, ("flowcontrol.apiserver.k8s.io/v1", 29)),
    then("networking.k8s.io/v1beta1", &["Ingress"], 22, ("networking.k8s.io/v1", 19)),
    then("networking.k8s.io/v1beta1", &["IngressClass"], 22, ("networking.k8s.io/v1", 19)),
    then("networking.k8s.io/v1beta1", &["IPAddress"], 37, ("networking.k8s.io/v1", 33)),
    then("networking.k8s.io/v1beta1", &["ServiceCIDR"], 37, ("networking.k8s.io/v1", 33)),
    then("node.k8s.io/v1beta1", &["RuntimeClass"], 25, ("node.k8s.io/v1", 20)),
    then("policy/v1beta1", &["PodDisruptionBudget"], 25, ("policy/v1", 21)),
    then("policy/v1beta1", &["PodSecurityPolicy"], 25, ("", 21)),
    then("rbac.authorization.k8s.io/v1beta1", RBAC, 22, ("rbac.authorization.k8s.io/v1", 8)),
    then("scheduling.k8s.io/v1beta1", &["PriorityClass"], 22, ("scheduling.k8s.io/v1", 14)),
    then("storage.k8s.io/v1beta1", &["CSIDriver"], 22, ("storage.k8s.io/v1", 19)),
    then("storage.k8s.io/v1beta1", &["CSINode"], 22, ("storage.k8s.io/v1", 17)),
    then("storage.k8s.io/v1beta1", &["CSIStorageCapacity"], 27, ("storage.k8s.io/v1", 24)),
    then("storage.k8s.io/v1beta1", &["StorageClass"], 22, ("storage.k8s.io/v1", 6)),
    then("storage.k8s.io/v1beta1", &["VolumeAttachment"], 22, ("storage.k8s.io/v1", 13)),
    then("storage.k8s.io/v1beta1", &["VolumeAttributesClass"], 37, ("storage.k8s.io/v1", 34)),
];

/// What took the place of an object's API version, if something did.
pub(crate) fn succession(object: &Object<'_>) -> Option<&'static Succession> {
    let is_final = !object.api_version.contains("beta") && !object.api_version.contains("alpha");
    if is_final {
        return None;
    }
    SUCCESSIONS
        .iter()
        .find(|known| known.from == object.api_version && known.kinds.contains(&object.kind))
}

/// The new version, where the object can stay as it is but for that.
pub(crate) fn migration(object: &Object<'_>, succession: &Succession) -> Remedy {
    let to = succession.to;
    if to.is_empty() {
        return "nothing takes its place: use Pod Security admission or an admission policy".into();
    }
    if let Some(obstacle) = obstacle(object) {
        return format!("needs more than the version {to}: {obstacle}").into();
    }
    let path = object.site(&["apiVersion"]).path;
    let fix = Fix::unsafe_because(may_break(object.kind)).set(path, Written::rule(to));
    match object.kind {
        // Its default, said aloud: another rule asks for it from this version on.
        "PodDisruptionBudget" => {
            let path = object.site(&["spec", "unhealthyPodEvictionPolicy"]).path;
            fix.set(path, Written::server_default("IfHealthyBudget", "policy/v1")).into()
        }
        _ => fix.into(),
    }
}

fn may_break(kind: &str) -> &'static str {
    match kind {
        "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet" => {
            "fields that are left out take the defaults of apps/v1: rolling updates, a quarter of \
             the replicas at a time, a progress deadline of ten minutes"
        }
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            "fields that are left out take the defaults of v1: failurePolicy Fail, matchPolicy \
             Equivalent, a timeout of ten seconds"
        }
        _ => "clusters too old for the new version refuse the object",
    }
}

/// What has to change besides the version, as the end of a sentence.
fn obstacle(object: &Object<'_>) -> Option<&'static str> {
    let has = |keys: &[&str]| object.at(keys).is_some_and(|value| !value.is_null());
    match object.kind {
        "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet" => {
            if !selects(object) {
                return Some("write spec.selector with the labels of the pod template");
            }
            let is_gone = has(&["spec", "rollbackTo"]) || has(&["spec", "templateGeneration"]);
            is_gone.then_some("remove spec.rollbackTo and spec.templateGeneration")
        }
        "Ingress" => {
            let has_paths = list(object, "rules").any(|rule| rule.get("http").is_some());
            (has_paths || has(&["spec", "backend"])).then_some(
                "write a pathType for each path, each backend as service.name and service.port, \
                 and spec.backend as spec.defaultBackend",
            )
        }
        // There it selected no pod.
        "PodDisruptionBudget" => (has(&["spec", "selector"]) && !selects(object)).then_some(
            "an empty selector now stands for every pod of the namespace, write the labels that \
             are meant",
        ),
        "HorizontalPodAutoscaler" => {
            let is_oldest = object.api_version == "autoscaling/v2beta1";
            (is_oldest && has(&["spec", "metrics"]))
                .then_some("write each metric's aim as target.type with a value")
        }
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            let webhooks = object.at(&["webhooks"]).into_iter().flat_map(Node::items);
            webhooks.into_iter().any(|webhook| !is_complete(webhook)).then_some(
                "write sideEffects (None or NoneOnDryRun) and admissionReviewVersions for each \
                 webhook",
            )
        }
        "CertificateSigningRequest" => (!has(&["spec", "signerName"]) || !has(&["spec", "usages"]))
            .then_some("write spec.signerName and spec.usages"),
        "EndpointSlice" => {
            let mut endpoints = object.at(&["endpoints"]).into_iter().flat_map(Node::items);
            endpoints
                .any(|endpoint| endpoint.get("topology").is_some())
                .then_some("write each endpoint's topology as nodeName and zone")
        }
        "PriorityLevelConfiguration" => has(&["spec", "limited", "assuredConcurrencyShares"])
            .then_some("rename assuredConcurrencyShares to nominalConcurrencyShares"),
        "CustomResourceDefinition" => Some(
            "write spec.versions with a structural schema for each, and move subresources and \
             printer columns there",
        ),
        "Event" => Some("write eventTime, action, reason and the reporting controller"),
        _ => None,
    }
}

fn list<'a>(object: &Object<'a>, key: &str) -> impl Iterator<Item = Node<'a>> + use<'a> {
    object.at(&["spec", key]).filter(|list| list.is_seq()).into_iter().flat_map(Node::items)
}

/// Whether the object has a selector that asks for something.
fn selects(object: &Object<'_>) -> bool {
    let selector = object.at(&["spec", "selector"]).filter(|selector| selector.is_map());
    let selector = selector.and_then(|selector| Selector::parse(selector).ok());
    selector.is_some_and(|selector| !selector.is_empty())
}

fn is_complete(webhook: Node<'_>) -> bool {
    let effects = webhook.get("sideEffects").and_then(Node::as_str);
    let versions = webhook.get("admissionReviewVersions");
    matches!(effects, Some("None" | "NoneOnDryRun"))
        && versions.is_some_and(|list| list.is_seq() && !list.is_empty())
}
