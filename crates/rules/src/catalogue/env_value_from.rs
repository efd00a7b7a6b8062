//! # What it finds
//!
//! A reference to a key of a Secret or ConfigMap in `env`, or to a whole one in `envFrom`, that no
//! manifest of the same namespace fulfils: the object is missing, or it has no such key. References
//! marked `optional` pass, and so do names that fit `ignoredSecrets` or `ignoredConfigMaps`. A
//! SealedSecret or ExternalSecret of the name counts as a Secret with every key. Namespaces are
//! compared as written: none and `default` differ.
//!
//! # Why it matters
//!
//! The container does not start until the reference is fulfilled.
//!
//! # What the fix changes
//!
//! Nothing by itself: the object may exist in the cluster, and which other name or key is meant is
//! not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter takes objects of any namespace, and does not look at `envFrom` or sealed Secrets.

use crate::{Check, Container, Context, DefaultValue, Object, Parameter, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "env-value-from",
    title: "Variable refers to what is not there",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:env-value-from"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[IGNORED_SECRETS, IGNORED_CONFIG_MAPS],
    scope: Scope::Set,
    check: Check::Container(check),
};

const IGNORED_SECRETS: Parameter = Parameter {
    name: "ignoredSecrets",
    meaning: "names of Secrets that need not be among the manifests",
    default: DefaultValue::Pattern("^$"),
};

const IGNORED_CONFIG_MAPS: Parameter = Parameter {
    name: "ignoredConfigMaps",
    meaning: "names of ConfigMaps that need not be among the manifests",
    default: DefaultValue::Pattern("^$"),
};

const ADVICE: &str = "needs to know what is meant: add what is missing to the manifests, or \
                      correct the reference";

/// What creates a Secret of its own name.
const MAKERS: [(&str, &str); 2] =
    [("bitnami.com", "SealedSecret"), ("external-secrets.io", "ExternalSecret")];

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for (index, entry) in container.env() {
        for (field, kind) in [("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")] {
            let reference = entry.at(&["valueFrom", field]).filter(|map| map.is_map());
            let Some(lack) = reference.and_then(|reference| lack(kind, reference, true, cx)) else {
                continue;
            };
            let name = entry.get("name").and_then(Node::as_str).unwrap_or("");
            let message = format!("variable {name} of {} refers to {lack}", container.label());
            let site = container.item_site(pod, &["env"], index, &["valueFrom", field]);
            cx.report(site, message, ADVICE);
        }
    }
    let sources = container.node.get("envFrom").filter(|list| list.is_seq());
    for (index, source) in sources.into_iter().flat_map(Node::items).enumerate() {
        for (field, kind) in [("secretRef", "Secret"), ("configMapRef", "ConfigMap")] {
            let reference = source.get(field).filter(|map| map.is_map());
            let Some(lack) = reference.and_then(|reference| lack(kind, reference, false, cx))
            else {
                continue;
            };
            let message = format!("{} takes variables from {lack}", container.label());
            let site = container.item_site(pod, &["envFrom"], index, &[field]);
            cx.report(site, message, ADVICE);
        }
    }
}

/// What a reference leads to when it leads nowhere, as the end of a sentence.
fn lack(kind: &str, reference: Node<'_>, wants_key: bool, cx: &Context<'_, '_>) -> Option<String> {
    let text = |key: &str| reference.get(key).and_then(Node::as_str).unwrap_or("");
    let ignored = match kind {
        "Secret" => &IGNORED_SECRETS,
        _ => &IGNORED_CONFIG_MAPS,
    };
    let name = text("name");
    let is_optional = reference.get("optional").and_then(Node::as_bool) == Some(true);
    if is_optional || cx.matches(ignored, name) {
        return None;
    }
    let objects = cx.set.named(cx.object, "", kind, name);
    if objects.is_empty() {
        let is_made =
            |(group, maker): &(&str, &str)| !cx.set.named(cx.object, group, maker, name).is_empty();
        let is_made = kind == "Secret" && MAKERS.iter().any(is_made);
        return (!is_made)
            .then(|| format!("the {kind} \"{name}\", which is not among the manifests"));
    }
    let key = text("key");
    let is_there = !wants_key || objects.iter().any(|object| has_key(object, key));
    (!is_there).then(|| format!("the key {key} of the {kind} \"{name}\", which has no such key"))
}

/// Whether the object holds a key, or gets keys that its manifest does not have.
fn has_key(object: &Object<'_>, key: &str) -> bool {
    let is_filled_by_cluster =
        object.at(&["type"]).and_then(Node::as_str) == Some("kubernetes.io/service-account-token");
    is_filled_by_cluster
        || ["data", "stringData", "binaryData"]
            .iter()
            .any(|field| object.at(&[*field]).is_some_and(|map| map.get(key).is_some()))
}
