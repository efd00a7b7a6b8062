//! # What it finds
//!
//! A rule of a Role or ClusterRole with get, create or `*` on `pods/exec`, `pods/attach` or `*` of
//! the core group; and each RoleBinding and ClusterRoleBinding to such a role of the manifests.
//! Rules that are narrowed by `resourceNames` pass. What the API server keeps itself (label
//! `kubernetes.io/bootstrapping: rbac-defaults`) passes.
//!
//! # Why it matters
//!
//! Who runs commands in a pod has its files, its Secrets, its service account and its network.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the subjects need is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Polaris exempts roles by name (`admin`, `edit`, `system:...`) and reports bindings to roles that
//! it cannot find. Trivy wants two rules in a certain order for attach.

use crate::common::rbac::{Right, report_bound, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-pod-exec-attach",
    title: "Commands may be run in pods",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:clusterrolePodExecAttach",
        "polaris:rolePodExecAttach",
        "polaris:clusterrolebindingPodExecAttach",
        "polaris:rolebindingClusterRolePodExecAttach",
        "polaris:rolebindingRolePodExecAttach",
        "kubescape:C-0002",
        "trivy:KSV-0053",
        "trivy:KSV-0054",
        "checkov:CKV2_K8S_2",
    ],
    references: &["NSA/CISA"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const RIGHTS: [Right; 1] = [Right::new("", &["pods/exec", "pods/attach"], &["get", "create"])];
const ADVICE: &str = "needs to know who debugs where: drop the rule, or bind it to people in the \
                      namespaces of theirs, for a time";

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(object, &RIGHTS, ADVICE, cx);
    report_bound(object, &RIGHTS, "run commands in pods", ADVICE, cx);
}
