//! # What it finds
//!
//! A Service of type `ExternalName` whose `externalName` is `localhost`, in any case and with or
//! without a final dot.
//!
//! # Why it matters
//!
//! Whoever resolves the Service is sent to itself. An ingress controller that does so opens its own
//! local ports, such as its administration, to the outside.
//!
//! # What the fix changes
//!
//! Nothing by itself: where the Service should point to is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "service-external-name-localhost",
    title: "Service stands for localhost",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:no-localhost-service"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "externalName"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let text = |keys: &[&str]| object.at(keys).and_then(Node::as_str).unwrap_or("");
    let is_alias = object.is("", "Service") && text(&["spec", "type"]) == "ExternalName";
    if !is_alias || !text(&KEYS).trim_end_matches('.').eq_ignore_ascii_case("localhost") {
        return;
    }
    let advice = "needs the name of the host that is meant; remove the Service if there is none";
    cx.report(object.site(&KEYS), "service stands for localhost", advice);
}
