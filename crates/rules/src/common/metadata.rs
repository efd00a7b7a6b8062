//! Labels and annotations that the operator asks for by patterns.

use crate::{Context, Parameter};
use manifest::Node;

/// Whether a map has an entry whose key and value match two parameters.
pub(crate) fn has_entry(
    cx: &Context<'_, '_>,
    map: Option<Node<'_>>,
    key: &Parameter,
    value: &Parameter,
) -> bool {
    map.filter(|map| map.is_map()).into_iter().flat_map(Node::entries).any(|(name, _, text)| {
        cx.matches(key, name) && text.scalar().is_some_and(|text| cx.matches(value, text))
    })
}
