//! # What it finds
//!
//! A workload without a selector (Jobs and CronJobs may do without), with a selector that the API
//! server cannot read, for instance an unrendered placeholder, or with one that the labels of its
//! own pod template do not match. Pods and ReplicationControllers are left out.
//!
//! # Why it matters
//!
//! The API server refuses such objects, or the workload would never see its own pods.
//!
//! # What the fix changes
//!
//! Labels that the selector's `matchLabels` ask for and the template lacks are added to the
//! template. There is no fix where the two have different values for a key: which is right is not
//! in the manifest.
//!
//! # What it may break
//!
//! Nothing that runs: the object as it stands is refused.

use crate::common::{selector_keys, selector_labels, template_labels};
use crate::selector::Selector;
use crate::{Check, Context, Fix, Object, Remedy, Rule, Scope, Written};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "mismatching-selector",
    title: "Selector does not match the pod template",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("mismatching_selector"),
    aliases: &[
        "kube-linter:mismatching-selector",
        "kubescape:C-0296",
        "kube-score:deployment-pod-selector-labels-match-template-metadata-labels",
        "kube-score:statefulset-pod-selector-labels-match-template-metadata-labels",
    ],
    references: &[],
    touches: &["{template}/metadata/labels/*"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

/// Groups whose kinds run pods, whether or not their template is complete.
const GROUPS: [&str; 5] = ["apps", "batch", "extensions", "apps.openshift.io", "argoproj.io"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let kind = object.kind;
    // A Rollout without a template of its own takes the selector of the workload it refers to.
    let lends = kind == "Rollout" && object.pod.is_none();
    let runs_pods = object.pod.is_some() || GROUPS.contains(&object.group());
    let Some((keys, plain)) = selector_keys(kind).filter(|_| runs_pods) else { return };
    if kind == "ReplicationController" || lends {
        return;
    }
    let labels = template_labels(object);
    let site = object.site(keys);
    let selector = object.at(keys).filter(|selector| selector.is_map());
    let parsed = selector.map(|selector| match plain {
        true => Selector::from_labels(selector),
        false => Selector::parse(selector),
    });
    match parsed {
        Some(Err(what)) => {
            let message = format!("selector is invalid: {what}");
            cx.report(site, message, "needs valid keys and values, as the template's labels have");
        }
        Some(Ok(selector)) if !selector.is_empty() => {
            if !selector.matches(labels) {
                let message = "selector does not match the labels of the pod template";
                let remedy = missing_labels(object);
                cx.report(site, message, remedy);
            }
        }
        _ if matches!(kind, "Job" | "CronJob") => {}
        _ => cx.report(
            site,
            format!("{kind} has no selector"),
            "needs the labels that tell its pods from others; they cannot be changed later",
        ),
    }
}

/// Adds the labels that are missing, where nothing else is wrong.
fn missing_labels(object: &Object<'_>) -> Remedy {
    let advice = "needs to know which is right, the selector or the template's labels";
    let (Some(pod), Some((wanted, place))) = (&object.pod, selector_labels(object)) else {
        return advice.into();
    };
    let keys = selector_keys(object.kind).map_or(&[][..], |(keys, _)| keys);
    let has_expressions = object
        .at(&[keys, &["matchExpressions"]].concat())
        .is_some_and(|list| list.is_seq() && !list.is_empty());
    let mut fix = Fix::safe();
    for (key, _, value) in wanted.entries() {
        let own = pod.labels().and_then(|labels| labels.get(key));
        let Some(value) = value.as_str().filter(|_| !has_expressions) else {
            return advice.into();
        };
        match own {
            None => {
                let written = Written::manifest(value, format!("{place}.{key}"));
                fix = fix.set(pod.metadata_path(&["labels", key]), written);
            }
            Some(own) if own.as_str() == Some(value) => {}
            Some(_) => return advice.into(),
        }
    }
    fix.into()
}
