//! # What it finds
//!
//! The manifest of a ServiceAccount named `default` without `automountServiceAccountToken: false`.
//!
//! # Why it matters
//!
//! Every pod of the namespace that names no account gets the token, mostly without a use for it.
//!
//! # What the fix changes
//!
//! `automountServiceAccountToken: false` on the account.
//!
//! # What it may break
//!
//! Pods that call the API as `default` lose their token, unless they ask for it themselves.

use crate::{Check, Context, Fix, Object, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "default-sa-automount",
    title: "Default ServiceAccount hands out its token",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0189",
        "checkov:CKV_K8S_41",
        "kyverno:disable-automountserviceaccounttoken",
    ],
    references: &["CIS 5.1.5"],
    touches: &["automountServiceAccountToken"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const KEYS: [&str; 1] = ["automountServiceAccountToken"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let is_default = object.is("", "ServiceAccount") && object.name == "default";
    if !is_default || object.at(&KEYS).and_then(Node::as_bool) == Some(false) {
        return;
    }
    let site = object.site(&KEYS);
    let fix =
        Fix::unsafe_because("pods that call the API of the cluster as default lose the token")
            .set(site.path.clone(), Written::rule(false));
    cx.report(site, "default service account gives its token to every pod", fix);
}
