//! # What it finds
//!
//! A CronJob without `startingDeadlineSeconds`.
//!
//! # Why it matters
//!
//! Without a deadline, a CronJob that missed more than a hundred start times, for instance while it
//! was suspended or the control plane was down, does not start again until somebody looks after it.
//!
//! # What the fix changes
//!
//! `startingDeadlineSeconds` from `values`, if it is at least 10: the controller looks only every
//! ten seconds. Without one there is no fix.
//!
//! # What it may break
//!
//! Runs that could not start in time are skipped instead of caught up with.

use crate::{Check, Context, Fix, Object, Question, Remedy, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "cronjob-has-deadline",
    title: "CronJob has no starting deadline",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-score:cronjob-has-deadline"],
    references: &[],
    touches: &["spec/startingDeadlineSeconds"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "startingDeadlineSeconds"];
/// The controller looks at CronJobs this often, in seconds.
const LEAST: i64 = 10;

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let is_set = || object.at(&KEYS).is_some_and(|value| !value.is_null());
    if !object.is("batch", "CronJob") || is_set() {
        return;
    }
    let site = object.site(&KEYS);
    let remedy = match cx.value(Question::StartingDeadlineSeconds, None) {
        Some(seconds) if seconds.value.as_i64().is_some_and(|seconds| seconds >= LEAST) => {
            Fix::unsafe_because("runs that cannot start in time are skipped")
                .set(site.path.clone(), seconds)
                .into()
        }
        Some(_) => {
            format!("the deadline in `values` is below {LEAST} seconds: nothing would start").into()
        }
        None => Remedy::from("needs to know how late a run may start and still be of use"),
    };
    cx.report(site, "CronJob has no starting deadline", remedy);
}
