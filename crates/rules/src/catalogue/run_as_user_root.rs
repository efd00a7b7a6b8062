//! # What it finds
//!
//! `runAsUser: 0`, at pod level or on a container. From v1.35 on, pods with `hostUsers: false` pass.
//!
//! # Why it matters
//!
//! The container runs as root whatever its image says; a way out of the container is then a way to
//! root on the node.
//!
//! # What the fix changes
//!
//! With a user id in `values`, that number takes its place; otherwise the field goes and the image's
//! own user counts. Where evidence tells the image's user and it is a number above 0, that number is
//! written: at pod level only when all images that it counts for agree. The fix stays unsafe, because
//! the manifest overrides the image on purpose.
//!
//! # What it may break
//!
//! Files owned by root, ports below 1024 and package managers in entry points.

use crate::{Check, Context, Fix, Pod, Question, Rule, Scope, Site, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "run-as-user-root",
    title: "runAsUser is 0",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: Some("run_as_user"),
    aliases: &["trivy:KSV-0105", "kyverno:require-run-as-non-root-user", "pss:runAsUser"],
    references: &["PSS restricted"],
    touches: &["{pod}/securityContext/runAsUser", "{container}/securityContext/runAsUser"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const KEYS: [&str; 2] = ["securityContext", "runAsUser"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if pod.has_user_namespace() && cx.settings.pod_security.since(35) {
        return;
    }
    if pod.security_field(KEYS[1]).and_then(Node::as_i64) == Some(0) {
        let uid = cx.value(Question::RunAsUser, None);
        report(pod.site(&KEYS), "pod runs as root (runAsUser: 0)".to_owned(), uid, cx);
    }
    for container in &pod.containers {
        if container.security_field(KEYS[1]).and_then(Node::as_i64) == Some(0) {
            let uid = cx.value(Question::RunAsUser, Some(container));
            let message = format!("{} runs as root (runAsUser: 0)", container.label());
            report(container.site(pod, &KEYS), message, uid, cx);
        }
    }
}

fn report(site: Site, message: String, uid: Option<Written>, cx: &mut Context<'_, '_>) {
    let fix = Fix::unsafe_because("files owned by root become unreadable, low ports unbindable");
    let fix = match uid {
        Some(uid) => fix.set(site.path.clone(), uid),
        None => fix.remove_and_prune(site.path.clone()),
    };
    cx.report(site, message, fix);
}
