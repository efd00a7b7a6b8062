//! # What it finds
//!
//! A pod that gets the token of an account whose name fits `serviceAccount`: by default, of the
//! account `default`, whether it is named or not. A pod passes with `automountServiceAccountToken:
//! false`, and also where it leaves that open and the account's own manifest says `false`.
//!
//! # Why it matters
//!
//! Every right that somebody gives the account `default` goes to all pods of the namespace that
//! name no other.
//!
//! # What the fix changes
//!
//! `automountServiceAccountToken: false` on the pod, which takes the token away. An account of its
//! own is the better cure for pods that need the API.
//!
//! # What it may break
//!
//! Pods that call the API as `default` lose their token.
//!
//! # Other tools
//!
//! kube-linter does not look at the account's manifest.

use crate::common::{account_of, is_token_mounted, token_off};
use crate::{Check, Context, DefaultValue, Parameter, Pod, Rule, Scope, Site};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "default-service-account",
    title: "Pod runs as the default service account",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:default-service-account"],
    references: &[],
    touches: &["{pod}/automountServiceAccountToken"],
    removes: &[],
    parameters: &[ACCOUNT],
    scope: Scope::Set,
    check: Check::Pod(check),
};

const ACCOUNT: Parameter = Parameter {
    name: "serviceAccount",
    meaning: "names of accounts that pods should not run as; an account that is not named \
              has an empty name",
    default: DefaultValue::Pattern("^(|default)$"),
};

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if !is_token_mounted(pod, cx.object, cx.set) {
        return;
    }
    let name = account_of(pod);
    if !cx.matches(&ACCOUNT, name) {
        return;
    }
    let message = match name {
        "" => "pod runs as the service account default, for want of another".to_owned(),
        _ => format!("pod runs as the service account {name}"),
    };
    // The place is the same whichever of the two fields names the account.
    let key = match pod.spec.get("serviceAccountName").is_some_and(|name| !name.is_null()) {
        true => "serviceAccountName",
        false => "serviceAccount",
    };
    let place = Site { path: pod.path(&["serviceAccountName"]), span: pod.site(&[key]).span };
    cx.report(place, message, token_off(pod));
}
