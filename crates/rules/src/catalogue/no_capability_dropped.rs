//! # What it finds
//!
//! A container whose `capabilities.drop` is missing or empty. Pods declared for Windows are exempt.
//!
//! # Why it matters
//!
//! The container keeps every capability that the runtime grants by default.
//!
//! # What the fix changes
//!
//! `capabilities.drop: [ALL]`; what is added stays.
//!
//! # What it may break
//!
//! Entry points that change file owners, bind ports below 1024 or switch user.
//!
//! # Other tools
//!
//! `drop-all-capabilities` asks for more: a list without `ALL` is not enough there.

use crate::common::drop_all;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "no-capability-dropped",
    title: "No capability is dropped",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &["trivy:KSV-0004"],
    references: &[],
    touches: &["{container}/securityContext/capabilities/drop/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if pod.is_windows() || container.capabilities("drop").next().is_some() {
        return;
    }
    let site = container.site(pod, &["securityContext", "capabilities", "drop"]);
    let message = format!("{} drops no capability", container.label());
    cx.report(site, message, drop_all(pod, container));
}
