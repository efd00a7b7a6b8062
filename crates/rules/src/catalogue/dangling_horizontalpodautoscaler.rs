//! # What it finds
//!
//! A HorizontalPodAutoscaler whose `scaleTargetRef` names an object that is not among the manifests
//! of the namespace: same kind, name and API group. The version is not compared, since the API
//! server serves an object in all of them. Namespaces are compared as written: none and `default`
//! differ.
//!
//! # Why it matters
//!
//! Nothing is scaled. Most often the workload was renamed, or `apiVersion` is wrong or missing.
//!
//! # What the fix changes
//!
//! Nothing by itself: which workload is meant is not in the manifest. An object of the same kind
//! and name in another group is named.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter compares versions and leaves namespaces out of account; it never finds the target
//! when it is of the core group, as a ReplicationController is. kube-score compares namespaces.

use crate::{Check, Context, Object, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "dangling-horizontalpodautoscaler",
    title: "Autoscaler has no target",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:dangling-horizontalpodautoscaler",
        "kubescape:C-0300",
        "kube-score:horizontalpodautoscaler-has-target",
    ],
    references: &[],
    touches: &["spec/scaleTargetRef/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

const KEYS: [&str; 2] = ["spec", "scaleTargetRef"];
/// Groups of the usual targets.
const GROUPS: [&str; 4] = ["apps", "", "argoproj.io", "apps.openshift.io"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("autoscaling", "HorizontalPodAutoscaler") {
        return;
    }
    let target = object.at(&KEYS);
    let text =
        |key: &str| target.and_then(|target| target.get(key)).and_then(Node::as_str).unwrap_or("");
    let (api_version, kind, name) = (text("apiVersion"), text("kind"), text("name"));
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let is_there = |group: &str| !cx.set.named(object, group, kind, name).is_empty();
    if is_there(group) {
        return;
    }
    let advice = match GROUPS.iter().find(|group| is_there(group)) {
        Some(group) => format!("perhaps the {kind} of group \"{group}\" is meant: see apiVersion"),
        None => "needs to know which workload is meant: correct the reference".to_owned(),
    };
    let message = match name {
        "" => "autoscaler names no target".to_owned(),
        _ => format!("{kind} \"{name}\" is not among the manifests"),
    };
    cx.report(object.site(&KEYS), message, advice);
}
