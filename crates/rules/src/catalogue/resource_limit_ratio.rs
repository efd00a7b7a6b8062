//! # What it finds
//!
//! A regular container whose memory limit is more than 2.5 times (`ratio`) its request, or that has
//! no memory limit at all. A request that is missing equals the limit.
//!
//! # Why it matters
//!
//! The scheduler counts requests. Where containers may take a multiple of them, a node can promise
//! far more memory than it has, and somebody is killed when all ask for it.
//!
//! # What the fix changes
//!
//! Nothing by itself: either of the two numbers may be the wrong one.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kyverno passes over containers without a limit.

use crate::quantity::Quantity;
use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Role, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "resource-limit-ratio",
    title: "Memory limit far above the request",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:enforce-resources-as-ratio"],
    references: &[],
    touches: &["{container}/resources/requests/*", "{container}/resources/limits/*"],
    removes: &[],
    parameters: &[RATIO],
    scope: Scope::Object,
    check: Check::Container(check),
};

const RATIO: Parameter = Parameter {
    name: "ratio",
    meaning: "how many times its request a memory limit may be",
    default: DefaultValue::Number(2.5),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    if container.role != Role::Regular {
        return;
    }
    let amount = |list: &str| Quantity::of(container.node.at(&["resources", list, "memory"])?);
    let ratio = cx.number(&RATIO);
    let label = container.label();
    let message = match (amount("requests"), amount("limits").filter(|limit| !limit.is_zero())) {
        (_, None) => format!("{label} has no memory limit to compare with its request"),
        (None, Some(_)) => return,
        (Some(request), Some(limit)) if limit.exceeds(request, ratio) => {
            format!("memory limit of {label} is more than {ratio} times its request")
        }
        (Some(_), Some(_)) => return,
    };
    let site = container.site(pod, &["resources", "limits", "memory"]);
    let advice = "needs to know what the container uses: raise the request or lower the limit";
    cx.report(site, message, advice);
}
