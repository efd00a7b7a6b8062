//! # What it finds
//!
//! The group id 0 as `runAsGroup` of a pod or container, as `fsGroup`, or among
//! `supplementalGroups`.
//!
//! # Why it matters
//!
//! Files that the group root may write are open to the process, and on a way out of the container
//! it keeps that group.
//!
//! # What the fix changes
//!
//! `runAsGroup` takes the group id from `values`; without one the field goes and the image's own
//! group counts. From `fsGroup` and `supplementalGroups` the 0 goes.
//!
//! # What it may break
//!
//! Images made for OpenShift keep their files in the group 0 and can then no longer write them.
//!
//! # Other tools
//!
//! Kyverno also asks for a `runAsGroup` where there is none; see `run-as-high-gid`.

use crate::{Check, Context, Fix, Pod, Question, Rule, Scope, Site, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "root-group",
    title: "Root group in use",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0116", "kyverno:require-non-root-groups"],
    references: &[],
    touches: &[
        "{pod}/securityContext/runAsGroup",
        "{pod}/securityContext/fsGroup",
        "{pod}/securityContext/supplementalGroups/**",
        "{container}/securityContext/runAsGroup",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const GROUP: [&str; 2] = ["securityContext", "runAsGroup"];
const FS_GROUP: [&str; 2] = ["securityContext", "fsGroup"];
const SUPPLEMENTAL: [&str; 2] = ["securityContext", "supplementalGroups"];

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    if is_root(pod.security_field(GROUP[1])) {
        let gid = cx.value(Question::RunAsGroup, None);
        report(pod.site(&GROUP), "pod runs with the group root".to_owned(), gid, cx);
    }
    if is_root(pod.security_field(FS_GROUP[1])) {
        report(pod.site(&FS_GROUP), "volumes belong to the group root".to_owned(), None, cx);
    }
    check_supplemental(pod, cx);
    for container in &pod.containers {
        if is_root(container.security_field(GROUP[1])) {
            let gid = cx.value(Question::RunAsGroup, Some(container));
            let message = format!("{} runs with the group root", container.label());
            report(container.site(pod, &GROUP), message, gid, cx);
        }
    }
}

fn is_root(group: Option<Node<'_>>) -> bool {
    group.and_then(Node::as_i64) == Some(0)
}

fn check_supplemental(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let list = pod.security_field(SUPPLEMENTAL[1]).filter(|list| list.is_seq());
    let zero = list.and_then(|list| list.items().position(|gid| gid.as_i64() == Some(0)));
    if let Some(index) = zero {
        let fix = Fix::unsafe_because(MAY_BREAK).remove_item(pod.path(&SUPPLEMENTAL), 0);
        let site = pod.item_site(&SUPPLEMENTAL, index, &[]);
        cx.report(site, "pod joins the group root", fix);
    }
}

const MAY_BREAK: &str = "files that only the group root may use become unreadable";

fn report(site: Site, message: String, gid: Option<Written>, cx: &mut Context<'_, '_>) {
    let fix = Fix::unsafe_because(MAY_BREAK);
    let fix = match gid.filter(|gid| gid.value != 0) {
        Some(gid) => fix.set(site.path.clone(), gid),
        None => fix.remove_and_prune(site.path.clone()),
    };
    cx.report(site, message, fix);
}
