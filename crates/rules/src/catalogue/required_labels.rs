//! # What it finds
//!
//! A workload that carries none of the labels in `recommendedLabels`, or none of those in
//! `k8sRecommendedLabels`. Each of the two lists is a finding of its own; an empty list asks for
//! nothing. The labels of the object itself count, not those of its pods.
//!
//! # Why it matters
//!
//! Labels are how people and tools find what belongs together, for instance all objects of one
//! application.
//!
//! # What the fix changes
//!
//! `app.kubernetes.io/name` is added to the labels of the object, if it is in
//! `k8sRecommendedLabels`: with the value that the pods have for it, else with the name of the
//! object. Labels of pods and selectors stay as they are. For `recommendedLabels` there is no fix:
//! their values are not in the manifest.
//!
//! # What it may break
//!
//! Nothing for workloads with a pod template: nothing selects by their own labels. The labels of a
//! Pod are what Services, budgets and policies select by; there the fix is unsafe.
//!
//! # Other tools
//!
//! Kubescape looks at the labels of the pods as well. Kyverno asks for `app.kubernetes.io/name`
//! alone.

use crate::{
    Check, Context, DefaultValue, Fix, Object, Parameter, Pod, Remedy, Rule, Scope, Written,
};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "required-labels",
    title: "Configured labels are missing",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kubescape:C-0076",
        "kubescape:C-0077",
        "kyverno:require-labels",
        "kyverno:add-labels",
    ],
    references: &[],
    touches: &["metadata/labels/*"],
    removes: &[],
    parameters: &[RECOMMENDED, KUBERNETES],
    scope: Scope::Object,
    check: Check::Pod(check),
};

const RECOMMENDED: Parameter = Parameter {
    name: "recommendedLabels",
    meaning: "labels of which one must be there",
    default: DefaultValue::List(&["app", "tier", "phase", "version", "owner", "env"]),
};
const KUBERNETES: Parameter = Parameter {
    name: "k8sRecommendedLabels",
    meaning: "labels that Kubernetes recommends, of which one must be there",
    default: DefaultValue::List(&[
        NAME,
        "app.kubernetes.io/instance",
        "app.kubernetes.io/version",
        "app.kubernetes.io/component",
        "app.kubernetes.io/part-of",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/created-by",
    ]),
};
const NAME: &str = "app.kubernetes.io/name";

fn check(pod: &Pod<'_>, cx: &mut Context<'_, '_>) {
    let object = cx.object;
    let labels = object.at(&["metadata", "labels"]);
    let is_there = |key: &&str| {
        labels.and_then(|labels| labels.get(key)).is_some_and(|value| !value.is_null())
    };
    for list in [&RECOMMENDED, &KUBERNETES] {
        let wanted = cx.list(list);
        let Some(first) = wanted.first().filter(|_| !wanted.iter().any(is_there)) else {
            continue;
        };
        let remedy = match wanted.contains(&NAME) {
            true => name_label(object, pod),
            false => "needs values for the labels that the workload should carry".into(),
        };
        let message = format!("workload has none of the {}, such as {first}", list.name);
        cx.report(object.site(&["metadata", "labels", first]), message, remedy);
    }
}

/// Adds the label with the name of the application.
fn name_label(object: &Object<'_>, pod: &Pod<'_>) -> Remedy {
    let of_pods = pod.labels().and_then(|labels| labels.get(NAME)).and_then(Node::as_str);
    let own = object.at(&["metadata", "name"]).and_then(Node::as_str);
    let written = match (of_pods, own) {
        (Some(value), _) if is_label_value(value) => {
            Written::manifest(value, pod.metadata_path(&["labels", NAME]).to_pointer())
        }
        (None, Some(name)) if is_label_value(name) => Written::manifest(name, "/metadata/name"),
        _ => return "needs the name of the application, in at most 63 characters".into(),
    };
    let fix = match object.kind {
        "Pod" => Fix::unsafe_because("whatever selects pods by this label takes the pod up"),
        _ => Fix::safe(),
    };
    fix.set(object.site(&["metadata", "labels", NAME]).path, written).into()
}

/// Names may be longer than labels, and placeholders have other characters.
fn is_label_value(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=63).contains(&text.len()) && text.bytes().all(is_plain)
}
