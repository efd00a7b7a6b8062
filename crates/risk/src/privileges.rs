//! What whoever takes a pod has in hand.

use manifest::Node;
use rules::{Container, Object, Pod, Set, is_token_mounted};

/// A privilege of a pod.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Privilege {
    /// What it adds to the factor.
    pub(crate) weight: f64,
    pub(crate) reason: String,
    /// The fields that give it.
    pub(crate) fields: &'static [&'static str],
}

/// Weights of the table in the documentation of this crate.
const PRIVILEGED: f64 = 0.5;
const HOST_PATH: f64 = 0.3;
const HOST_NAMESPACE: f64 = 0.2;
const CAPABILITY: f64 = 0.2;
const ROOT: f64 = 0.1;
const TOKEN: f64 = 0.1;

/// The privileges of an object's pods, each kind once.
pub(crate) fn privileges(set: &Set<'_>, object: &Object<'_>, pod: &Pod<'_>) -> Vec<Privilege> {
    let of = |weight, reason: String, fields| Privilege { weight, reason, fields };
    let mut found = Vec::new();
    let first = |is: &dyn Fn(&&Container<'_>) -> bool| pod.containers.iter().find(is);
    if let Some(container) = first(&|container| is_privileged(container)) {
        found.push(of(PRIVILEGED, format!("{} is privileged", container.label()), &["privileged"]));
    }
    if let Some(path) = pod.volumes().find_map(|(_, volume)| host_path(volume)) {
        let fields = &["hostPath", "volumes", "volumeMounts"];
        found.push(of(HOST_PATH, format!("hostPath {path}"), fields));
    }
    if pod.flag("hostPID") {
        found.push(of(HOST_NAMESPACE, "hostPID".to_owned(), &["hostPID"]));
    }
    if pod.flag("hostIPC") {
        found.push(of(HOST_NAMESPACE, "hostIPC".to_owned(), &["hostIPC"]));
    }
    if let Some(name) = pod.containers.iter().find_map(added_capability) {
        found.push(of(CAPABILITY, format!("capability {name}"), &["capabilities"]));
    }
    if let Some(container) = first(&|container| may_be_root(pod, container)) {
        let reason = format!("{} may run as root", container.label());
        found.push(of(ROOT, reason, &["runAsUser", "runAsNonRoot"]));
    }
    if is_token_mounted(pod, object, set) {
        let fields = &["automountServiceAccountToken", "serviceAccountName", "serviceAccount"];
        found.push(of(TOKEN, "it has the token of its account".to_owned(), fields));
    }
    found
}

fn is_privileged(container: &Container<'_>) -> bool {
    container.security_field("privileged").and_then(Node::as_bool) == Some(true)
}

fn host_path<'a>(volume: Node<'a>) -> Option<&'a str> {
    let source = volume.get("hostPath").filter(|source| source.is_map())?;
    Some(source.get("path").and_then(Node::as_str).unwrap_or(""))
}

/// A capability besides the one that the restricted Pod Security Standard lets pods have.
fn added_capability<'a>(container: &Container<'a>) -> Option<&'a str> {
    let is_harmless = |name: &str| matches!(name, "NET_BIND_SERVICE" | "CAP_NET_BIND_SERVICE");
    container.capabilities("add").find(|name| !is_harmless(name))
}

/// Whether the manifest leaves open that a container runs as root.
fn may_be_root(pod: &Pod<'_>, container: &Container<'_>) -> bool {
    let field = |key: &str| container.effective_security_field(pod, key);
    match field("runAsUser").and_then(Node::as_i64) {
        Some(user) => user == 0,
        None => field("runAsNonRoot").and_then(Node::as_bool) != Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::privileges;
    use crate::testing::with_set;

    fn weight(spec: &str) -> f64 {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  \
             automountServiceAccountToken: false\n  securityContext: {{runAsUser: 1}}\n{spec}"
        );
        with_set(&text, |set| {
            let object = set.object(0);
            privileges(set, object, object.pod.as_ref().unwrap()).iter().map(|p| p.weight).sum()
        })
    }

    #[test]
    fn every_privilege_has_its_weight() {
        assert_eq!(weight("  containers: [{name: a}]\n"), 0.0);
        let container = |security: &str| {
            weight(&format!("  containers: [{{name: a, securityContext: {{{security}}}}}]\n"))
        };
        assert_eq!(container("privileged: true"), 0.5);
        assert_eq!(container("privileged: false"), 0.0);
        assert_eq!(container("runAsUser: 0"), 0.1);
        assert_eq!(container("capabilities: {add: [NET_ADMIN, SYS_PTRACE]}"), 0.2);
        assert_eq!(container("capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}"), 0.0);
        assert_eq!(weight("  volumes: [{name: a, hostPath: {path: /}}, {name: b}]\n"), 0.3);
        assert_eq!(weight("  hostPID: true\n  hostIPC: true\n"), 0.4);
    }

    #[test]
    fn what_is_not_said_counts_as_the_server_takes_it() {
        let text =
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n";
        let reasons = |text: &str| {
            with_set(text, |set| {
                let object = set.object(0);
                let found = privileges(set, object, object.pod.as_ref().unwrap());
                found.into_iter().map(|privilege| privilege.reason).collect::<Vec<_>>()
            })
        };
        let expected = ["container \"a\" may run as root", "it has the token of its account"];
        assert_eq!(reasons(text), expected);
        let account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n\
            automountServiceAccountToken: false\n";
        assert_eq!(reasons(&format!("{text}{account}")), expected[..1]);
    }
}
