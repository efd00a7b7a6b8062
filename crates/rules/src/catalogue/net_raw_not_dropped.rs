//! # What it finds
//!
//! A container whose `capabilities.drop` has neither `ALL` nor `NET_RAW`, in any case. A missing
//! list or `securityContext` counts. Pods declared for Windows are exempt.
//!
//! # Why it matters
//!
//! Runtimes grant NET_RAW by default. With it a process can forge packets and pose as other pods of
//! the same network.
//!
//! # What the fix changes
//!
//! `NET_RAW` joins `capabilities.drop`.
//!
//! # What it may break
//!
//! Tools that use raw sockets (ping, arping, port scanners, some DHCP clients) fail.
//!
//! # Other tools
//!
//! Checkov accepts every entry that contains one of the two words.

use crate::common::{drop_net_raw, is_all};
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "net-raw-not-dropped",
    title: "NET_RAW is not dropped",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &[
        "kubescape:C-0199",
        "checkov:CKV_K8S_28",
        "checkov:CKV_K8S_7",
        "kyverno:drop-cap-net-raw",
    ],
    references: &["CIS 5.2.8"],
    touches: &["{container}/securityContext/capabilities/drop/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let dropped = |entry: &str| is_all(entry) || entry.eq_ignore_ascii_case("NET_RAW");
    if pod.is_windows() || container.capabilities("drop").any(dropped) {
        return;
    }
    let site = container.site(pod, &["securityContext", "capabilities", "drop"]);
    let message = format!("{} keeps the capability NET_RAW", container.label());
    cx.report(site, message, drop_net_raw(pod, container));
}
