//! # What it finds
//!
//! A rule of a Role or ClusterRole with create, update, patch or `*` on rolebindings, or in a
//! ClusterRole on clusterrolebindings, if the role also has the verb bind or `*` on roles or
//! clusterroles, in the same rule or another. Roles that the API server keeps itself (label
//! `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! Together these let the subjects bind any role to themselves, cluster-admin among them.
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
//! Without bind the API server grants nobody more than he has, so such roles pass here. Trivy also
//! reports update beside get without it; Checkov follows bindings to service accounts and nodes.

use crate::common::rbac::{GROUP, Right, is_role, policy_rules, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-create-bindings",
    title: "Role may bind any role",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0051", "trivy:KSV-0052", "trivy:KSV-0055", "checkov:CKV2_K8S_1"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const WRITES: &[&str] = &["create", "update", "patch"];
const RIGHTS: [Right; 2] = [
    Right::new(GROUP, &["rolebindings"], WRITES),
    Right::of_cluster(GROUP, &["clusterrolebindings"], WRITES),
];
const BIND: Right = Right::new(GROUP, &["roles", "clusterroles"], &["bind"]);

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let binds = is_role(object)
        && policy_rules(object).any(|rule| !rule.is_named() && rule.grants(&BIND, true));
    if binds {
        let advice = "needs the names of the roles that may be bound: write bind with these as \
                      resourceNames, or leave it out";
        report_rights(object, &RIGHTS, advice, cx);
    }
}
