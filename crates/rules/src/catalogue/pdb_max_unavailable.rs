//! # What it finds
//!
//! A PodDisruptionBudget whose `maxUnavailable` is nought or less, `0%`, or a text that is no
//! percentage.
//!
//! # Why it matters
//!
//! No pod of the budget can ever be evicted: drains, and with them updates of nodes, wait until
//! somebody steps in. A text that is no percentage is refused by the API server, or leaves the
//! budget without effect.
//!
//! # What the fix changes
//!
//! `maxUnavailable: 1`. For a text there is no fix: what was meant is not in the manifest.
//!
//! # What it may break
//!
//! One pod at a time may be evicted. Where the budget was meant to block every drain, for instance
//! to protect a quorum or a single replica, it no longer does.
//!
//! # Other tools
//!
//! kube-linter lets negative numbers pass.

use crate::common::{Share, budget_field, is_budget};
use crate::{Check, Context, Fix, Object, Rule, Scope, Written};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "pdb-max-unavailable",
    title: "Budget allows no disruption (maxUnavailable)",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:pdb-max-unavailable",
        "polaris:pdbDisruptionsIsZero",
        "kyverno:pdb-maxunavailable",
    ],
    references: &[],
    touches: &["spec/maxUnavailable"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "maxUnavailable"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_budget(object) {
        return;
    }
    let Some(written) = budget_field(object, "maxUnavailable") else { return };
    let site = object.site(&KEYS);
    match Share::of(written) {
        None => {
            let advice = "needs the number of pods, or the percentage, that may be missing";
            cx.report(site, "maxUnavailable is neither a number nor a percentage", advice);
        }
        Some(share) if share.is_nothing() => {
            let fix = Fix::unsafe_because(
                "one pod at a time may be evicted, which can cost a quorum or the only replica",
            )
            .set(site.path.clone(), Written::rule(1));
            cx.report(site, "budget allows no pod to be evicted", fix);
        }
        Some(_) => {}
    }
}
