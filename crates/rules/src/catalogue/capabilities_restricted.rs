//! # What it finds
//!
//! A container that does not drop `ALL` capabilities (exactly this word), or adds any other than
//! `NET_BIND_SERVICE`. Pods declared for Windows are exempt.
//!
//! # Why it matters
//!
//! This is the capability control of the restricted Pod Security Standard, from v1.22 on.
//!
//! # What the fix changes
//!
//! `ALL` joins `capabilities.drop`; entries of `add` other than `NET_BIND_SERVICE` go.
//!
//! # What it may break
//!
//! Entry points that change file owners, bind low ports or switch user fail, and so does whatever
//! needs a capability that was added.

use crate::common::{drop_all, report_added};
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "capabilities-restricted",
    title: "Only NET_BIND_SERVICE may be added and ALL must be dropped",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &[
        "kubescape:C-0200",
        "trivy:KSV-0106",
        "kyverno:disallow-capabilities-strict",
        "pss:capabilities_restricted",
    ],
    references: &["CIS 5.2.9", "PSS restricted"],
    touches: &["{container}/securityContext/capabilities/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if pod.is_windows() && cx.settings.pod_security.since(25) {
        return;
    }
    if !container.capabilities("drop").any(|entry| entry == "ALL") {
        cx.report(
            container.site(pod, &["securityContext", "capabilities", "drop"]),
            format!("{} does not drop ALL capabilities", container.label()),
            drop_all(pod, container),
        );
    }
    report_added(pod, container, cx, |entry| entry != "NET_BIND_SERVICE");
}
