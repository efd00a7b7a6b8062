//! # What it finds
//!
//! A rule of a Role or ClusterRole with the verb bind on roles or clusterroles, with escalate on
//! roles, or, in a ClusterRole, with escalate on clusterroles; `*` counts for both. Rules that are
//! narrowed by `resourceNames` pass. Roles that the API server keeps itself (label
//! `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! These verbs switch off the check that keeps users from granting rights which they lack. Who has
//! them can make himself administrator.
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
//! Checkov also looks at bindings as resources, where the verbs mean nothing; Kubescape counts
//! impersonate here, which is `rbac-impersonate`.

use crate::common::rbac::{Right, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-escalate-bind",
    title: "Role may grant more than it has",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0191",
        "trivy:KSV-0050",
        "checkov:CKV_K8S_157",
        "checkov:CKV_K8S_158",
        "kyverno:restrict-escalation-verbs-roles",
    ],
    references: &["CIS 5.1.8"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 3] = [
    Right::new("rbac.authorization.k8s.io", &["roles", "clusterroles"], &["bind"]),
    Right::new("rbac.authorization.k8s.io", &["roles"], &["escalate"]),
    Right::of_cluster("rbac.authorization.k8s.io", &["clusterroles"], &["escalate"]),
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs the names of the roles that may be granted: write bind with these as \
         resourceNames, and drop escalate",
        cx,
    );
}
