//! Service accounts of pods, and their tokens.

use crate::{Fix, Object, Pod, Set, Written};
use manifest::Node;

/// The account that a pod names, in the new field or else the old one; empty when it names none.
pub(crate) fn account_of<'a>(pod: &Pod<'a>) -> &'a str {
    let written =
        |key: &str| pod.spec.get(key).and_then(Node::as_str).filter(|name: &&str| !name.is_empty());
    written("serviceAccountName").or_else(|| written("serviceAccount")).unwrap_or("")
}

/// Whether the pod of an object gets its account's token. Where the pod leaves it open, the account's manifest
/// says so, if there is one in the namespace.
pub fn is_token_mounted(pod: &Pod<'_>, object: &Object<'_>, set: &Set<'_>) -> bool {
    let flag =
        |holder: Node<'_>| holder.get("automountServiceAccountToken").and_then(Node::as_bool);
    if let Some(mounted) = flag(pod.spec) {
        return mounted;
    }
    let name = match account_of(pod) {
        "" => "default",
        name => name,
    };
    let accounts = set.named(object, "", "ServiceAccount", name);
    !accounts.iter().any(|account| flag(account.root) == Some(false))
}

/// `automountServiceAccountToken: false` on the pod.
pub(crate) fn token_off(pod: &Pod<'_>) -> Fix {
    Fix::unsafe_because(
        "pods that call the API of the cluster lose their token: operators, controllers, leader \
         election, service meshes",
    )
    .set(pod.path(&["automountServiceAccountToken"]), Written::rule(false))
}
