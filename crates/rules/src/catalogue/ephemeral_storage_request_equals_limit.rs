//! # What it finds
//!
//! A regular or init container that has both a request and a limit for `ephemeral-storage`, and
//! they differ. Amounts are compared by value.
//!
//! # Why it matters
//!
//! Containers may then use disk that nobody has set aside for them. When the disk runs short, pods
//! above their request are evicted first.
//!
//! # What the fix changes
//!
//! Nothing by itself: either of the two numbers may be the wrong one.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::quantity::Quantity;
use crate::{Check, Container, Context, Pod, Role, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "ephemeral-storage-request-equals-limit",
    title: "Ephemeral storage request differs from its limit",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-score:container-ephemeral-storage-request-equals-limit"],
    references: &[],
    touches: &["{container}/resources/requests/ephemeral-storage", "{container}/resources/limits/ephemeral-storage"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const RESOURCE: &str = "ephemeral-storage";

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role == Role::Ephemeral {
        return;
    }
    let amount = |list: &str| {
        Quantity::of(container.node.at(&["resources", list, RESOURCE])?)
            .filter(|own| !own.is_zero())
    };
    let (Some(request), Some(limit)) = (amount("requests"), amount("limits")) else { return };
    if request != limit {
        let site = container.site(pod, &["resources", "requests", RESOURCE]);
        let message = format!("{RESOURCE} request of {} differs from its limit", container.label());
        cx.report(site, message, "needs to know what the container uses: make both the same");
    }
}
