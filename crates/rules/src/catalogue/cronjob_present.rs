//! # What it finds
//!
//! Every CronJob.
//!
//! # Why it matters
//!
//! A CronJob runs again and again without anybody starting it. That makes it a way to stay in a
//! cluster after a break-in, so somebody should know each of them.
//!
//! # What the fix changes
//!
//! Nothing: the finding is information.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "cronjob-present",
    title: "CronJob exists",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0026"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("batch", "CronJob") {
        return;
    }
    let advice = "needs somebody who knows the CronJob: leave the rule out once it is known";
    cx.report(object.site(&["spec", "schedule"]), "CronJob runs by itself", advice);
}
