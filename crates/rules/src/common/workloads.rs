//! What rules about scheduling, scaling and exposure read of a workload or a Service.

use super::has_replicas;
use crate::{Object, Pod};
use manifest::Node;

/// The priority class of a pod, unless it is blank.
pub(crate) fn priority_class<'a>(pod: &Pod<'a>) -> Option<&'a str> {
    let name = pod.spec.get("priorityClassName").and_then(Node::as_str)?;
    (!name.trim().is_empty()).then_some(name)
}

/// The pods that a workload asks for; `None` for kinds that do not say how many.
pub(crate) fn replicas(workload: &Object<'_>) -> Option<i64> {
    let written = || workload.at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
    has_replicas(workload).then(written)
}

/// `NodePort` or `LoadBalancer`, when the Service is of one of these types.
pub(crate) fn exposure<'a>(service: &Object<'a>) -> Option<&'a str> {
    let kind = service.at(&["spec", "type"]).and_then(Node::as_str)?;
    matches!(kind, "NodePort" | "LoadBalancer").then_some(kind)
}

/// The maps in a list, with their indexes.
pub(crate) fn maps<'a>(list: Option<Node<'a>>) -> impl Iterator<Item = (usize, Node<'a>)> {
    list.filter(|list| list.is_seq())
        .into_iter()
        .flat_map(Node::items)
        .enumerate()
        .filter(|(_, item)| item.is_map())
}
