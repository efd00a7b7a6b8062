//! # What it finds
//!
//! A PodDisruptionBudget with neither `minAvailable` nor `maxUnavailable`.
//!
//! # Why it matters
//!
//! Readers cannot tell how many pods it protects, and drains go by whatever the server makes of it.
//!
//! # What the fix changes
//!
//! `maxUnavailable: 1` is added.
//!
//! # What it may break
//!
//! A drain evicts one pod at a time, which can cost a quorum or the only replica.

use crate::common::{allow_one_disruption, budget_field, is_budget};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "pdb-has-policy",
    title: "Budget says neither how many may go nor how many must stay",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kube-score:poddisruptionbudget-has-policy"],
    references: &[],
    touches: &["spec/maxUnavailable"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let is_set = |key| budget_field(object, key).is_some();
    if !is_budget(object) || is_set("minAvailable") || is_set("maxUnavailable") {
        return;
    }
    let message = "budget says neither how many pods may go nor how many must stay";
    cx.report(object.site(&["spec", "maxUnavailable"]), message, allow_one_disruption(object));
}
