//! # What it finds
//!
//! An object whose API group matches `extensions` (`group`), whose version matches `v1beta.+`
//! (`version`), and whose kind matches `kind`. The expressions may match anywhere in the text.
//!
//! # Why it matters
//!
//! No supported version of Kubernetes serves this group: the object cannot be applied.
//!
//! # What the fix changes
//!
//! The new `apiVersion` is written where the object is as good there as it stands, but for that.
//! Otherwise the finding names what has to change: a missing selector, paths without `pathType`,
//! backends in the old form.
//!
//! # What it may break
//!
//! Fields that are left out take the defaults of the new version: rolling updates for DaemonSets, a
//! quarter of the replicas at a time and a progress deadline for Deployments.
//!
//! # Other tools
//!
//! `deprecated-api-version` covers these and every other version that is gone.

use crate::common::api_versions::{migration, succession};
use crate::{Check, Context, DefaultValue, Object, Parameter, Remedy, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "no-extensions-v1beta",
    title: "Object of extensions/v1beta1",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:no-extensions-v1beta"],
    references: &[],
    touches: &["apiVersion"],
    removes: &[],
    parameters: &[GROUP, VERSION, KIND],
    scope: Scope::Object,
    check: Check::Object(check),
};

const GROUP: Parameter = Parameter {
    name: "group",
    meaning: "a regular expression of the API groups that count",
    default: DefaultValue::Pattern("extensions"),
};

const VERSION: Parameter = Parameter {
    name: "version",
    meaning: "a regular expression of the versions that count",
    default: DefaultValue::Pattern("v1beta.+"),
};

const KIND: Parameter = Parameter {
    name: "kind",
    meaning: "a regular expression of the kinds that count",
    default: DefaultValue::Pattern(""),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let version = object.api_version.rsplit('/').next().unwrap_or("");
    let is_meant = cx.matches(&GROUP, object.group())
        && cx.matches(&VERSION, version)
        && cx.matches(&KIND, object.kind);
    if !is_meant {
        return;
    }
    let remedy = match succession(object) {
        Some(succession) => migration(object, succession),
        None => Remedy::from("needs the version of the API that takes its place"),
    };
    let message = format!("{} is of {}", object.kind, object.api_version);
    cx.report(object.site(&["apiVersion"]), message, remedy);
}
