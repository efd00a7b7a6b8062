//! # What it finds
//!
//! A SandboxTemplate of the agent sandbox (`extensions.agents.x-k8s.io`) whose network policy is
//! not managed (`networkPolicyManagement`) or is missing; each of its egress rules whose `to` is
//! missing or has a peer that stands for everything; each container or init container without a CPU
//! or a memory limit; and each image without a fixed tag or digest, or from elsewhere than
//! `trustedRegistries`, where these are set.
//!
//! # Why it matters
//!
//! Sandboxes run what a language model wrote. What they may reach and use up is all that holds it.
//!
//! # What the fix changes
//!
//! Nothing by itself: destinations, limits and versions are not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::image::Reference;
use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope, Site};
use manifest::{Node, Path};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "agent-sandbox",
    title: "Agent sandbox is open",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0301", "kubescape:C-0303", "kubescape:C-0304"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[TRUSTED],
    scope: Scope::Object,
    check: Check::Object(check),
};

const TRUSTED: Parameter = Parameter {
    name: "trustedRegistries",
    meaning: "beginnings of the images that may run in sandboxes; all when empty",
    default: DefaultValue::List(&[]),
};

const POLICY: [&str; 2] = ["spec", "networkPolicy"];
const MANAGEMENT: [&str; 2] = ["spec", "networkPolicyManagement"];
const POD: [&str; 3] = ["spec", "podTemplate", "spec"];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("extensions.agents.x-k8s.io", "SandboxTemplate") {
        return;
    }
    check_network(object, cx);
    for list in ["initContainers", "containers"] {
        let containers = object.at(&POD).and_then(|pod| pod.get(list)).filter(|list| list.is_seq());
        for (index, container) in containers.into_iter().flat_map(Node::items).enumerate() {
            let path = || object.site(&POD).path.key(list).index(index);
            check_limits(container, path, cx);
            check_image(container, path, cx);
        }
    }
}

fn check_network(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let management = object.at(&MANAGEMENT).and_then(Node::as_str).unwrap_or("Managed");
    if management != "Managed" {
        let message = format!("template leaves its network policy {management}");
        let advice = "needs to know who else limits the network: leave the field out otherwise";
        return cx.report(object.site(&MANAGEMENT), message, advice);
    }
    let Some(policy) = object.at(&POLICY).filter(|policy| policy.is_map()) else {
        let advice = "needs the destinations that the sandbox uses: list them under egress";
        return cx.report(
            object.site(&POLICY),
            "template lets sandboxes reach the internet",
            advice,
        );
    };
    let egress = policy.get("egress").filter(|rules| rules.is_seq());
    for (index, rule) in egress.into_iter().flat_map(Node::items).enumerate() {
        if !is_scoped(rule) {
            let path = object.site(&POLICY).path.key("egress").index(index).key("to");
            let span = rule.get("to").unwrap_or(rule).span();
            let advice = "needs the destinations that the sandbox uses";
            cx.report(Site { path, span }, "egress rule lets sandboxes reach everything", advice);
        }
    }
}

/// Whether every peer of a rule, and there is one, is narrowed.
fn is_scoped(rule: Node<'_>) -> bool {
    let peers = rule.get("to").filter(|peers| peers.is_seq() && !peers.is_empty());
    peers.is_some_and(|peers| peers.items().all(is_narrow))
}

fn is_narrow(peer: Node<'_>) -> bool {
    let cidr = peer.at(&["ipBlock", "cidr"]).and_then(Node::as_str);
    let selects = |key: &str| {
        let part = |part: &str| peer.at(&[key, part]).is_some_and(|part| !part.is_empty());
        part("matchLabels") || part("matchExpressions")
    };
    cidr.is_some_and(|cidr| !matches!(cidr, "0.0.0.0/0" | "::/0"))
        || selects("podSelector")
        || selects("namespaceSelector")
}

fn check_limits(container: Node<'_>, path: impl Fn() -> Path, cx: &mut Context<'_, '_>) {
    for resource in ["cpu", "memory"] {
        let keys = ["resources", "limits", resource];
        if container.at(&keys).is_none_or(Node::is_null) {
            let path = keys.iter().fold(path(), |path, key| path.key(*key));
            let message = format!("container \"{}\" has no {resource} limit", name(container));
            let advice = format!("needs the {resource} that a sandbox may use up");
            cx.report(Site { path, span: title(container).span() }, message, advice);
        }
    }
}

fn check_image(container: Node<'_>, path: impl Fn() -> Path, cx: &mut Context<'_, '_>) {
    let Some(node) = container.get("image") else { return };
    let image = node.as_str().unwrap_or("");
    let site = || Site { path: path().key("image"), span: node.span() };
    let reference = Reference::parse(image);
    if reference.digest.is_none() && matches!(reference.tag, None | Some("latest")) {
        let message = format!("image {image} has no fixed tag");
        cx.report(site(), message, "needs the version that is meant: its tag, or its digest");
    }
    let mut trusted = cx.texts(&TRUSTED).peekable();
    if trusted.peek().is_some() && !trusted.any(|trusted| image.starts_with(trusted)) {
        let message = format!("image {image} is of no trusted registry");
        cx.report(site(), message, "needs a copy of the image in a trusted registry");
    }
}

fn name<'a>(container: Node<'a>) -> &'a str {
    container.get("name").and_then(Node::as_str).unwrap_or("")
}

fn title(container: Node<'_>) -> Node<'_> {
    container.get("name").unwrap_or(container)
}
