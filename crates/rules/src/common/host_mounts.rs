//! Paths of the node that containers mount.

use crate::{Container, Context, Parameter, Pod};
use manifest::Node;

/// The hostPath volumes of a pod: index, name, path as written.
pub(crate) fn host_paths<'a>(
    pod: &Pod<'a>,
) -> impl Iterator<Item = (usize, &'a str, &'a str)> + use<'a> {
    pod.volumes().filter_map(|(index, volume)| {
        let source = volume.get("hostPath").filter(|source| source.is_map())?;
        let text = |node: Node<'a>, key: &str| node.get(key).and_then(Node::as_str).unwrap_or("");
        Some((index, text(volume, "name"), text(source, "path")))
    })
}

/// Reports every mount of a path of the node that a pattern of `dirs` fits. A volume that no
/// container mounts is not reported.
pub(crate) fn report_host_mounts(
    pod: &Pod<'_>,
    cx: &mut Context<'_, '_>,
    dirs: &Parameter,
    message: impl Fn(&Container<'_>, &str) -> String,
    advice: &str,
) {
    for (_, volume, path) in host_paths(pod) {
        if !cx.matches_any(dirs, path) {
            continue;
        }
        for container in &pod.containers {
            let mounts = container.volume_mounts().filter(|(_, mount)| {
                mount.get("name").and_then(Node::as_str).unwrap_or("") == volume
            });
            for (index, _) in mounts {
                let site = container.item_site(pod, &["volumeMounts"], index, &["name"]);
                cx.report(site, message(container, path), advice);
            }
        }
    }
}
