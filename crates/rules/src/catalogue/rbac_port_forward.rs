//! # What it finds
//!
//! A rule of a Role or ClusterRole with get, create or `*` on `pods/portforward` or `*` of the core
//! group; and each RoleBinding and ClusterRoleBinding to such a role of the manifests. Rules that
//! are narrowed by `resourceNames` pass. What the API server keeps itself (label
//! `kubernetes.io/bootstrapping: rbac-defaults`) passes.
//!
//! # Why it matters
//!
//! A forwarded port reaches what listens on localhost in the pod, past every NetworkPolicy and
//! every login in front of it.
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
//! Kubescape wants the verb create and a bound subject.

use crate::common::rbac::{Right, report_bound, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-port-forward",
    title: "Ports of pods may be forwarded",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0063"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const RIGHTS: [Right; 1] = [Right::new("", &["pods/portforward"], &["get", "create"])];
const ADVICE: &str = "needs to know who debugs where: drop the rule, or bind it to people in the \
                      namespaces of theirs, for a time";

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(object, &RIGHTS, ADVICE, cx);
    report_bound(object, &RIGHTS, "forward ports of pods", ADVICE, cx);
}
