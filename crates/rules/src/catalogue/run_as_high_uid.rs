//! # What it finds
//!
//! A container whose `runAsUser`, its own or the pod's, is missing or at most 10000 (`minUid`). Pods declared
//! for Windows are exempt.
//!
//! # Why it matters
//!
//! Low user ids are likely to exist on the node. A process that gets out of its container then owns
//! the files of that user.
//!
//! # What the fix changes
//!
//! `runAsUser` on the container, from `values`, if that id is high enough. With evidence from a
//! registry also the number of the image's own user, if that is high enough: safe where the manifest
//! sets none, because it is what the kubelet takes then. Without one there is no fix.
//!
//! # What it may break
//!
//! Files and volumes that belong to another user, programs that look themselves up in
//! `/etc/passwd`, and images built for one user id.
//!
//! # Other tools
//!
//! Trivy looks at the container's own field only; Checkov and kube-score accept 10000 itself.

use crate::common::effective_user;
use crate::{
    Check, Container, Context, DefaultValue, Fix, Parameter, Pod, Question, Remedy, Rule, Scope,
};
use record::{Severity, ValueSource};

pub(crate) static RULE: Rule = Rule {
    id: "run-as-high-uid",
    title: "User id is not above 10000",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: Some("run_as_user"),
    aliases: &[
        "trivy:KSV-0020",
        "checkov:CKV_K8S_40",
        "kube-score:container-security-context-user-group-id",
    ],
    references: &[],
    touches: &["{container}/securityContext/runAsUser"],
    removes: &[],
    parameters: &[MIN_UID],
    scope: Scope::Object,
    check: Check::Container(check),
};

const MIN_UID: Parameter = Parameter {
    name: "minUid",
    meaning: "the highest user id that is still too low",
    default: DefaultValue::Integer(10_000),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let highest_low = cx.integer(&MIN_UID);
    let user = effective_user(pod, container);
    if pod.is_windows() || user.is_some_and(|uid| uid > highest_low) {
        return;
    }
    let label = container.label();
    let message = match user {
        Some(uid) => format!("{label} runs with the low user id {uid}"),
        None => format!("{label} has no user id of its own"),
    };
    let site = container.site(pod, &["securityContext", "runAsUser"]);
    let uid = cx.value(Question::RunAsUser, Some(container));
    let high = uid.filter(|uid| uid.value.as_i64().is_some_and(|uid| uid > highest_low));
    let remedy = match high {
        // The kubelet passes the image's number when the manifest has none.
        Some(uid) if uid.source == ValueSource::Evidence && user.is_none() => {
            Fix::safe().set(site.path.clone(), uid).into()
        }
        Some(uid) => Fix::unsafe_because("files of another user may become unreadable")
            .set(site.path.clone(), uid)
            .into(),
        None => Remedy::from("needs a high user id that the image works with"),
    };
    cx.report(site, message, remedy);
}
