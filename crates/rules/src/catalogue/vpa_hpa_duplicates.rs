//! # What it finds
//!
//! A HorizontalPodAutoscaler or VerticalPodAutoscaler whose target already has another of the same
//! kind in the namespace; the first in the order of the files is not reported. And a
//! VerticalPodAutoscaler whose target is not written, or is not among the manifests of the
//! namespace.
//!
//! # Why it matters
//!
//! Two autoscalers of a kind undo what the other does. One without a target does nothing.
//!
//! # What the fix changes
//!
//! Nothing by itself: which of them is meant is not in the manifests.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::{scale_target, target_field};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "vpa-hpa-duplicates",
    title: "Two autoscalers of a kind for one workload",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kyverno:prevent-duplicate-hpa",
        "kyverno:prevent-duplicate-vpa",
        "kyverno:verify-vpa-target",
    ],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let Some(field) = target_field(object) else { return };
    let is_vertical = object.kind == "VerticalPodAutoscaler";
    let Some(target) = scale_target(object) else {
        if is_vertical {
            cx.report(
                object.site(&["spec", field]),
                "autoscaler has no target",
                "needs its target",
            );
        }
        return;
    };
    let site = object.site(&["spec", field, "name"]);
    let rivals = cx.set.referring(object, target.kind, target.name);
    let first = rivals
        .into_iter()
        .find(|other| other.is(object.group(), object.kind) && scale_target(other) == Some(target));
    if let Some(first) = first.filter(|first| first.name != object.name) {
        let (kind, name) = (target.kind, target.name);
        let message = format!("{kind} \"{name}\" has the autoscaler \"{}\" already", first.name);
        cx.report(site, message, "needs to know which of the two is meant: remove the other");
    } else if is_vertical && cx.set.named(object, target.group, target.kind, target.name).is_empty()
    {
        let message = format!("{} \"{}\" is not among the manifests", target.kind, target.name);
        cx.report(site, message, "needs to know which workload is meant: correct the target");
    }
}
