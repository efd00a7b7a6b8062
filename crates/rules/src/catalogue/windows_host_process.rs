//! # What it finds
//!
//! `windowsOptions.hostProcess: true`, at pod level or on a container.
//!
//! # Why it matters
//!
//! A HostProcess container runs in the node's own session, with access to its files and network; it
//! is Windows' form of a privileged container.
//!
//! # What the fix changes
//!
//! `hostProcess` becomes `false`, where it is set.
//!
//! # What it may break
//!
//! Node agents on Windows (CNI, CSI, log shippers) stop working. Such pods also set `hostNetwork`,
//! which the rule `host-network` reports.

use crate::{Check, Context, Fix, Pod, Rule, Scope, Site, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "windows-host-process",
    title: "Windows HostProcess container",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:hostProcess",
        "kubescape:C-0202",
        "trivy:KSV-0103",
        "kyverno:disallow-host-process",
        "pss:windowsHostProcess",
    ],
    references: &["CIS 5.2.11"],
    touches: &[
        "{pod}/securityContext/windowsOptions/hostProcess",
        "{container}/securityContext/windowsOptions/hostProcess",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 3] = ["securityContext", "windowsOptions", "hostProcess"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if is_host_process(pod.spec) {
        report(pod.site(&KEYS), "pod runs as a Windows HostProcess", cx);
    }
    for container in pod.containers.iter().filter(|c| is_host_process(c.node)) {
        let message = format!("{} is a Windows HostProcess", container.label());
        report(container.site(pod, &KEYS), &message, cx);
    }
}

fn is_host_process(holder: Node<'_>) -> bool {
    holder.at(&KEYS).and_then(Node::as_bool) == Some(true)
}

fn report(site: Site, message: &str, cx: &mut Context<'_, '_>) {
    let fix = Fix::unsafe_because("node agents on Windows lose access to the node")
        .set(site.path.clone(), Written::rule(false));
    cx.report(site, message, fix);
}
