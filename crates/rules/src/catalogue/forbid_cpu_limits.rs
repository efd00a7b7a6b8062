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
//! Nothing by itself: to take the limit away is what `unset-cpu-limits` reports, and a fix must not
//! make a finding of another rule.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno reports every CPU limit.

use crate::{Check, Container, Context, Pod, Rule, Scope};
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
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const KEYS: [&str; 3] = ["resources", "limits", "cpu"];

const REQUEST: [&str; 3] = ["resources", "requests", "cpu"];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let has = |keys: &[&str]| container.node.at(keys).is_some_and(|amount| !amount.is_null());
    if !has(&KEYS) {
        return;
    }
    let advice = match has(&REQUEST) {
        true => "needs your decision against CPU limits: remove the limit",
        false => {
            "needs your decision against CPU limits: write the limit as resources.requests.cpu, \
             as the API server has done so far, and remove it"
        }
    };
    cx.report(container.site(pod, &KEYS), format!("{} has a CPU limit", container.label()), advice);
}
