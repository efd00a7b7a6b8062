//! # What it finds
//!
//! A rule of a Role or ClusterRole with a verb that writes (create, update, patch, delete,
//! deletecollection, `*`) on Services, Endpoints, EndpointSlices, Ingresses or NetworkPolicies, or
//! with update or patch on `services/status`. Rules that are narrowed by `resourceNames` pass.
//! Roles that the API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`)
//! pass.
//!
//! # Why it matters
//!
//! Who writes these leads traffic of others to himself: endpoints past every NetworkPolicy, and the
//! status of a Service to any address of the cluster (CVE-2020-8554).
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
//! Kyverno looks at Endpoints only, Checkov at `services/status` only.

use crate::common::rbac::{Right, WRITE, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-manage-networking",
    title: "Role may redirect traffic",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0056", "checkov:CKV2_K8S_4", "kyverno:restrict-edit-for-endpoints"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 4] = [
    Right::new("", &["services", "endpoints"], WRITE),
    Right::new("", &["services/status"], &["update", "patch"]),
    Right::new("discovery.k8s.io", &["endpointslices"], WRITE),
    Right::new("networking.k8s.io", &["ingresses", "networkpolicies"], WRITE),
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs to know which of these the subjects must change: leave out the others",
        cx,
    );
}
