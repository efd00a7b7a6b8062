//! # What it finds
//!
//! A pod whose `serviceAccountName` (or `serviceAccount`, if that is all there is) names a
//! ServiceAccount that is not among the manifests of the same namespace. The name `default` passes.
//! Namespaces are compared as written: none and `default` differ.
//!
//! # Why it matters
//!
//! The API server refuses pods whose account does not exist.
//!
//! # What the fix changes
//!
//! Nothing by itself: the account may exist in the cluster, and to apply an empty one over it can
//! take away its annotations and with them its cloud permissions.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Pod, Rule, Scope, Site};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "non-existent-service-account",
    title: "ServiceAccount is not among the manifests",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("non_existent_service_account"),
    aliases: &["kube-linter:non-existent-service-account", "kubescape:C-0307", "kyverno:check-sa"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Pod(check),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let written = |key: &'static str| {
        let name = pod.spec.get(key).and_then(Node::as_str).filter(|name| !name.is_empty());
        name.map(|name| (key, name))
    };
    let account = written("serviceAccountName").or_else(|| written("serviceAccount"));
    let Some((key, name)) = account.filter(|(_, name)| *name != "default") else { return };
    if cx.set.named(cx.object, "", "ServiceAccount", name).is_empty() {
        // The finding is about the account, whichever of the two fields names it.
        let path = pod.path(&["serviceAccountName"]);
        cx.report(
            Site { path, span: pod.site(&[key]).span },
            format!("service account \"{name}\" is not among the manifests"),
            "needs to know whether the account exists: add its manifest, or correct the name",
        );
    }
}
