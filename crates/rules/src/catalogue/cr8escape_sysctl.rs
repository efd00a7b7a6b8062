//! # What it finds
//!
//! An entry of the pod's `securityContext.sysctls` whose value contains `+` or `=`.
//!
//! # Why it matters
//!
//! CRI-O before 1.19.6, 1.20.7, 1.21.6, 1.22.3 and 1.23.2 takes what follows the sign for further
//! settings of the node (CVE-2022-0811): with `kernel.core_pattern` that means running a program of
//! one's choice as root there.
//!
//! # What the fix changes
//!
//! The entry goes; an emptied list goes with it.
//!
//! # What it may break
//!
//! The kernel setting falls back to the node's default. No sysctl that pods may set needs these
//! signs.

use crate::{Check, Context, Fix, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "cr8escape-sysctl",
    title: "Sysctl value smuggles a second setting",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:prevent-cr8escape"],
    references: &[],
    touches: &["{pod}/securityContext/sysctls/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 2] = ["securityContext", "sysctls"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let list = pod.security_field(KEYS[1]).filter(|list| list.is_seq());
    for (index, sysctl) in list.into_iter().flat_map(Node::items).enumerate() {
        let text = |key: &str| sysctl.get(key).and_then(Node::scalar).unwrap_or("");
        if !text("value").contains(['+', '=']) {
            continue;
        }
        let fix = Fix::unsafe_because("the kernel setting falls back to the node's default")
            .remove_and_prune(pod.item_path(&KEYS, index, &[]));
        let site = pod.item_site(&KEYS, index, &["value"]);
        cx.report(site, format!("value of the sysctl {} holds + or =", text("name")), fix);
    }
}
