//! # What it finds
//!
//! A rule of a ClusterRole with update, patch or `*` on `certificatesigningrequests/approval`, or
//! with approve or `*` on signers; not where `resourceNames` leave no signer of `kubernetes.io/`.
//! Roles that the API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`)
//! pass.
//!
//! # Why it matters
//!
//! Approved requests become client certificates: the subjects can have one issued for any user or
//! group that the cluster's signer allows.
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
//! Kubescape wants a bound subject.

use crate::common::rbac::{PolicyRule, Right, report_rights_where};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-csr-approve",
    title: "Role may approve certificate requests",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0280", "checkov:CKV_K8S_156", "kyverno:restrict-clusterrole-csr"],
    references: &["CIS 5.1.11"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const GROUP: &str = "certificates.k8s.io";
const RIGHTS: [Right; 2] = [
    Right::of_cluster(GROUP, &["certificatesigningrequests/approval"], &["update", "patch"]),
    Right::of_cluster(GROUP, &["signers"], &["approve"]),
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights_where(
        object,
        &RIGHTS,
        is_of_cluster,
        "needs to know whose requests the subjects approve: name the signers as resourceNames, \
         and leave out those of kubernetes.io",
        cx,
    );
}

/// Whether it is for every signer, or for one of the cluster's own.
fn is_of_cluster(rule: PolicyRule<'_>) -> bool {
    !rule.is_named() || rule.entries("resourceNames").any(|name| name.starts_with("kubernetes.io/"))
}
