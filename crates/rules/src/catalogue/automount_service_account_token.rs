//! # What it finds
//!
//! A pod that gets its account's token: it says `automountServiceAccountToken: true`, or says
//! nothing and no manifest of the account in the same namespace says `false`.
//!
//! # Why it matters
//!
//! Most programs never call the API of the cluster. Who breaks into one finds the token all the
//! same, and can use every right of the account.
//!
//! # What the fix changes
//!
//! `automountServiceAccountToken: false` on the pod.
//!
//! # What it may break
//!
//! Pods that call the API of the cluster lose their token: operators, controllers, leader election,
//! service meshes.
//!
//! # Other tools
//!
//! Checkov does not look at the account, and Trivy looks at Pods only. Kyverno's
//! `restrict-sa-automount-sa-token` asks it of the accounts; see `default-sa-automount`.

use crate::common::{account_of, is_token_mounted, token_off};
use crate::{Check, Context, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "automount-service-account-token",
    title: "Service account token is mounted",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:automountServiceAccountToken",
        "kubescape:C-0034",
        "kubescape:C-0190",
        "kubescape:C-0261",
        "trivy:KSV-0036",
        "checkov:CKV_K8S_38",
        "kyverno:restrict-automount-sa-token",
        "kyverno:restrict-sa-automount-sa-token",
        "kyverno:remove-serviceaccount-token",
    ],
    references: &["CIS 5.1.6", "NSA/CISA"],
    touches: &["{pod}/automountServiceAccountToken"],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if !is_token_mounted(pod, cx.object, cx.set) {
        return;
    }
    let account = match account_of(pod) {
        "" => "default",
        name => name,
    };
    let message = format!("the token of the service account {account} is mounted");
    cx.report(pod.site(&["automountServiceAccountToken"]), message, token_off(pod));
}
