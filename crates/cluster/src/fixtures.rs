//! What an ephemeral server needs before it can judge: the surroundings that the inputs assume.

use detector::Corpus;
use rules::Object;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};

/// Kinds that other objects rely on, as group and kind. Policies are not among them: a stray
/// example would deny everything. They are for the operator to bring.
const KINDS: [(&str, &str); 12] = [
    ("", "Namespace"),
    ("", "ServiceAccount"),
    ("", "LimitRange"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("node.k8s.io", "RuntimeClass"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "StorageClass"),
];

/// The objects to create: first those that are given, then what the inputs hold of namespaces,
/// accounts, roles and the like, the custom resource definitions that they use, and every namespace
/// that they or the given objects only name.
#[must_use]
pub fn fixtures(corpus: &Corpus<'_>, given: Vec<Value>) -> Vec<Value> {
    let objects = || (0..corpus.len()).map(|position| corpus.object(position));
    let used: HashSet<(&str, &str)> =
        objects().map(|object| (object.group(), object.kind)).collect();
    let mut fixtures = given;
    let wanted = objects().filter(|object| is_fixture(object) || is_used(object, &used));
    fixtures.extend(wanted.map(|object| object.root.to_json()));
    let named = fixtures.iter().filter_map(|object| object["metadata"]["namespace"].as_str());
    let named: BTreeSet<String> =
        named.chain(objects().filter_map(|object| object.namespace)).map(str::to_owned).collect();
    let bare = named
        .into_iter()
        .filter(|name| !name.is_empty())
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    fixtures.extend(bare);
    fixtures
}

fn is_fixture(object: &Object<'_>) -> bool {
    KINDS.contains(&(object.group(), object.kind))
}

/// Every definition makes the server work out its schemas again: only those that are used are
/// worth it.
fn is_used(object: &Object<'_>, used: &HashSet<(&str, &str)>) -> bool {
    let text = |keys: &[&str]| {
        let Some(node) = object.at(keys) else { return "" };
        node.as_str().unwrap_or("")
    };
    object.is("apiextensions.k8s.io", "CustomResourceDefinition")
        && used.contains(&(text(&["spec", "group"]), text(&["spec", "names", "kind"])))
}
