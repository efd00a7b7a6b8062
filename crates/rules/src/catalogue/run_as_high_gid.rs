//! # What it finds
//!
//! A container whose `runAsGroup`, its own or the pod's, is missing or at most 10000 (`minGid`).
//! Pods declared for Windows are exempt.
//!
//! # Why it matters
//!
//! Low group ids are likely to exist on the node. A process that gets out of its container can then
//! use the files of that group.
//!
//! # What the fix changes
//!
//! `runAsGroup` on the container, from `values`, if that id is high enough. Without one there is no
//! fix.
//!
//! # What it may break
//!
//! Files that belong to another group may become unreadable; images made for OpenShift expect the
//! group 0.
//!
//! # Other tools
//!
//! Trivy looks at the container's own field only; kube-score accepts 10000 itself and judges user
//! and group together.

use crate::{Check, Container, Context, DefaultValue, Fix, Parameter, Pod, Question, Remedy, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "run-as-high-gid",
    title: "Group id is not above 10000",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0021", "kube-score:container-security-context-user-group-id"],
    references: &[],
    touches: &["{container}/securityContext/runAsGroup"],
    removes: &[],
    parameters: &[MIN_GID],
    scope: Scope::Object,
    check: Check::Container(check),
};

const MIN_GID: Parameter = Parameter {
    name: "minGid",
    meaning: "the highest group id that is still too low",
    default: DefaultValue::Integer(10_000),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let highest_low = cx.integer(&MIN_GID);
    let group = container.effective_security_field(pod, "runAsGroup").and_then(Node::as_i64);
    if pod.is_windows() || group.is_some_and(|gid| gid > highest_low) {
        return;
    }
    let label = container.label();
    let message = match group {
        Some(gid) => format!("{label} runs with the low group id {gid}"),
        None => format!("{label} has no group id of its own"),
    };
    let site = container.site(pod, &["securityContext", "runAsGroup"]);
    let gid = cx.value(Question::RunAsGroup, Some(container));
    let high = gid.filter(|gid| gid.value.as_i64().is_some_and(|gid| gid > highest_low));
    let remedy = match high {
        Some(gid) => Fix::unsafe_because("files of another group may become unreadable")
            .set(site.path.clone(), gid)
            .into(),
        None => Remedy::from("needs a high group id that the image works with"),
    };
    cx.report(site, message, remedy);
}
