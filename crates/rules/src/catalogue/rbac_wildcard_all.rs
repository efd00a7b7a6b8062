//! # What it finds
//!
//! A rule of a Role or ClusterRole that allows every verb on every resource of every API group: `*`
//! in `apiGroups` and `resources`, and in `verbs` either `*` or all of get, list, watch, create,
//! update, patch and delete. Rules that are narrowed by `resourceNames` pass. Roles that the API
//! server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! In a ClusterRole this is cluster-admin under another name; in a Role it is the whole namespace,
//! with its Secrets and its roles.
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
//! Trivy's other checks also report a star in `verbs` alone, or in `resources` beside one verb that
//! matters; `wildcard-in-rules` reports every star.

use crate::common::rbac::{grants_everything, is_role, policy_rules};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-wildcard-all",
    title: "Any verb on any resource",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0044", "trivy:KSV-0045", "trivy:KSV-0046", "trivy:KSV-0112"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_role(object) {
        return;
    }
    for rule in policy_rules(object).filter(|rule| grants_everything(*rule)) {
        let site = rule.stars("resources").next();
        let site = site.unwrap_or_else(|| rule.site("resources", None));
        let message = format!("{} allows every verb on every resource", object.kind);
        cx.report(site, message, "needs the list of what the subjects use: the audit log shows it");
    }
}
