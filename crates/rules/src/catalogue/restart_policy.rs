//! # What it finds
//!
//! A pod whose `restartPolicy` is missing, or anything but `Always` and `OnFailure`.
//!
//! # Why it matters
//!
//! A container that fails stays down where nothing restarts it. A missing policy stands for
//! `Always`; written out, readers need not know that.
//!
//! # What the fix changes
//!
//! `restartPolicy: Always` where it is missing, which is what the API server takes anyway. In a Job
//! or CronJob, where that default is refused, `OnFailure`. There is no fix for `Never`: it can be
//! meant.
//!
//! # What it may break
//!
//! Nothing where `Always` is written out. A Job with `OnFailure` restarts its failed containers in
//! the same pod instead of in a new one.

use crate::{Check, Context, Fix, Pod, Remedy, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "restart-policy",
    title: "Restart policy is neither Always nor OnFailure",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:restart-policy"],
    references: &[],
    touches: &["{pod}/restartPolicy"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 1] = ["restartPolicy"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let written = pod.spec.at(&KEYS).filter(|value| !value.is_null());
    let policy = written.and_then(Node::scalar).unwrap_or("");
    if matches!(policy, "Always" | "OnFailure") {
        return;
    }
    let (message, remedy) = match policy {
        "" => ("pod has no restart policy".to_owned(), default(pod, cx.object.kind)),
        _ => {
            let advice = "needs to know whether a failed container may stay down";
            (format!("pod has the restart policy {policy}"), advice.into())
        }
    };
    cx.report(pod.site(&KEYS), message, remedy);
}

fn default(pod: &Pod<'_>, kind: &str) -> Remedy {
    let fix = if matches!(kind, "Job" | "CronJob") {
        Fix::unsafe_because("failed containers are restarted in the same pod")
            .set(pod.path(&KEYS), Written::rule("OnFailure"))
    } else {
        let default = Written::server_default("Always", "PodSpec restartPolicy");
        Fix::safe().set(pod.path(&KEYS), default)
    };
    fix.into()
}
