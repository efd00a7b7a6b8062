//! # What it finds
//!
//! A PodDisruptionBudget whose `minAvailable` is more than the least number of pods that an
//! autoscaler leaves of a workload that it selects: `minReplicas` of a HorizontalPodAutoscaler, or
//! `minReplicaCount` of a KEDA ScaledObject. The finding is at the budget, where the number is.
//! Namespaces are compared as written: none and `default` differ.
//!
//! # Why it matters
//!
//! When there is little to do, the autoscaler goes below the budget, and from then on no pod can be
//! evicted.
//!
//! # What the fix changes
//!
//! `maxUnavailable: 1` takes the place of `minAvailable`.
//!
//! # What it may break
//!
//! One pod at a time may be evicted. Where the budget was meant to block every drain, for instance
//! to protect a quorum or a single replica, it no longer does.
//!
//! # Other tools
//!
//! Polaris reports it at the Deployment, takes one label in common for a match, and knows no
//! ScaledObjects. `pdb-min-available` also reports budgets that want as many pods as there are.

use crate::common::{Share, allow_one_disruption, autoscaled_minimum, budget_field, is_budget};
use crate::selector::Selector;
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "pdb-min-available-exceeds-hpa",
    title: "Budget wants more pods than the autoscaler keeps",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["polaris:pdbMinAvailableGreaterThanHPAMinReplicas"],
    references: &[],
    touches: &["spec/minAvailable", "spec/maxUnavailable"],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "minAvailable"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_budget(object) {
        return;
    }
    let Some(share) = budget_field(object, "minAvailable").and_then(Share::of) else { return };
    let selector = object.at(&["spec", "selector"]).filter(|selector| selector.is_map());
    let Some(Ok(selector)) = selector.map(Selector::parse) else { return };
    for workload in cx.set.matched(object, &selector) {
        let Some(minimum) = autoscaled_minimum(cx.set, workload) else { continue };
        let wanted = share.rounded_up(minimum);
        if wanted > minimum {
            let message = format!(
                "budget wants to keep {wanted} pods, and the autoscaler of \"{}\" leaves {minimum}",
                workload.name
            );
            return cx.report(object.site(&KEYS), message, allow_one_disruption(object));
        }
    }
}
