//! # What it finds
//!
//! A topology spread constraint without `labelSelector`, with a `maxSkew` that is missing or below
//! 1, a `minDomains` below 1, no `topologyKey`, or a `whenUnsatisfiable` other than `DoNotSchedule`
//! and `ScheduleAnyway`. Each fault is a finding.
//!
//! # Why it matters
//!
//! Without a selector the constraint counts no pods and spreads nothing. The API server refuses the
//! other faults.
//!
//! # What the fix changes
//!
//! A missing `labelSelector` becomes the workload's own selector; with `ScheduleAnyway` that is a
//! safe fix. There is no fix for the other faults: which value is meant is not in the manifest.
//!
//! # What it may break
//!
//! With `DoNotSchedule` the constraint takes effect for the first time, and can leave pods
//! unscheduled.

use crate::common::{own_selector, spread_constraints};
use crate::{Check, Context, Fix, Pod, Remedy, Rule, Scope};
use manifest::{Node, Path};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "topology-spread-invalid",
    title: "Topology spread constraint does not work",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kube-score:pod-topology-spread-constraints"],
    references: &[],
    touches: &["{pod}/topologySpreadConstraints/*/labelSelector/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (index, constraint) in spread_constraints(pod) {
        let field = |key: &str| constraint.get(key).filter(|value| !value.is_null());
        let is_low = |value: Node<'_>| value.as_i64().is_some_and(|number| number < 1);
        let kind = field("whenUnsatisfiable").and_then(Node::as_str);
        let site = |key: &str| pod.item_site(&["topologySpreadConstraints"], index, &[key]);
        if field("labelSelector").is_none() {
            let site = site("labelSelector");
            let remedy = own_selector_fix(pod, kind, site.path.clone(), cx);
            cx.report(site, "constraint has no labelSelector and counts no pods", remedy);
        }
        let faults = [
            (field("maxSkew").is_none_or(is_low), "maxSkew", "a difference of 1 or more pods"),
            (field("minDomains").is_some_and(is_low), "minDomains", "1 or more domains, or none"),
            (
                field("topologyKey").is_none_or(|key| key.as_str() == Some("")),
                "topologyKey",
                "the node label whose values are the domains",
            ),
            (
                !matches!(kind, Some("DoNotSchedule" | "ScheduleAnyway")),
                "whenUnsatisfiable",
                "DoNotSchedule or ScheduleAnyway",
            ),
        ];
        for (_, key, wanted) in faults.iter().filter(|(is_bad, ..)| *is_bad) {
            let message = format!("constraint has no valid {key}");
            cx.report(site(key), message, format!("needs to know what is meant: {wanted}"));
        }
    }
}

fn own_selector_fix(pod: &Pod<'_>, kind: Option<&str>, path: Path, cx: &Context<'_, '_>) -> Remedy {
    let Some(selector) = own_selector(pod, cx.object) else {
        return "needs labels that tell the workload's pods from others".into();
    };
    let fix = match kind {
        Some("ScheduleAnyway") => Fix::safe(),
        _ => Fix::unsafe_because("the constraint takes effect and can leave pods unscheduled"),
    };
    fix.set(path, selector).into()
}
