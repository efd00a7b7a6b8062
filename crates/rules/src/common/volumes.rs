//! Volumes by their source.

use crate::Pod;
use manifest::Node;

/// The volumes of a pod with this source: index, the volume's name, the source.
pub(crate) fn volumes_from<'a>(
    pod: &Pod<'a>,
    source: &'static str,
) -> impl Iterator<Item = (usize, &'a str, Node<'a>)> + use<'a> {
    pod.volumes().filter_map(move |(index, volume)| {
        let node = volume.get(source).filter(|node| node.is_map())?;
        let name = volume.get("name").and_then(Node::as_str).unwrap_or("");
        Some((index, name, node))
    })
}
