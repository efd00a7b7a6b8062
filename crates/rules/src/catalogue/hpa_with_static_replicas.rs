//! # What it finds
//!
//! A workload with `spec.replicas` that a HorizontalPodAutoscaler or a KEDA ScaledObject of the
//! same namespace scales, by kind and name. Workloads with `replicas: 0`, which are switched off,
//! pass.
//!
//! # Why it matters
//!
//! Every apply puts the written number back and undoes what the autoscaler did, in the middle of
//! the load that it reacted to.
//!
//! # What the fix changes
//!
//! `replicas` goes; the autoscaler alone sets the number.
//!
//! # What it may break
//!
//! The first client-side apply after the change resets the workload to one replica, until the
//! autoscaler reacts. Apply server-side, or take the field out of the last-applied annotation
//! first.
//!
//! # Other tools
//!
//! kube-score looks at Deployments and HorizontalPodAutoscalers only.

use crate::common::{has_replicas, is_autoscaled};
use crate::{Check, Context, Fix, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "hpa-with-static-replicas",
    title: "Replicas are fixed although an autoscaler sets them",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-score:deployment-targeted-by-hpa-does-not-have-replicas-configured",
        "kyverno:check-hpa-exists",
    ],
    references: &[],
    touches: &["spec/replicas"],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "replicas"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !has_replicas(object) {
        return;
    }
    let written = object.at(&KEYS).and_then(Node::as_i64).filter(|replicas| *replicas != 0);
    let Some(replicas) = written.filter(|_| is_autoscaled(object, cx)) else { return };
    let site = object.site(&KEYS);
    let fix = Fix::unsafe_because(
        "the first client-side apply afterwards resets the workload to one replica until the \
         autoscaler reacts",
    )
    .remove(site.path.clone());
    cx.report(site, format!("replicas is fixed at {replicas}, and an autoscaler sets it"), fix);
}
