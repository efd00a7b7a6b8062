//! # What it finds
//!
//! A rule of a ClusterRole with create, update, patch or `*` on ValidatingWebhookConfigurations or
//! MutatingWebhookConfigurations. Rules that are narrowed by `resourceNames` pass. Roles that the
//! API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! A webhook sees every object that it asks for, Secrets among them, and can change it on its way.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the subjects need is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::rbac::{Right, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-webhook-configurations",
    title: "Role may change admission webhooks",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0281",
        "trivy:KSV-0114",
        "checkov:CKV_K8S_155",
        "kyverno:restrict-clusterrole-mutating-validating-admission-webhooks",
    ],
    references: &["CIS 5.1.12"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 1] = [Right::of_cluster(
    "admissionregistration.k8s.io",
    &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
    &["create", "update", "patch"],
)];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs the names of the configurations that the operator keeps: write them as \
         resourceNames, and install them apart from it",
        cx,
    );
}
