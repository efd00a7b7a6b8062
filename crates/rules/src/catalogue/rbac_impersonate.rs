//! # What it finds
//!
//! A rule of a ClusterRole with the verb impersonate or `*` on users, groups or serviceaccounts, or
//! of a Role on serviceaccounts. Rules that are narrowed by `resourceNames` pass. Roles that the
//! API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! Who may act as any user or group is administrator, and the audit log shows another name.
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
//! Trivy also reports users and groups in a Role, which cannot grant them.

use crate::common::rbac::{Right, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-impersonate",
    title: "Role may act as others",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0065", "kubescape:C-0191", "trivy:KSV-0043", "checkov:CKV2_K8S_3"],
    references: &["CIS 5.1.8"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 2] = [
    Right::new("", &["serviceaccounts"], &["impersonate"]),
    Right::of_cluster("", &["users", "groups"], &["impersonate"]),
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs the names of the users, groups or accounts that may be acted as: write them as \
         resourceNames",
        cx,
    );
}
