//! # What it finds
//!
//! A HorizontalPodAutoscaler whose `spec.minReplicas` is below the parameter `minReplicas` (3); a
//! number that is not written counts as 1.
//!
//! # Why it matters
//!
//! At quiet times the workload shrinks to so few replicas that an update or a broken node takes it
//! down.
//!
//! # What the fix changes
//!
//! `minReplicas` becomes the minimum, and `maxReplicas` too if it is lower. There is no fix where
//! that would leave the autoscaler nothing to scale, which `hpa-max-availability` would report.
//!
//! # What it may break
//!
//! More pods cost more at quiet times. Programs that may run only once do their work several times.
//!
//! # Other tools
//!
//! Polaris and kube-score ask for two; Polaris only where the field is written.

use crate::{Check, Context, DefaultValue, Fix, Object, Parameter, Remedy, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "hpa-minimum-three-replicas",
    title: "Autoscaler may go down to few replicas",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:hpa-minimum-three-replicas",
        "polaris:hpaMinAvailability",
        "kube-score:horizontalpodautoscaler-replicas",
    ],
    references: &[],
    touches: &["spec/minReplicas", "spec/maxReplicas"],
    removes: &[],
    parameters: &[MIN_REPLICAS],
    scope: Scope::Object,
    check: Check::Object(check),
};

const MIN_REPLICAS: Parameter = Parameter {
    name: "minReplicas",
    meaning: "the fewest replicas that are enough",
    default: DefaultValue::Integer(3),
};

const MIN: [&str; 2] = ["spec", "minReplicas"];
const MAX: [&str; 2] = ["spec", "maxReplicas"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("autoscaling", "HorizontalPodAutoscaler") {
        return;
    }
    let written = object.at(&MIN).filter(|replicas| !replicas.is_null());
    let Some(replicas) = written.map_or(Some(1), Node::as_i64) else { return };
    let wanted = cx.integer(&MIN_REPLICAS);
    if replicas >= wanted {
        return;
    }
    let site = object.site(&MIN);
    let message = format!("autoscaler may go down to {replicas} of at least {wanted} replicas");
    let most = object.at(&MAX).and_then(Node::as_i64);
    let has_room = most.is_none_or(|most| most > wanted || most <= replicas);
    let remedy = match has_room {
        true => raised(object, wanted, most).into(),
        false => Remedy::from("needs a maxReplicas above the new minimum, or nothing is scaled"),
    };
    cx.report(site, message, remedy);
}

fn raised(object: &Object<'_>, wanted: i64, most: Option<i64>) -> Fix {
    let fix = Fix::unsafe_because(
        "costs more at quiet times; programs that may run only once do their work several times",
    )
    .set(object.site(&MIN).path, Written::rule(wanted));
    match most.is_some_and(|most| most < wanted) {
        true => fix.set(object.site(&MAX).path, Written::rule(wanted)),
        false => fix,
    }
}
