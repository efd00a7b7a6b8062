//! # What it finds
//!
//! Containers that have `securityContext.capabilities`, even an empty one. Reported are entries of
//! `add` that contain `NET_RAW` or are `ALL` in any case, and a `drop` list without such an entry.
//! Containers without `capabilities` are left to `net-raw-not-dropped`.
//!
//! # Why it matters
//!
//! With NET_RAW a process can forge packets and pose as other pods of the same network.
//!
//! # What the fix changes
//!
//! The entry goes from `add`; `NET_RAW` joins `drop`. There is no fix for `add: [ALL]`: which
//! capabilities are needed is not in the manifest.
//!
//! # What it may break
//!
//! Tools that use raw sockets (ping, arping, port scanners, some DHCP clients) fail.

use crate::common::{capability_site, drop_net_raw, is_all, remove_added};
use crate::{Check, Container, Context, Pod, Remedy, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "drop-net-raw-capability",
    title: "NET_RAW is added, or kept where capabilities are listed",
    severity: Severity::Medium,
    default: false,
    policy_id: Some("drop_capabilities"),
    aliases: &["kube-linter:drop-net-raw-capability"],
    references: &[],
    touches: &["{container}/securityContext/capabilities/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.security_field("capabilities").is_none() {
        return;
    }
    for (index, entry) in container.capabilities("add").enumerate() {
        if is_covered(entry) {
            let site = capability_site(pod, container, "add", index);
            let message = format!("{} adds the capability {entry}", container.label());
            cx.report(site, message, remedy(pod, container, entry));
        }
    }
    if !container.capabilities("drop").any(is_covered) {
        let site = container.site(pod, &["securityContext", "capabilities", "drop"]);
        let message = format!("{} does not drop NET_RAW", container.label());
        cx.report(site, message, drop_net_raw(pod, container));
    }
}

/// Names are compared with regard to case, so `CAP_NET_RAW` counts and `net_raw` does not.
fn is_covered(entry: &str) -> bool {
    entry.contains("NET_RAW") || is_all(entry)
}

fn remedy(pod: &Pod<'_>, container: &Container<'_>, entry: &str) -> Remedy {
    if is_all(entry) {
        return "needs the list of capabilities that the program uses, to write in place of ALL"
            .into();
    }
    remove_added(pod, container, entry).into()
}
