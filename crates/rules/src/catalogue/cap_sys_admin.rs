//! # What it finds
//!
//! An entry `SYS_ADMIN` (or `CAP_SYS_ADMIN`) in `capabilities.add`. Regular, init and ephemeral
//! containers.
//!
//! # Why it matters
//!
//! SYS_ADMIN covers mounting, namespaces and much more; with it, leaving the container is a matter
//! of a few commands.
//!
//! # What the fix changes
//!
//! The entry goes from `add`; an emptied list goes with it.
//!
//! # What it may break
//!
//! Programs that mount file systems, enter namespaces or load eBPF programs fail.

use crate::common::{names_capability, report_added};
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "cap-sys-admin",
    title: "SYS_ADMIN is added",
    severity: Severity::Critical,
    default: true,
    taste: false,
    policy_id: Some("drop_cap_sys_admin"),
    aliases: &["trivy:KSV-0005", "checkov:CKV_K8S_39"],
    references: &[],
    touches: &["{container}/securityContext/capabilities/add/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    report_added(pod, container, cx, |entry| names_capability(entry, "SYS_ADMIN"));
}
