//! # What it finds
//!
//! An entry `NET_RAW` (or `CAP_NET_RAW`) in `capabilities.add` of a regular or init container.
//!
//! # Why it matters
//!
//! With NET_RAW a process can forge packets and pose as other pods of the same network.
//!
//! # What the fix changes
//!
//! The entry goes from `add`; an emptied list goes with it.
//!
//! # What it may break
//!
//! Tools that use raw sockets fail once the runtime does not grant the capability by default.

use crate::common::{names_capability, report_added};
use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "net-raw-added",
    title: "NET_RAW is added",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &["trivy:KSV-0119", "pss:capabilities_baseline"],
    references: &["PSS baseline"],
    touches: &["{container}/securityContext/capabilities/add/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role != Role::Ephemeral {
        report_added(pod, container, cx, |entry| names_capability(entry, "NET_RAW"));
    }
}
