//! # What it finds
//!
//! An AppArmor profile that is neither the runtime's default nor a local one: `appArmorProfile.type`
//! at pod level or on a container, or the older annotation
//! `container.apparmor.security.beta.kubernetes.io/<container>`.
//!
//! # Why it matters
//!
//! `Unconfined` switches off a confinement that the container would have by default.
//!
//! # What the fix changes
//!
//! The type becomes `RuntimeDefault`, the annotation `runtime/default`.
//!
//! # What it may break
//!
//! Programs that mount, trace or write where the default profile forbids it fail. Nodes without
//! AppArmor refuse pods that name a profile.

use crate::{Check, Context, Fix, Pod, Rule, Scope, Site, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "apparmor-disabled",
    title: "AppArmor profile is overridden",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0002", "kyverno:restrict-apparmor-profiles", "pss:appArmorProfile"],
    references: &["PSS baseline"],
    touches: &[
        "{pod}/securityContext/appArmorProfile/type",
        "{container}/securityContext/appArmorProfile/type",
        "{template}/metadata/annotations/*",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 3] = ["securityContext", "appArmorProfile", "type"];
const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if let Some(profile) = bad_profile(pod.spec) {
        report(pod.site(&KEYS), format!("pod sets AppArmor to {profile}"), "RuntimeDefault", cx);
    }
    for container in &pod.containers {
        if let Some(profile) = bad_profile(container.node) {
            let message = format!("{} sets AppArmor to {profile}", container.label());
            report(container.site(pod, &KEYS), message, "RuntimeDefault", cx);
        }
    }
    for (key, _, value) in pod.annotations().into_iter().flat_map(Node::entries) {
        let Some(container) = key.strip_prefix(ANNOTATION) else { continue };
        let profile = value.as_str().unwrap_or("");
        if !matches!(profile, "" | "runtime/default") && !profile.starts_with("localhost/") {
            let message =
                format!("annotation sets AppArmor of container \"{container}\" to {profile}");
            let path = pod.metadata_path(&["annotations", key]);
            report(Site { path, span: value.span() }, message, "runtime/default", cx);
        }
    }
}

fn bad_profile<'a>(holder: Node<'a>) -> Option<&'a str> {
    let profile = holder.at(&KEYS[..2]).filter(|profile| !profile.is_null())?;
    let kind = profile.get("type").and_then(Node::as_str).unwrap_or("");
    (!matches!(kind, "RuntimeDefault" | "Localhost")).then_some(kind)
}

fn report(site: Site, message: String, wanted: &str, cx: &mut Context<'_, '_>) {
    let fix = Fix::unsafe_because("programs that mount or trace fail under the default profile")
        .set(site.path.clone(), Written::rule(wanted));
    cx.report(site, message, fix);
}
