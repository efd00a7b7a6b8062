//! # What it finds
//!
//! A RoleBinding to the ClusterRole `cluster-admin`, or to a Role or ClusterRole of the manifests
//! that allows everything: any verb on any resource of any API group. Bindings that the API server
//! keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! The subjects may do everything in the namespace: read its Secrets, run any pod with any of its
//! service accounts, and grant rights to others.
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
//! Trivy also reports bindings to the roles `admin` and `edit`, which Kubernetes provides for this
//! very use. Polaris has one check for each kind of role.

use crate::common::rbac::{bound_role_with, grants_everything, is_binding, role_ref};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rolebinding-cluster-admin",
    title: "Everything is granted in a namespace",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:rolebindingClusterAdminClusterRole",
        "polaris:rolebindingClusterAdminRole",
        "kubescape:C-0272",
        "trivy:KSV-0111",
        "kyverno:restrict-binding-clusteradmin",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.kind != "RoleBinding" || !is_binding(object) {
        return;
    }
    let (kind, name) = match role_ref(object) {
        Some(("ClusterRole", "cluster-admin")) => ("ClusterRole", "cluster-admin"),
        _ => match bound_role_with(object, cx.set, grants_everything) {
            Some(role) => (role.kind, role.name),
            None => return,
        },
    };
    cx.report(
        object.site(&["roleRef", "name"]),
        format!("binding allows everything in its namespace through {kind} \"{name}\""),
        "needs to know what the subjects do: bind a role that allows just that, such as `edit`",
    );
}
