//! # What it finds
//!
//! An object in an alpha or beta version of an API of Kubernetes that the target version
//! (`kubernetesVersion`) deprecates or no longer serves, because a stable version has taken its
//! place. Custom resources are not judged.
//!
//! # Why it matters
//!
//! After an upgrade of the cluster the object can no longer be applied.
//!
//! # What the fix changes
//!
//! The new `apiVersion` is written where the object is as good there as it stands, but for that; a
//! PodDisruptionBudget also gets the default of its new field `unhealthyPodEvictionPolicy`.
//! Otherwise the finding names what has to change: a missing selector, paths without `pathType`,
//! metrics in the old form.
//!
//! # What it may break
//!
//! Fields that are left out take the defaults of the new version, which differ for workloads and
//! webhooks. Clusters that do not serve the new version yet refuse the object.
//!
//! # Other tools
//!
//! Trivy, kube-score and Kyverno have lists of their own.

use crate::common::api_versions::{Succession, migration, succession};
use crate::pod_security::Edition;
use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "deprecated-api-version",
    title: "API version is deprecated or gone",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0107", "kube-score:stable-version", "kyverno:check-deprecated-apis"],
    references: &[],
    touches: &["apiVersion", "spec/unhealthyPodEvictionPolicy"],
    removes: &[],
    parameters: &[VERSION],
    scope: Scope::Object,
    check: Check::Object(check),
};

const VERSION: Parameter = Parameter {
    name: "kubernetesVersion",
    meaning: "the version of the cluster, such as 1.25; anything else stands for the newest",
    default: DefaultValue::Text("latest"),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let Some(succession) = succession(object) else { return };
    let minor = match cx.text(&VERSION) {
        "latest" => u32::MAX,
        version => Edition::minor_from(version).unwrap_or(u32::MAX),
    };
    if succession.since <= minor {
        let message = message(object, succession, succession.removed <= minor);
        cx.report(object.site(&["apiVersion"]), message, migration(object, succession));
    }
}

fn message(object: &Object<'_>, succession: &Succession, is_gone: bool) -> String {
    let what = format!("{} {}", object.api_version, object.kind);
    let removed = succession.removed;
    match is_gone {
        true => format!("{what} is not served from Kubernetes 1.{removed} on"),
        false => format!("{what} is deprecated: Kubernetes 1.{removed} does not serve it"),
    }
}
