//! # What it finds
//!
//! A RoleBinding or ClusterRoleBinding with the group `system:masters` among its subjects. Bindings
//! that the API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! Members of this group may do everything, whatever roles say, and stay members as long as their
//! certificate lasts. A binding adds nothing but the habit of using it.
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
//! Trivy misspells ClusterRoleBinding and so misses it.

use crate::common::rbac::report_subject;
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-masters-binding",
    title: "Binding to system:masters",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0246", "trivy:KSV-0123", "kyverno:restrict-binding-system-groups"],
    references: &["CIS 5.1.7"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_subject(
        object,
        ("Group", "system:masters"),
        cx,
        "binding serves system:masters, which may do everything anyway",
        "needs to know who is meant: name a group of your own, and keep system:masters for \
                 emergencies",
    );
}
