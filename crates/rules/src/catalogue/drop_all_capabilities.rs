//! # What it finds
//!
//! A container whose `capabilities.drop` has no entry `ALL`, in any case. A missing list or
//! `securityContext` counts. Pods declared for Windows are exempt.
//!
//! # Why it matters
//!
//! Runtimes grant about a dozen capabilities by default. Most programs use none of them, while an
//! intruder may: to change file owners, to forge packets, to switch users.
//!
//! # What the fix changes
//!
//! `ALL` joins `capabilities.drop`; what is added stays.
//!
//! # What it may break
//!
//! Entry points that change file owners or switch user (gosu, su-exec, the master process of
//! nginx), and programs that bind a port below 1024 without the capability `NET_BIND_SERVICE`.
//!
//! # Other tools
//!
//! Polaris also accepts a list that names all default capabilities. The Pod Security Standards take
//! only the upper-case word; see `capabilities-restricted`.

use crate::common::{drop_all, is_all};
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "drop-all-capabilities",
    title: "ALL capabilities are not dropped",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &[
        "polaris:insecureCapabilities",
        "kubescape:C-0201",
        "kubescape:C-0220",
        "trivy:KSV-0003",
        "checkov:CKV_K8S_37",
        "checkov:CKV_K8S_36",
        "kyverno:drop-all-capabilities",
        "kyverno:disallow-capabilities-strict",
        "pss:capabilities_restricted",
    ],
    references: &["CIS 5.2.10"],
    touches: &["{container}/securityContext/capabilities/drop/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if pod.is_windows() || container.capabilities("drop").any(is_all) {
        return;
    }
    let site = container.site(pod, &["securityContext", "capabilities", "drop"]);
    let message = format!("{} does not drop all capabilities", container.label());
    cx.report(site, message, drop_all(pod, container));
}
