//! # What it finds
//!
//! A Secret of the type `kubernetes.io/service-account-token`.
//!
//! # Why it matters
//!
//! The token in it never expires. Whoever once read the Secret has the rights of the account until
//! the Secret is deleted.
//!
//! # What the fix changes
//!
//! Nothing by itself: who uses the token is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "sa-token-secret",
    title: "Long-lived service account token",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:deny-secret-service-account-token-type"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("", "Secret") {
        return;
    }
    let kind = object.at(&["type"]).and_then(Node::as_str);
    if kind == Some("kubernetes.io/service-account-token") {
        cx.report(
            object.site(&["type"]),
            "secret holds a service account token that never expires",
            "needs to know who uses the token: give them short-lived ones (projected volumes, \
             kubectl create token), then delete the Secret",
        );
    }
}
