//! # What it finds
//!
//! A RoleBinding or ClusterRoleBinding with a service account named `default` among its subjects.
//! Bindings that the API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`)
//! pass.
//!
//! # Why it matters
//!
//! Every pod of the namespace that names no other account gets these rights, also those that nobody
//! thought of.
//!
//! # What the fix changes
//!
//! Nothing by itself: which workloads need the rights is not in the binding.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::rbac::report_subject;
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "default-sa-binding",
    title: "Rights for the default service account",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0239", "kubescape:C-0225", "checkov:CKV_K8S_42"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_subject(
        object,
        ("ServiceAccount", "default"),
        cx,
        "binding gives rights to the default service account",
        "needs to know which workloads use the rights: give these an account of their own, \
                 and bind that",
    );
}
