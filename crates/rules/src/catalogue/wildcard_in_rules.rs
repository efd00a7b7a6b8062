//! # What it finds
//!
//! The entry `*` in the resources or the verbs of a rule of a Role or ClusterRole; each is a
//! finding. Stars in `apiGroups` and `nonResourceURLs` pass. Roles that the API server keeps itself
//! (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! A star covers what exists today and what anybody installs tomorrow: resources of new operators,
//! and verbs such as bind, escalate and impersonate.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the subjects use is not in the manifest. The audit log of the cluster
//! tells.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Checkov looks at the first rule of a role only, and at `apiGroups` too. Trivy has separate
//! checks for verbs, for resources, and for both.

use crate::common::rbac::{is_role, policy_rules};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "wildcard-in-rules",
    title: "Wildcard in a role",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:wildcard-in-rules",
        "kubescape:C-0187",
        "trivy:KSV-0044",
        "trivy:KSV-0045",
        "trivy:KSV-0046",
        "checkov:CKV_K8S_49",
        "kyverno:restrict-wildcard-resources",
        "kyverno:restrict-wildcard-verbs",
    ],
    references: &["CIS 5.1.3"],
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
    for rule in policy_rules(object) {
        for (list, noun) in [("resources", "resource"), ("verbs", "verb")] {
            for site in rule.stars(list) {
                let message = format!("{} has a wildcard for every {noun}", object.kind);
                let advice = "needs the list of what the subjects use: the audit log shows it";
                cx.report(site, message, advice);
            }
        }
    }
}
