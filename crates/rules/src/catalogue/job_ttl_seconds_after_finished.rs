//! # What it finds
//!
//! A Job of batch/v1 without `ttlSecondsAfterFinished`, and a CronJob of batch/v1 whose Jobs have
//! it.
//!
//! # Why it matters
//!
//! Finished Jobs and their pods stay until somebody deletes them. Jobs of a CronJob are cleaned up
//! by its history limits; a time limit besides takes them away earlier than the limits say.
//!
//! # What the fix changes
//!
//! The Job gets the number of seconds from `values`; without one there is no fix. In a CronJob the
//! field goes.
//!
//! # What it may break
//!
//! Logs and status of a finished Job disappear with it; Helm hooks and GitOps tools may create the
//! Job again. Without the field, Jobs of a CronJob stay until newer ones push them out.

use crate::{Check, Context, Fix, Object, Question, Remedy, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "job-ttl-seconds-after-finished",
    title: "Clean-up of finished Jobs is left out or set twice",
    severity: Severity::Low,
    default: true,
    taste: false,
    policy_id: Some("job_ttl_after_finished"),
    aliases: &["kube-linter:job-ttl-seconds-after-finished", "kyverno:add-ttl-jobs"],
    references: &[],
    touches: &["spec/ttlSecondsAfterFinished", "spec/jobTemplate/spec/ttlSecondsAfterFinished"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const OF_JOB: [&str; 2] = ["spec", "ttlSecondsAfterFinished"];
const OF_CRON_JOB: [&str; 4] = ["spec", "jobTemplate", "spec", "ttlSecondsAfterFinished"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.api_version != "batch/v1" {
        return;
    }
    let is_set = |keys: &[&str]| object.at(keys).is_some_and(|value| !value.is_null());
    match object.kind {
        "Job" if !is_set(&OF_JOB) => report_job(object, cx),
        "CronJob" if is_set(&OF_CRON_JOB) => {
            let site = object.site(&OF_CRON_JOB);
            let fix =
                Fix::unsafe_because("finished Jobs stay until the history limits remove them")
                    .remove(site.path.clone());
            cx.report(site, "CronJob sets a time limit beside its history limits", fix);
        }
        _ => {}
    }
}

fn report_job(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let site = object.site(&OF_JOB);
    let remedy = match cx.value(Question::TtlSecondsAfterFinished, None) {
        Some(seconds) => Fix::unsafe_because(
            "logs and status go with the Job; GitOps tools and Helm hooks may create it again",
        )
        .set(site.path.clone(), seconds)
        .into(),
        None => Remedy::from("needs to know how long logs and status of the Job must be kept"),
    };
    cx.report(site, "finished Job is never cleaned up", remedy);
}
