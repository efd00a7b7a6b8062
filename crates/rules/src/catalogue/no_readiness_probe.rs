//! # What it finds
//!
//! A regular container without `readinessProbe`. Pods of Jobs and CronJobs pass, and so do pods
//! that are to end (`restartPolicy` other than `Always`).
//!
//! # Why it matters
//!
//! The pod gets requests from the moment it starts, before the program can answer, and goes on
//! getting them when it no longer can. A rollout takes new pods for good at once.
//!
//! # What the fix changes
//!
//! Nothing by itself: which request tells whether the program can answer is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter judges Jobs, too. kube-score is content with one probe per pod, and looks only at
//! pods that a Service selects. Polaris inserts a command that reads `/tmp/healthy`.

use crate::common::check_missing_probe;
use crate::{Check, Container, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "no-readiness-probe",
    title: "Readiness probe is missing",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:no-readiness-probe",
        "polaris:readinessProbeMissing",
        "kubescape:C-0018",
        "checkov:CKV_K8S_9",
        "kube-score:pod-probes",
        "kyverno:require-pod-probes",
    ],
    references: &[],
    touches: &["{container}/readinessProbe/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let needs = "needs a request or command that succeeds when the program can serve; a tcpSocket \
                 probe of the port that the Service uses is the least that can be asked";
    check_missing_probe("readinessProbe", needs, pod, container, cx);
}
