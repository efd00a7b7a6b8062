//! # What it finds
//!
//! An entry `SYS_MODULE` (or `CAP_SYS_MODULE`) in `capabilities.add`. Regular, init and ephemeral
//! containers.
//!
//! # Why it matters
//!
//! A process with SYS_MODULE can load code into the kernel of the node. Nothing confines it from
//! then on.
//!
//! # What the fix changes
//!
//! The entry goes from `add`; an emptied list goes with it.
//!
//! # What it may break
//!
//! Programs that load or unload kernel modules fail, such as installers of network or storage
//! drivers.
//!
//! # Other tools
//!
//! Trivy looks at regular and init containers only.

use crate::common::{names_capability, report_added};
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "cap-sys-module",
    title: "SYS_MODULE is added",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0120"],
    references: &[],
    touches: &["{container}/securityContext/capabilities/add/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    report_added(pod, container, cx, |entry| names_capability(entry, "SYS_MODULE"));
}
