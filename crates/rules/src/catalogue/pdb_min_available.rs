//! # What it finds
//!
//! A PodDisruptionBudget whose `minAvailable` is `100%`, is neither a number nor a percentage, or
//! is not below the number of pods that the workloads of the namespace give it; also one with
//! `minAvailable` whose selector is missing or invalid. The pods of all workloads that the selector
//! matches are counted together, with the `minReplicas` of a HorizontalPodAutoscaler or the
//! `minReplicaCount` of a KEDA ScaledObject where there is one. Percentages are rounded up. A
//! budget that no workload falls under passes, and so does one that covers a DaemonSet or a Job,
//! whose number of pods nobody knows; unless it says `100%`. Namespaces are compared as written:
//! none and `default` differ.
//!
//! # Why it matters
//!
//! No pod of the budget can ever be evicted: drains, and with them updates of nodes, wait until
//! somebody steps in.
//!
//! # What the fix changes
//!
//! `maxUnavailable: 1` takes the place of `minAvailable`. There is no fix where `minAvailable`
//! cannot be read, where the selector is the problem, or where pods have no controller that says
//! how many there should be: `maxUnavailable` does not work for those.
//!
//! # What it may break
//!
//! One pod at a time may be evicted. Where the budget was meant to block every drain, for instance
//! to protect a quorum or a single replica, it no longer does.
//!
//! # Other tools
//!
//! kube-linter compares the budget's selector with the selectors of the workloads, each workload by
//! itself, counts DaemonSets and Jobs as nought, and heeds autoscalers only where `replicas` is 1.

use crate::common::{
    Share, allow_one_disruption, autoscaled_minimum, budget_field, is_budget, replicas,
};
use crate::selector::Selector;
use crate::{Check, Context, Object, Remedy, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "pdb-min-available",
    title: "Budget allows no disruption (minAvailable)",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:pdb-min-available",
        "polaris:pdbDisruptionsIsZero",
        "kyverno:pdb-minavailable-check",
        "kyverno:deployment-replicas-higher-than-pdb",
        "kyverno:require-replicas-allow-disruption",
        "kyverno:require-reasonable-pdbs",
    ],
    references: &[],
    touches: &["spec/minAvailable", "spec/maxUnavailable"],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "minAvailable"];
const SELECTOR: [&str; 2] = ["spec", "selector"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_budget(object) {
        return;
    }
    let Some(written) = budget_field(object, "minAvailable") else { return };
    let Some(share) = Share::of(written) else {
        let advice = "needs the number of pods, or the percentage, that must stay";
        let message = "minAvailable is neither a number nor a percentage";
        return cx.report(object.site(&KEYS), message, advice);
    };
    let selector = object.at(&SELECTOR).filter(|selector| selector.is_map());
    let selector = match selector.map(Selector::parse) {
        Some(Ok(selector)) => selector,
        Some(Err(what)) => {
            let advice = "needs valid keys, operators and values";
            let message = format!("selector of the budget is invalid: {what}");
            return cx.report(object.site(&SELECTOR), message, advice);
        }
        None => {
            let advice = "needs the labels of the pods that the budget is for";
            return cx.report(object.site(&SELECTOR), "budget has no selector", advice);
        }
    };
    let covered = cx.set.matched(object, &selector);
    let message = match (share, pods(&covered, cx)) {
        (Share::Percent(100..), _) => "budget wants to keep every pod".to_owned(),
        (_, Some(total)) if (1..=share.rounded_up(total)).contains(&total) => {
            format!("budget wants to keep {} of {total} pods", share.rounded_up(total))
        }
        _ => return,
    };
    cx.report(object.site(&KEYS), message, remedy(object, &covered));
}

/// The least number of pods that the workloads have together, as far as all of them tell.
fn pods(covered: &[&Object<'_>], cx: &Context<'_, '_>) -> Option<i64> {
    covered.iter().try_fold(0, |total: i64, workload| {
        let own = autoscaled_minimum(cx.set, workload)
            .or_else(|| replicas(workload))
            .or((workload.kind == "Pod").then_some(1))?;
        Some(total.saturating_add(own))
    })
}

fn remedy(object: &Object<'_>, covered: &[&Object<'_>]) -> Remedy {
    match covered.iter().find(|workload| replicas(workload).is_none()) {
        Some(workload) => format!(
            "needs a smaller number: maxUnavailable does not work for the {} \"{}\"",
            workload.kind, workload.name
        )
        .into(),
        None => allow_one_disruption(object).into(),
    }
}
