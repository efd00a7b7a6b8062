//! # What it finds
//!
//! A ClusterRoleBinding to the ClusterRole `cluster-admin`, or to a ClusterRole of the manifests
//! that allows everything: any verb on any resource of any API group. Aggregated ClusterRoles count
//! with their parts. Bindings that the API server keeps itself (label `kubernetes.io/bootstrapping:
//! rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! The subjects may do everything in every namespace, read every Secret and change every role. One
//! stolen token is the whole cluster.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the subjects need is not in the manifest. The audit log tells.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter and Kyverno go by the name `cluster-admin`. Polaris exempts bindings called
//! `cluster-admin` or `system:...`. Trivy also reports the roles `admin` and `edit`, and
//! RoleBindings; for these see `rolebinding-cluster-admin`.

use crate::common::rbac::{bound_role_with, grants_everything, is_binding, role_ref};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "cluster-admin-role-binding",
    title: "Everything is granted in the whole cluster",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:cluster-admin-role-binding",
        "polaris:clusterrolebindingClusterAdmin",
        "kubescape:C-0035",
        "kubescape:C-0185",
        "kubescape:C-0187",
        "trivy:KSV-0111",
        "kyverno:restrict-binding-clusteradmin",
        "kyverno:block-cluster-admin-from-ns",
    ],
    references: &["CIS 5.1.1", "CIS 5.1.3", "NSA/CISA"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.kind != "ClusterRoleBinding" || !is_binding(object) {
        return;
    }
    let name = match role_ref(object) {
        Some(("ClusterRole", "cluster-admin")) => "cluster-admin",
        _ => match bound_role_with(object, cx.set, grants_everything) {
            Some(role) => role.name,
            None => return,
        },
    };
    cx.report(
        object.site(&["roleRef", "name"]),
        format!("binding makes its subjects administrators of the cluster through \"{name}\""),
        "needs to know what the subjects do: bind a role that allows just that, in the namespaces \
         where they do it",
    );
}
