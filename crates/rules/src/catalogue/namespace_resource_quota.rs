//! # What it finds
//!
//! A Namespace without a ResourceQuota among the manifests, and a ResourceQuota that sets no limit
//! (`spec.hard`). Manifests that leave their namespace open do not count.
//!
//! # Why it matters
//!
//! One namespace can then use up what the whole cluster has.
//!
//! # What the fix changes
//!
//! Nothing by itself: the amounts that the namespace may use are not in the manifest, and a quota
//! that is too small keeps pods from being created.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Trivy looks at ResourceQuotas only.

use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "namespace-resource-quota",
    title: "Namespace has no quota",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0040", "kyverno:add-ns-quota"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "hard"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let (site, message) = if object.is("", "Namespace") {
        let quotas = cx.set.of_kind_in(object, object.name, "", "ResourceQuota");
        if quotas.into_iter().any(limits) {
            return;
        }
        (object.site(&["metadata", "name"]), "namespace has no quota")
    } else if object.is("", "ResourceQuota") && !limits(object) {
        (object.site(&KEYS), "quota sets no limit")
    } else {
        return;
    };
    cx.report(site, message, "needs the amounts that the namespace may use");
}

fn limits(quota: &Object<'_>) -> bool {
    quota.at(&KEYS).is_some_and(|amounts| !amounts.is_empty())
}
