//! # What it finds
//!
//! A container whose `securityContext.procMount` is set to anything but `Default`. The baseline Pod
//! Security Standard allows it from v1.35 on for pods with `hostUsers: false`; the restricted one does
//! not.
//!
//! # Why it matters
//!
//! An unmasked `/proc` shows kernel interfaces that the runtime hides, some of them writable.
//!
//! # What the fix changes
//!
//! `procMount` goes; `Default` is what the API server fills in.
//!
//! # What it may break
//!
//! Builders that run containers inside the container (rootless buildkit, podman) fail.
//!
//! # Other tools
//!
//! kube-linter reports only `Unmasked`, in any case; Polaris looks at regular containers only.

use crate::pod_security::Level;
use crate::{Check, Container, Context, Fix, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "unsafe-proc-mount",
    title: "Masking of /proc is switched off",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:unsafe-proc-mount",
        "polaris:procMount",
        "kubescape:C-0211",
        "trivy:KSV-0027",
        "kyverno:disallow-proc-mount",
        "pss:procMount",
        "pss:procMount_restricted",
    ],
    references: &["CIS 5.7.3"],
    touches: &["{container}/securityContext/procMount"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let edition = cx.settings.pod_security;
    let relaxed = edition.level == Level::Baseline && edition.since(35);
    let mount = container.security_field("procMount").and_then(Node::as_str);
    let Some(mount) = mount.filter(|mount| *mount != "Default") else { return };
    if relaxed && pod.has_user_namespace() {
        return;
    }
    let site = container.site(pod, &["securityContext", "procMount"]);
    let fix = Fix::unsafe_because("builders that run containers inside the container fail")
        .remove_and_prune(site.path.clone());
    cx.report(site, format!("{} mounts /proc as {mount}", container.label()), fix);
}
