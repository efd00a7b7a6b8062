//! # What it finds
//!
//! A PersistentVolumeClaim, or a `volumeClaimTemplates` entry of a StatefulSet, with an access mode
//! other than ReadWriteOncePod, or without `storageClassName`. An empty `storageClassName` passes:
//! it asks for a volume that is made by hand.
//!
//! # Why it matters
//!
//! With other modes several pods may write at once, and ReadWriteOnce means once per node. Without
//! a class the claim gets the cluster's default, which differs from cluster to cluster.
//!
//! # What the fix changes
//!
//! Nothing by itself: access modes and class of a claim cannot be changed once it exists.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::{Check, Context, Object, Rule, Scope, Site};
use manifest::{Node, Path};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "pvc-access-mode",
    title: "Claim is shared, or of any storage class",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kyverno:readwriteonce-pod", "kyverno:require-storageclass"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const TEMPLATES: [&str; 2] = ["spec", "volumeClaimTemplates"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.is("", "PersistentVolumeClaim") {
        judge(object.root, || Path::root().key("spec"), cx);
    } else if object.is("apps", "StatefulSet") {
        let templates = object.at(&TEMPLATES).filter(|list| list.is_seq());
        for (index, template) in templates.into_iter().flat_map(Node::items).enumerate() {
            let path = || object.site(&TEMPLATES).path.index(index).key("spec");
            judge(template, path, cx);
        }
    }
}

fn judge(claim: Node<'_>, path: impl Fn() -> Path, cx: &mut Context<'_, '_>) {
    let Some(spec) = claim.entry("spec").filter(|spec| spec.value.is_map()) else { return };
    let written = |key: &str| spec.value.entry(key).filter(|entry| !entry.value.is_null());
    let modes = written("accessModes").filter(|modes| modes.value.is_seq());
    let other = |mode: &Node<'_>| mode.as_str().is_some_and(|mode| mode != "ReadWriteOncePod");
    if let Some(mode) = modes.and_then(|modes| modes.value.items().find(other)) {
        let text = mode.as_str().unwrap_or("");
        cx.report(
            Site { path: path().key("accessModes"), span: mode.span() },
            format!("claim has the access mode {text}"),
            "needs to know whether one pod alone uses the volume: a new claim can then ask for \
             ReadWriteOncePod",
        );
    }
    if written("storageClassName").is_none() {
        cx.report(
            Site { path: path().key("storageClassName"), span: spec.key.span() },
            "claim names no storage class",
            "needs the class that the data belongs on",
        );
    }
}
