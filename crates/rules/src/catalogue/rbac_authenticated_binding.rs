//! # What it finds
//!
//! A RoleBinding or ClusterRoleBinding with the group `system:authenticated` among its subjects.
//! Bindings that the API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`)
//! pass.
//!
//! # Why it matters
//!
//! Every user and every service account of every namespace gets these rights; with some providers
//! of identity, everybody who has an account there.
//!
//! # What the fix changes
//!
//! Nothing by itself: who is meant is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape reports it with powerful roles only. Trivy misspells ClusterRoleBinding and so misses
//! it.

use crate::common::rbac::report_subject;
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-authenticated-binding",
    title: "Rights for everybody who is logged in",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0265", "trivy:KSV-01011"],
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
        ("Group", "system:authenticated"),
        cx,
        "binding serves system:authenticated: everybody who is logged in",
        "needs to know who is meant: name the group, the users or the service accounts",
    );
}
