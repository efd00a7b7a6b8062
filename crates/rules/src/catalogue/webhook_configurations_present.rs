//! # What it finds
//!
//! Every ValidatingWebhookConfiguration and MutatingWebhookConfiguration.
//!
//! # Why it matters
//!
//! For information: a webhook sees and may change every object that it asks for. Know each of them.
//!
//! # What the fix changes
//!
//! Nothing by itself: there is nothing to change.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "webhook-configurations-present",
    title: "Admission webhook to review",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0036", "kubescape:C-0039"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let verb = match object.kind {
        "ValidatingWebhookConfiguration" => "judge",
        "MutatingWebhookConfiguration" => "change",
        _ => return,
    };
    if object.group() == "admissionregistration.k8s.io" {
        let count = object.at(&["webhooks"]).map_or(0, Node::len);
        cx.report(
            object.site(&["webhooks"]),
            format!("{count} webhooks {verb} objects on their way in"),
            "needs a review: who runs the webhook, and which objects it has to see",
        );
    }
}
