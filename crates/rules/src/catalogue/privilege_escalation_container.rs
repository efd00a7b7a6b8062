//! # What it finds
//!
//! A container that gains rights by its own words, in this order: `allowPrivilegeEscalation: true`,
//! `privileged: true`, or the capability `SYS_ADMIN` (exactly this word). Only the first is
//! reported. A field that is left out is not reported here; `allow-privilege-escalation` does that.
//!
//! # Why it matters
//!
//! Each of the three lets a process in the container get more rights than its parent had.
//!
//! # What the fix changes
//!
//! `allowPrivilegeEscalation: false`, or `privileged: false` and no `SYS_ADMIN` where one of these
//! is the reason. The API server refuses `false` beside either of them, so the first form waits
//! until they are gone.
//!
//! # What it may break
//!
//! setuid programs such as `sudo` or `su` no longer gain rights. Without `privileged` or
//! `SYS_ADMIN`, mounts, devices and namespaces of the node are out of reach.

use crate::common::{capability_site, escalation_off, unprivileged};
use crate::{Check, Container, Context, Fix, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "privilege-escalation-container",
    title: "Container asks for privilege escalation",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: Some("drop_capabilities"),
    aliases: &["kube-linter:privilege-escalation-container"],
    references: &[],
    touches: &[
        "{container}/securityContext/allowPrivilegeEscalation",
        "{container}/securityContext/privileged",
        "{container}/securityContext/capabilities/add/**",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const SYS_ADMIN: &str = "SYS_ADMIN";

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let is_true = |key: &str| container.security_field(key).and_then(Node::as_bool) == Some(true);
    let site = |key: &str| container.site(pod, &["securityContext", key]);
    let label = container.label();
    if is_true("allowPrivilegeEscalation") {
        let message = format!("{label} allows privilege escalation");
        let fix = escalation_off(pod, container);
        return cx.report(site("allowPrivilegeEscalation"), message, fix);
    }
    let privileged = is_true("privileged");
    let added = container.capabilities("add").position(|entry| entry == SYS_ADMIN);
    let fix = without_both(pod, container, privileged, added.is_some());
    if privileged {
        cx.report(site("privileged"), format!("{label} can escalate: it runs privileged"), fix);
    } else if let Some(index) = added {
        let site = capability_site(pod, container, "add", index);
        cx.report(site, format!("{label} can escalate: it adds {SYS_ADMIN}"), fix);
    }
}

/// Takes away what lets the container escalate. Both, as the one left would be found next.
fn without_both(pod: &Pod<'_>, container: &Container<'_>, privileged: bool, added: bool) -> Fix {
    let path = |keys: &[&str]| container.path(pod, keys);
    let mut fix = Fix::unsafe_because("loses mounts, devices and kernel rights of the node");
    if privileged {
        fix = unprivileged(fix, pod, container);
    }
    if added {
        fix = fix.remove_item(path(&["securityContext", "capabilities", "add"]), SYS_ADMIN);
    }
    fix
}
