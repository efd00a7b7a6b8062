//! # What it finds
//!
//! A rule of a Role or ClusterRole with delete, deletecollection or `*` on Secrets, pods, pod logs,
//! Services, events, or workloads. Rules that are narrowed by `resourceNames` pass. Roles that the
//! API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! Deletion stops services, and removes the traces of what was done before.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the subjects need is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Kubescape has one control for resources and one for events, and wants a bound subject; Trivy
//! looks at pod logs only.

use crate::common::rbac::{Right, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-delete",
    title: "Role may delete workloads, events or logs",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0007", "kubescape:C-0031", "trivy:KSV-0042"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 4] = [
    Right::new(
        "",
        &["secrets", "pods", "pods/log", "services", "events", "replicationcontrollers"],
        &["delete", "deletecollection"],
    ),
    Right::new("events.k8s.io", &["events"], &["delete", "deletecollection"]),
    Right::new(
        "apps",
        &["deployments", "statefulsets", "daemonsets", "replicasets"],
        &["delete", "deletecollection"],
    ),
    Right::new("batch", &["jobs", "cronjobs"], &["delete", "deletecollection"]),
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs to know what the subjects must delete: drop the verb elsewhere",
        cx,
    );
}
