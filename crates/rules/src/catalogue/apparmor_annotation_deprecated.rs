//! # What it finds
//!
//! An annotation `container.apparmor.security.beta.kubernetes.io/<container>` for a container that
//! has no `appArmorProfile`, where the pod has none either.
//!
//! # Why it matters
//!
//! Kubernetes 1.30 replaced the annotation by a field. What reads only the field, such as newer
//! policies, takes the container for one without a profile.
//!
//! # What the fix changes
//!
//! The field that says the same is added to the container: `runtime/default` becomes
//! `RuntimeDefault`, `localhost/x` becomes `Localhost` with the profile `x`. The annotation stays,
//! for nodes older than 1.30. There is no fix for `unconfined`: see `apparmor-disabled`.
//!
//! # What it may break
//!
//! Nothing: the fix is safe. The API server makes the same field of the annotation when it creates
//! a pod.
//!
//! # Other tools
//!
//! Kyverno adds the annotation where it is missing.

use crate::{Check, Container, Context, Fix, Pod, Remedy, Rule, Scope, Site, Written};
use manifest::Path;
use record::Severity;
use serde_json::json;

pub(crate) static RULE: Rule = Rule {
    id: "apparmor-annotation-deprecated",
    title: "AppArmor is set by the old annotation only",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:add-apparmor-annotations"],
    references: &[],
    touches: &["{container}/securityContext/appArmorProfile/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const KEYS: [&str; 2] = ["securityContext", "appArmorProfile"];
const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let Some(annotations) = pod.annotations() else { return };
    let has_field = container.effective_security_field(pod, KEYS[1]).is_some();
    if has_field || container.name.is_empty() || pod.is_windows() {
        return;
    }
    let key = format!("{ANNOTATION}{}", container.name);
    let Some(value) = annotations.get(&key) else { return };
    let Some(profile) = value.as_str().filter(|profile| !profile.is_empty()) else { return };
    let message = format!("only an annotation sets AppArmor of {} to {profile}", container.label());
    let site = Site { path: pod.metadata_path(&["annotations", &key]), span: value.span() };
    cx.report(site, message, remedy(profile, container.path(pod, &KEYS), &key));
}

fn remedy(profile: &str, field: Path, key: &str) -> Remedy {
    let kind = match profile {
        "runtime/default" => json!({ "type": "RuntimeDefault" }),
        "unconfined" => return "needs the profile that is meant instead of unconfined".into(),
        _ => match profile.strip_prefix("localhost/").filter(|name| !name.is_empty()) {
            Some(name) => json!({ "type": "Localhost", "localhostProfile": name }),
            None => return "needs a profile that exists: the API server refuses this one".into(),
        },
    };
    Fix::safe().set(field, Written::manifest(kind, format!("annotation {key}"))).into()
}
