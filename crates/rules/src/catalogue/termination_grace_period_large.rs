//! # What it finds
//!
//! A pod whose `terminationGracePeriodSeconds` is above 50 (`max`).
//!
//! # Why it matters
//!
//! The drain of a node waits for the slowest pod. Autoscalers and nodes that can be taken back at
//! short notice do not wait that long.
//!
//! # What the fix changes
//!
//! The value becomes the highest that is allowed.
//!
//! # What it may break
//!
//! A program that needs longer to finish its work is killed in the middle of it.

use crate::{Check, Context, DefaultValue, Fix, Parameter, Pod, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "termination-grace-period-large",
    title: "Pod may take long to stop",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:mutate-termination-grace-period-seconds"],
    references: &[],
    touches: &["{pod}/terminationGracePeriodSeconds"],
    removes: &[],
    parameters: &[MAX],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const MAX: Parameter = Parameter {
    name: "max",
    meaning: "the highest number of seconds that passes",
    default: DefaultValue::Integer(50),
};
const KEYS: [&str; 1] = ["terminationGracePeriodSeconds"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let Some(seconds) = pod.spec.at(&KEYS).and_then(Node::as_i64) else { return };
    let most = cx.integer(&MAX);
    if seconds <= most {
        return;
    }
    let fix = Fix::unsafe_because("a program that needs longer to stop is killed")
        .set(pod.path(&KEYS), Written::rule(most));
    let message = format!("pod may take {seconds} seconds to stop, more than {most}");
    cx.report(pod.site(&KEYS), message, fix);
}
