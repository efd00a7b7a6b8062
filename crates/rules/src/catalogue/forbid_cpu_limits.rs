//! # What it finds
//!
//! A container with `resources.limits.cpu`, in the `namespaces` that you name; `*` stands for all
//! of them. Without that parameter the rule is silent, because `unset-cpu-limits` asks for the
//! opposite.
//!
//! # Why it matters
//!
//! A CPU limit slows a container down even while its node has idle CPU. Requests alone share CPU
//! fairly.
//!
//! # What the fix changes
//!
//! Nothing by itself: to take the limit away is what `unset-cpu-limits` reports, and no fix makes a
//! finding of another rule. Ignore that rule before you follow this one.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno reports every CPU limit.

use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "forbid-cpu-limits",
    title: "CPU limit where none is wanted",
    severity: Severity::Low,
    default: false,
    policy_id: None,
    aliases: &["kyverno:forbid-cpu-limits"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[NAMESPACES],
    scope: Scope::Object,
    check: Check::Container(check),
};

const NAMESPACES: Parameter = Parameter {
    name: "namespaces",
    meaning: "namespaces whose containers may have no CPU limit; `*` for all",
    default: DefaultValue::List(&[]),
};

const KEYS: [&str; 3] = ["resources", "limits", "cpu"];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let limit = container.node.at(&KEYS).filter(|limit| !limit.is_null());
    if limit.is_none() || !is_covered(cx) {
        return;
    }
    let request = container.node.at(&["resources", "requests", "cpu"]);
    let advice = match request.filter(|request| !request.is_null()) {
        Some(_) => "needs your decision against CPU limits: remove the limit",
        None => {
            "needs your decision against CPU limits: write the limit as resources.requests.cpu, \
             as the API server has done so far, and remove it"
        }
    };
    cx.report(container.site(pod, &KEYS), format!("{} has a CPU limit", container.label()), advice);
}

fn is_covered(cx: &Context<'_, '_>) -> bool {
    let namespace = cx.object.effective_namespace();
    cx.list(&NAMESPACES).iter().any(|name| *name == "*" || *name == namespace)
}
