//! # What it finds
//!
//! A container with `resources.limits.cpu`. `unset-cpu-limits` asks for the opposite: select one of
//! the two.
//!
//! # Why it matters
//!
//! A CPU limit slows a container down even while its node has idle CPU. Requests alone share CPU
//! fairly.
//!
//! # What the fix changes
//!
//! The limit goes. A container without a CPU request gets one of the same amount first, because the
//! API server took the limit for it.
//!
//! # What it may break
//!
//! A pod whose requests equalled its limits loses the Guaranteed class, and a ResourceQuota of CPU
//! limits refuses pods without one.
//!
//! # Other tools
//!
//! Kyverno reports every CPU limit.

use crate::{Check, Container, Context, Fix, Pod, Rule, Scope, Written};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "forbid-cpu-limits",
    title: "CPU limit where none is wanted",
    severity: Severity::Low,
    default: false,
    taste: true,
    policy_id: None,
    aliases: &["kyverno:forbid-cpu-limits"],
    references: &[],
    touches: &[
        "{container}/resources/limits",
        "{container}/resources/limits/cpu",
        "{container}/resources/requests/cpu",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const KEYS: [&str; 3] = ["resources", "limits", "cpu"];

const REQUEST: [&str; 3] = ["resources", "requests", "cpu"];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let amount = |keys: &[&str]| container.node.at(keys).filter(|amount| !amount.is_null());
    let Some(limit) = amount(&KEYS) else { return };
    let site = container.site(pod, &KEYS);
    let fix = Fix::unsafe_because(
        "a Guaranteed pod becomes Burstable; a quota of CPU limits refuses pods without one",
    );
    let fix = match amount(&REQUEST) {
        Some(_) => fix,
        None => {
            let value = Written::manifest(limit.to_json(), site.path.to_pointer());
            fix.set(container.path(pod, &REQUEST), value)
        }
    };
    let message = format!("{} has a CPU limit", container.label());
    let fix = fix.remove_and_prune(site.path.clone());
    cx.report(site, message, fix);
}
