//! # What it finds
//!
//! A regular or init container whose `capabilities.add` is not empty, whatever it adds.
//!
//! # Why it matters
//!
//! Every added capability widens what an intruder in the container can do to the kernel, the
//! network or the files of others.
//!
//! # What the fix changes
//!
//! The whole list `capabilities.add` goes.
//!
//! # What it may break
//!
//! The workload loses the kernel rights that it asks for: binding low ports, configuring the
//! network, tracing.

use crate::{Check, Container, Context, Fix, Pod, Role, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "any-added-capabilities",
    title: "A capability is added",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &[
        "kubescape:C-0200",
        "kubescape:C-0219",
        "trivy:KSV-0022",
        "checkov:CKV_K8S_25",
        "checkov:CKV_K8S_24",
        "kyverno:psp-restrict-adding-capabilities",
    ],
    references: &["CIS 5.2.9"],
    touches: &["{container}/securityContext/capabilities/add/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let added: Vec<&str> = container.capabilities("add").collect();
    if container.role == Role::Ephemeral || added.is_empty() {
        return;
    }
    let site = container.site(pod, &["securityContext", "capabilities", "add"]);
    let fix = Fix::unsafe_because("the workload loses the kernel rights that it asks for")
        .remove_and_prune(site.path.clone());
    let message = format!("{} adds capabilities: {}", container.label(), added.join(", "));
    cx.report(site, message, fix);
}
