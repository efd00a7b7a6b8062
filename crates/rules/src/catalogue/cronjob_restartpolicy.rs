//! # What it finds
//!
//! A CronJob whose pod template does not say `restartPolicy: Never` or `restartPolicy: OnFailure`.
//!
//! # Why it matters
//!
//! The API server refuses it: `Always`, which is also what a missing policy stands for, would run
//! the job for ever.
//!
//! # What the fix changes
//!
//! `restartPolicy: OnFailure`.
//!
//! # What it may break
//!
//! Failed containers are restarted in the same pod. Choose `Never` if every attempt needs a pod of
//! its own.

use crate::{Check, Context, Fix, Pod, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "cronjob-restartpolicy",
    title: "CronJob has no valid restart policy",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kube-score:cronjob-restartpolicy"],
    references: &[],
    touches: &["spec/jobTemplate/spec/template/spec/restartPolicy"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 1] = ["restartPolicy"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let policy = || pod.spec.at(&KEYS).and_then(Node::scalar).unwrap_or("");
    if cx.object.kind != "CronJob" || matches!(policy(), "Never" | "OnFailure") {
        return;
    }
    let message = match policy() {
        "" => "CronJob has no restart policy".to_owned(),
        other => format!("CronJob has the restart policy {other}, which Jobs cannot have"),
    };
    let fix = Fix::unsafe_because("failed containers are restarted in the same pod")
        .set(pod.path(&KEYS), Written::rule("OnFailure"));
    cx.report(pod.site(&KEYS), message, fix);
}
