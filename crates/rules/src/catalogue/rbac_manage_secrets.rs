//! # What it finds
//!
//! A rule of a Role or ClusterRole that lets its subjects read or change any Secret: get, list,
//! watch, create, update, patch, delete, deletecollection, or `*`, on `secrets` or `*` of the core
//! group. Rules that are narrowed by `resourceNames` pass. Roles that the API server keeps itself
//! (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! Secrets hold credentials of everything that runs in the namespace, or in the whole cluster. Who
//! lists them poses as anybody.
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
//! Kubescape wants a subject that is bound to the role, Checkov a service account or node.

use crate::common::rbac::{Right, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-manage-secrets",
    title: "Role grants access to all Secrets",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0015",
        "kubescape:C-0186",
        "trivy:KSV-0041",
        "trivy:KSV-0113",
        "checkov:CKV2_K8S_5",
        "kyverno:restrict-secret-role-verbs",
    ],
    references: &["CIS 5.1.2"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 1] = [Right::new(
    "",
    &["secrets"],
    &["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"],
)];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs the names of the Secrets that the subjects use: write them as resourceNames, or \
         drop the rule",
        cx,
    );
}
