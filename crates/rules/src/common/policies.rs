//! Network policies: which pods they select, and which directions they restrict.

use super::{maps, template_labels};
use crate::{Context, Object, Set};
use manifest::{Node, Path};

const GROUP: &str = "networking.k8s.io";
const KIND: &str = "NetworkPolicy";
const CILIUM: &str = "cilium.io";

/// A direction of traffic, from the pod's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the pod.
    Ingress,
    /// From the pod.
    Egress,
}

impl Direction {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The name in `policyTypes`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::Egress => "Egress",
        }
    }

    /// The list of rules, and the list of peers in each of them.
    fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Ingress => ("ingress", "from"),
            Self::Egress => ("egress", "to"),
        }
    }
}

/// The pod selector of a NetworkPolicy; `None` for other kinds. A policy without one selects every
/// pod: its spec then stands for an empty selector.
pub(crate) fn pod_selector<'a>(object: &Object<'a>) -> Option<Node<'a>> {
    let spec = object.is(GROUP, KIND).then(|| object.at(&["spec"])).flatten()?;
    let written = spec.get("podSelector").filter(|selector| !selector.is_null());
    written.or(Some(spec)).filter(|selector| selector.is_map())
}

/// The peers of a NetworkPolicy's rules, with their paths.
pub(crate) fn peers<'a>(object: &Object<'a>) -> Vec<(Path, Node<'a>)> {
    let mut found = Vec::new();
    for (rules, list) in Direction::ALL.map(Direction::fields) {
        let keys = ["spec", rules];
        for (rule_at, rule) in maps(object.at(&keys)) {
            for (peer_at, peer) in maps(rule.get(list)) {
                let rules = object.site(&keys).path;
                found.push((rules.index(rule_at).key(list).index(peer_at), peer));
            }
        }
    }
    found
}

/// The policies that select the pods of the context's object: those of Kubernetes and of Cilium.
pub(crate) fn selecting_policies<'s, 'a>(cx: &Context<'s, 'a>) -> Vec<&'s Object<'a>> {
    let (set, object) = (cx.set, cx.object);
    let mut found = set.selecting(object, GROUP, KIND);
    let cilium = set.of_kind(object, CILIUM, "CiliumNetworkPolicy").into_iter();
    let wide = set.of_kind_anywhere(object, CILIUM, "CiliumClusterwideNetworkPolicy");
    found.extend(cilium.chain(wide).filter(|policy| selects_endpoint(policy, object)));
    found
}

/// Whether a Cilium policy selects a workload's pods. Expressions are taken to match.
fn selects_endpoint(policy: &Object<'_>, workload: &Object<'_>) -> bool {
    let Some(selector) = policy.at(&["spec", "endpointSelector"]) else { return false };
    let labels = template_labels(workload);
    let wanted = selector.get("matchLabels").filter(|labels| labels.is_map());
    wanted.into_iter().flat_map(Node::entries).all(|(key, _, value)| {
        let key = key.strip_prefix("k8s:").or_else(|| key.strip_prefix("any:")).unwrap_or(key);
        labels.and_then(|labels| labels.get(key)).and_then(Node::as_str) == value.as_str()
    })
}

/// Whether a policy restricts traffic in a direction.
pub(crate) fn isolation(policy: &Object<'_>, direction: Direction) -> bool {
    let (rules, _) = direction.fields();
    let has = |key: &str| policy.at(&["spec", key]).is_some_and(|rules| !rules.is_null());
    if policy.group() == CILIUM {
        return has(rules) || has(&format!("{rules}Deny"));
    }
    let types =
        policy.at(&["spec", "policyTypes"]).filter(|list| list.is_seq() && !list.is_empty());
    match types {
        Some(types) => types.items().any(|name| name.as_str() == Some(direction.name())),
        None => direction == Direction::Ingress || has(rules),
    }
}

/// Whether a namespace has a network policy, of Kubernetes or of Cilium.
pub(crate) fn has_policies_in(set: &Set<'_>, namespace: &Object<'_>) -> bool {
    let has = |group: &str, kind: &str| {
        !set.of_kind_in(namespace, namespace.name, group, kind).is_empty()
    };
    has(GROUP, KIND) || has(CILIUM, "CiliumNetworkPolicy")
}
