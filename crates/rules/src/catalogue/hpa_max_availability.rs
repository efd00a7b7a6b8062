//! # What it finds
//!
//! A HorizontalPodAutoscaler whose `maxReplicas` is missing, or not above its `minReplicas`; a
//! minimum that is not written is 1.
//!
//! # Why it matters
//!
//! The number of replicas can never change, whatever the load. Without `maxReplicas` the API server
//! refuses the object.
//!
//! # What the fix changes
//!
//! Nothing by itself: how many replicas the cluster can carry is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Polaris passes over autoscalers without `minReplicas`.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "hpa-max-availability",
    title: "Autoscaler has nothing to scale",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["polaris:hpaMaxAvailability"],
    references: &[],
    touches: &["spec/maxReplicas"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const MAX: [&str; 2] = ["spec", "maxReplicas"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("autoscaling", "HorizontalPodAutoscaler") {
        return;
    }
    let number = |keys: &[&str]| object.at(keys).filter(|number| !number.is_null());
    let least = number(&["spec", "minReplicas"]).map_or(Some(1), Node::as_i64);
    let message = match (number(&MAX).map(Node::as_i64), least) {
        (None, _) => "autoscaler has no maxReplicas".to_owned(),
        (Some(Some(most)), Some(least)) if most <= least => {
            format!("autoscaler goes from {least} to {most} replicas: nothing is scaled")
        }
        _ => return,
    };
    let advice = "needs the most replicas that the workload may have, above minReplicas";
    cx.report(object.site(&MAX), message, advice);
}
