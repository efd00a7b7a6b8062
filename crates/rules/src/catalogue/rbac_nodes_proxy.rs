//! # What it finds
//!
//! A rule of a ClusterRole with get, create or `*` on `nodes/proxy`, `*/proxy` or `*`. A Role
//! cannot grant it: nodes belong to no namespace. Rules that are narrowed by `resourceNames` pass.
//! Roles that the API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`)
//! pass.
//!
//! # Why it matters
//!
//! The proxy leads straight to the kubelet's API, which runs commands in every container of the
//! node, past audit and admission.
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
//! Trivy reports Roles too.

use crate::common::rbac::{Right, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-nodes-proxy",
    title: "Role may use the proxy of nodes",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0279",
        "trivy:KSV-0047",
        "checkov:CKV2_K8S_2",
        "kyverno:restrict-clusterrole-nodesproxy",
    ],
    references: &["CIS 5.1.10"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 1] = [Right::of_cluster("", &["nodes/proxy"], &["get", "create"])];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs to know what is read from the kubelet: grant nodes/metrics, nodes/stats or \
         nodes/log instead",
        cx,
    );
}
