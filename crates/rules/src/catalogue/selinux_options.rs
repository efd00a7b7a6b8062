//! # What it finds
//!
//! `seLinuxOptions` with a `user` or `role`, or with a `type` other than container_t,
//! container_init_t, container_kvm_t and, from v1.31 on, container_engine_t. At pod level and on every
//! container.
//!
//! # Why it matters
//!
//! A custom label can take the container out of the confinement that SELinux gives containers.
//!
//! # What the fix changes
//!
//! The offending keys go; an emptied `seLinuxOptions` goes with them.
//!
//! # What it may break
//!
//! Access to host paths or shared volumes that are labelled for the custom type is denied.

use crate::{Check, Context, Fix, Pod, Rule, Scope, Site};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "selinux-options",
    title: "Custom SELinux user, role or type",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0211",
        "trivy:KSV-0025",
        "kyverno:disallow-selinux",
        "pss:seLinuxOptions",
    ],
    references: &["CIS 5.7.3"],
    touches: &[
        "{pod}/securityContext/seLinuxOptions/*",
        "{container}/securityContext/seLinuxOptions/*",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const OPTIONS: [&str; 2] = ["securityContext", "seLinuxOptions"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    for (key, value) in bad_options(pod.spec, cx) {
        let site = pod.site(&[OPTIONS[0], OPTIONS[1], key]);
        report(site, format!("pod sets the SELinux {key} to {value}"), cx);
    }
    for container in &pod.containers {
        for (key, value) in bad_options(container.node, cx) {
            let site = container.site(pod, &[OPTIONS[0], OPTIONS[1], key]);
            report(site, format!("{} sets the SELinux {key} to {value}", container.label()), cx);
        }
    }
}

fn bad_options<'a>(holder: Node<'a>, cx: &Context<'_, '_>) -> Vec<(&'static str, &'a str)> {
    let engine_allowed = cx.settings.pod_security.since(31);
    let is_bad = |key: &str, value: &str| match (key, value) {
        (_, "") | ("type", "container_t" | "container_init_t" | "container_kvm_t") => false,
        ("type", "container_engine_t") => !engine_allowed,
        _ => true,
    };
    let Some(options) = holder.at(&OPTIONS) else { return Vec::new() };
    ["type", "user", "role"]
        .into_iter()
        .filter_map(|key| Some((key, options.get(key)?.as_str()?)))
        .filter(|(key, value)| is_bad(key, value))
        .collect()
}

fn report(site: Site, message: String, cx: &mut Context<'_, '_>) {
    let fix = Fix::unsafe_because("files labelled for the custom context become unreachable")
        .remove_and_prune(site.path.clone());
    cx.report(site, message, fix);
}
