//! # What it finds
//!
//! A pod with a `serviceAccount` that differs from `serviceAccountName`.
//!
//! # Why it matters
//!
//! `serviceAccount` is an old name of `serviceAccountName`. When both are set, the old one is
//! ignored, which its reader may not know.
//!
//! # What the fix changes
//!
//! The value moves to `serviceAccountName`. Where that is set already, `serviceAccount` just goes.
//!
//! # What it may break
//!
//! Nothing: the API server reads both forms alike.

use crate::{Check, Context, Fix, Pod, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "deprecated-service-account-field",
    title: "Deprecated field serviceAccount",
    severity: Severity::Low,
    default: true,
    taste: false,
    policy_id: Some("deprecated_service_account_field"),
    aliases: &["kube-linter:deprecated-service-account-field", "kubescape:C-0294"],
    references: &[],
    touches: &["{pod}/serviceAccount", "{pod}/serviceAccountName"],
    removes: &["{pod}/serviceAccount"],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const OLD: &str = "serviceAccount";
const NEW: &str = "serviceAccountName";

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let text = |key: &str| pod.spec.get(key).and_then(Node::as_str).unwrap_or("");
    let (old, new) = (text(OLD), text(NEW));
    if old.is_empty() || old == new {
        return;
    }
    let site = pod.site(&[OLD]);
    let mut fix = Fix::safe();
    let message = match new {
        "" => {
            let value = Written::manifest(old, site.path.to_pointer());
            fix = fix.set(pod.path(&[NEW]), value);
            format!("pod names its service account \"{old}\" in the deprecated field {OLD}")
        }
        _ => format!("{OLD} \"{old}\" is ignored in favour of {NEW} \"{new}\""),
    };
    cx.report(site.clone(), message, fix.remove(site.path));
}
