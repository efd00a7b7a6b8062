//! # What it finds
//!
//! A rule of a Role or ClusterRole with create or `*` on `serviceaccounts/token`, `*/token` or `*`.
//! Rules that are narrowed by `resourceNames` pass. Roles that the API server keeps itself (label
//! `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! A token lets its holder act as the service account, for as long as he asked for.
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
//! Kubescape wants a bound subject.

use crate::common::rbac::{Right, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-token-create",
    title: "Role may create service account tokens",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0282"],
    references: &["CIS 5.1.13"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 1] = [Right::new("", &["serviceaccounts/token"], &["create"])];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs the names of the service accounts that the subjects act as: write them as \
         resourceNames",
        cx,
    );
}
