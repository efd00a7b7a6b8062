//! How the pods of a workload are spread.

use crate::selector::Selector;
use crate::{Object, Pod, Written};
use manifest::Node;
use serde_json::{Value, json};

use super::selector_keys;

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
