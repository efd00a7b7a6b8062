//! # What it finds
//!
//! An object whose `metadata.namespace` is missing, empty or `default`, in any case. Workloads,
//! Services, Ingresses, ConfigMaps, Secrets, ServiceAccounts, Roles, RoleBindings, NetworkPolicies,
//! volume claims, autoscalers, budgets, limits and quotas.
//!
//! # Why it matters
//!
//! Rights, quotas and network policies are given by namespace. What is in `default` shares them
//! with everything that nobody assigned.
//!
//! # What the fix changes
//!
//! Nothing by itself: `kubectl --namespace`, Helm and Kustomize often say the namespace, and a
//! written one would contradict them.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter looks at workloads and Services, Checkov at some kinds more, Kubescape at most
//! kinds.

use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "use-namespace",
    title: "Object is in the default namespace",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:use-namespace",
        "kubescape:C-0061",
        "kubescape:C-0212",
        "kubescape:C-0209",
        "trivy:KSV-0110",
        "checkov:CKV_K8S_21",
        "kyverno:disallow-default-namespace",
    ],
    references: &["CIS 5.7.1", "CIS 5.7.4"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KINDS: [&str; 16] = [
    "Service",
    "Ingress",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "LimitRange",
    "ResourceQuota",
    "Endpoints",
    "EndpointSlice",
    "Lease",
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let is_default = object.effective_namespace().eq_ignore_ascii_case("default");
    if !is_default || object.pod.is_none() && !KINDS.contains(&object.kind) {
        return;
    }
    let message = match object.namespace {
        Some(_) => "object is in the default namespace",
        None => "object names no namespace",
    };
    let advice = "needs to know where the object belongs, unless whoever applies it says so";
    cx.report(object.site(&["metadata", "namespace"]), message, advice);
}
