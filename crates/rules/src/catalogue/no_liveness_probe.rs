//! # What it finds
//!
//! A regular container without `livenessProbe`. Pods of Jobs and CronJobs pass, and so do pods that
//! are to end (`restartPolicy` other than `Always`).
//!
//! # Why it matters
//!
//! A program that hangs without ending is not restarted. Programs that end on every error need no
//! such probe.
//!
//! # What the fix changes
//!
//! Nothing by itself: which request tells whether the program is alive is not in the manifest. A
//! probe that asks for too much restarts healthy pods, all at once when something else fails.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter judges Jobs, too. kube-score is content with one probe per pod, and looks only at
//! pods that a Service selects. Polaris inserts a command that reads `/tmp/healthy`, which kills
//! every pod that does not write the file.

use crate::common::check_missing_probe;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "no-liveness-probe",
    title: "Liveness probe is missing",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:no-liveness-probe",
        "polaris:livenessProbeMissing",
        "kubescape:C-0056",
        "checkov:CKV_K8S_8",
        "kube-score:pod-probes",
        "kyverno:require-pod-probes",
    ],
    references: &[],
    touches: &["{container}/livenessProbe/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let needs = "needs a request or command that fails only when a restart would help";
    check_missing_probe("livenessProbe", needs, pod, container, cx);
}
