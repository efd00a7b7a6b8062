//! # What it finds
//!
//! A rule of a Role or ClusterRole with a verb that writes (create, update, patch, delete,
//! deletecollection, `*`) on pods, ReplicationControllers, Deployments, StatefulSets, DaemonSets,
//! ReplicaSets, Jobs or CronJobs. Rules that are narrowed by `resourceNames` pass. Roles that the
//! API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! Who creates a pod chooses its service account, its volumes and its node, and thereby gets what
//! these may do.
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
//! Trivy also counts the verb impersonate, which means nothing on workloads.

use crate::common::rbac::{Right, WRITE, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-manage-workloads",
    title: "Role may create or change workloads",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0048"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 3] = [
    Right::new("", &["pods", "replicationcontrollers"], WRITE),
    Right::new("apps", &["deployments", "statefulsets", "daemonsets", "replicasets"], WRITE),
    Right::new("batch", &["jobs", "cronjobs"], WRITE),
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs to know whether the subjects must start workloads: keep the verbs in use, in the \
         namespaces in use, and hold pods there to the Pod Security Standards",
        cx,
    );
}
