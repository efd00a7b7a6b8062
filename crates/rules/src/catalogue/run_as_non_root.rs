//! # What it finds
//!
//! For each container, with the pod's values where it has none: a `runAsGroup` of 0; and, unless
//! `runAsUser` is above 0, a `runAsNonRoot` that is not `true`. With `runAsNonRoot: true` a
//! `runAsUser` of 0 is reported, because such a container never starts. One container can have two
//! findings.
//!
//! # Why it matters
//!
//! A process that runs as root in the container is root on the node as soon as it gets out.
//!
//! # What the fix changes
//!
//! `runAsNonRoot: true` at pod level, or on the container where one of the pod's containers says
//! `false`. It is safe where every container that it covers has a user id above 0, in the manifest
//! or, with evidence from a registry, in the configuration of its image. An image whose user is
//! known to be root or only a name gets no fix, as the kubelet would refuse to start it; the other
//! containers of the pod then get the field each for itself. A user or group id is written only
//! from `values`, or over a `runAsUser` of 0 from the image.
//!
//! # What it may break
//!
//! Images whose user is root, or a name instead of a number, do not start. Files and volumes that
//! belong to root may become unreadable.
//!
//! # Other tools
//!
//! `pss-run-as-non-root` follows the Pod Security Standards, which do not look at user ids.

use crate::common::{effective_user, non_root, user_in_place};
use crate::{Check, Container, Context, Fix, Pod, Question, Remedy, Rule, Scope, Site, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "run-as-non-root",
    title: "Container may run as root",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("run_as_non_root"),
    aliases: &[
        "kube-linter:run-as-non-root",
        "polaris:runAsRootAllowed",
        "kubescape:C-0013",
        "kubescape:C-0198",
        "kubescape:C-0218",
        "checkov:CKV_K8S_23",
        "checkov:CKV_K8S_6",
        "kyverno:require-run-as-nonroot",
    ],
    references: &["CIS 5.2.7", "NSA/CISA"],
    touches: &[
        "{pod}/securityContext/runAsNonRoot",
        "{pod}/securityContext/runAsUser",
        "{pod}/securityContext/runAsGroup",
        "{container}/securityContext/runAsNonRoot",
        "{container}/securityContext/runAsUser",
        "{container}/securityContext/runAsGroup",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let field = |key: &str| container.effective_security_field(pod, key);
    if field("runAsGroup").and_then(Node::as_i64) == Some(0) {
        report_group(pod, container, cx);
    }
    let user = effective_user(pod, container);
    if user.is_some_and(|uid| uid > 0) {
        return;
    }
    if field("runAsNonRoot").and_then(Node::as_bool) != Some(true) {
        let mut remedy = non_root(pod, container, cx);
        if let Some(uid) = known_user(container, cx).filter(|_| user == Some(0))
            && let Remedy::Fix(fix) = remedy
        {
            remedy = fix.set(site_of(pod, container, "runAsUser").path, uid).into();
        }
        let site = container.site(pod, &["securityContext", "runAsNonRoot"]);
        cx.report(site, format!("{} may run as root", container.label()), remedy);
    } else if user == Some(0) {
        report_contradiction(pod, container, cx);
    }
}

/// Where a field that counts for the container is written.
fn site_of(pod: &Pod<'_>, container: &Container<'_>, key: &str) -> Site {
    match container.security_field(key) {
        Some(_) => container.site(pod, &["securityContext", key]),
        None => pod.site(&["securityContext", key]),
    }
}

fn known_user(container: &Container<'_>, cx: &Context<'_, '_>) -> Option<Written> {
    user_in_place(container, cx).filter(|written| written.value.as_i64().is_some_and(|uid| uid > 0))
}

fn report_group(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let site = site_of(pod, container, "runAsGroup");
    let gid = cx.value(Question::RunAsGroup, Some(container));
    let remedy = match gid.filter(|written| written.value.as_i64().is_some_and(|gid| gid > 0)) {
        Some(gid) => Fix::unsafe_because("files that the group root may read become unreadable")
            .set(site.path.clone(), gid)
            .into(),
        None => Remedy::from("needs a group id that the image's files are readable for"),
    };
    cx.report(site, format!("{} runs with the group root", container.label()), remedy);
}

fn report_contradiction(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let site = site_of(pod, container, "runAsUser");
    let remedy = match known_user(container, cx) {
        Some(uid) => Fix::unsafe_because("files owned by root may become unreadable")
            .set(site.path.clone(), uid)
            .into(),
        None => Remedy::from("needs a user id above 0: the pod cannot start today"),
    };
    let message = format!("{} has runAsNonRoot: true and runAsUser: 0", container.label());
    cx.report(site, message, remedy);
}
