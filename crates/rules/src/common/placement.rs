//! How the pods of a workload are spread.

use super::selector_keys;
use crate::selector::Selector;
use crate::{Object, Pod, Site, Written};
use manifest::Node;
use serde_json::{Value, json};

pub(crate) const ANTI_AFFINITY: [&str; 2] = ["affinity", "podAntiAffinity"];
pub(crate) const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// The workload's own selector as a `LabelSelector`, if it matches the workload's pods.
pub(crate) fn own_selector(pod: &Pod<'_>, object: &Object<'_>) -> Option<Written> {
    let (keys, is_plain) = selector_keys(object.kind)?;
    let written = object.at(keys).filter(|selector| selector.is_map())?;
    let selector = match is_plain {
        true => Selector::from_labels(written),
        false => Selector::parse(written),
    };
    let is_own = |selector: Selector<'_>| !selector.is_empty() && selector.matches(pod.labels());
    if !selector.is_ok_and(is_own) {
        return None;
    }
    let value: Value = match is_plain {
        true => json!({ "matchLabels": written.to_json() }),
        false => written.to_json(),
    };
    Some(Written::manifest(value, keys.join(".")))
}

/// The topology spread constraints that are maps, with their indexes.
pub(crate) fn spread_constraints<'a>(
    pod: &Pod<'a>,
) -> impl Iterator<Item = (usize, Node<'a>)> + use<'a> {
    pod.spec
        .get("topologySpreadConstraints")
        .filter(|list| list.is_seq())
        .into_iter()
        .flat_map(Node::items)
        .enumerate()
        .filter(|(_, item)| item.is_map())
}

/// Whether some anti-affinity term keeps the pods of a workload on different nodes.
pub(crate) fn is_kept_apart(pod: &Pod<'_>, object: &Object<'_>, topology: &str) -> bool {
    let is_good = |term: Node<'_>| separates(term, pod, object, topology);
    anti_affinity_terms(pod).iter().any(|(_, term)| term.is_some_and(is_good))
}

/// The pod affinity terms, with their places.
pub(crate) fn anti_affinity_terms<'a>(pod: &Pod<'a>) -> Vec<(Site, Option<Node<'a>>)> {
    let mut found = Vec::new();
    for (list, inner) in [(PREFERRED, &["podAffinityTerm"][..]), (REQUIRED, &[])] {
        let keys = [&ANTI_AFFINITY[..], &[list]].concat();
        let items = pod.spec.at(&keys).filter(|items| items.is_seq());
        for (index, item) in items.into_iter().flat_map(Node::items).enumerate() {
            found.push((pod.item_site(&keys, index, inner), item.at(inner)));
        }
    }
    found
}

/// Whether a term keeps pods of this template on different nodes.
fn separates(term: Node<'_>, pod: &Pod<'_>, object: &Object<'_>, topology: &str) -> bool {
    let mut namespaces = term.get("namespaces").into_iter().flat_map(Node::items).peekable();
    let here = object.namespace.unwrap_or("");
    let covers_namespace =
        namespaces.peek().is_none() || namespaces.any(|name| name.as_str() == Some(here));
    // A missing selector matches nothing, an empty one everything.
    let selector = term.get("labelSelector").filter(|selector| selector.is_map());
    let matches = selector
        .and_then(|selector| Selector::parse(selector).ok())
        .is_some_and(|selector| selector.matches(pod.labels()));
    covers_namespace && matches && term.get("topologyKey").and_then(Node::as_str) == Some(topology)
}
