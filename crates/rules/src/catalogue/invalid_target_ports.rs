//! # What it finds
//!
//! The name of a container port, or the `targetPort` of a Service, that breaks a rule of port
//! names: at most 15 characters; lower-case letters, digits and hyphens only; at least one letter;
//! no two hyphens in a row; none at an end. Each broken rule is a finding. Also a `targetPort`
//! number outside 1 to 65535.
//!
//! # Why it matters
//!
//! The API server refuses such objects.
//!
//! # What the fix changes
//!
//! A `targetPort` in plain digits becomes the number. A port name is put in lower case, with
//! hyphens in place of other characters, and cut to 15, together with the probes and hooks that use
//! it; unless another manifest uses the name.
//!
//! # What it may break
//!
//! Nothing that runs: the object as it stands is refused.

use crate::common::{broken_rules, context_objects, digits};
use crate::{Check, Container, Context, Fix, Object, Pod, Remedy, Rule, Scope, Site, Written};
use manifest::{Kind, Node};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "invalid-target-ports",
    title: "Port name or target port is invalid",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("invalid_target_ports"),
    aliases: &["kube-linter:invalid-target-ports"],
    references: &[],
    touches: &[
        "spec/ports/*/targetPort",
        "{container}/ports/*/name",
        "{container}/livenessProbe/*/port",
        "{container}/readinessProbe/*/port",
        "{container}/startupProbe/*/port",
        "{container}/lifecycle/*/*/port",
    ],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

/// What may use the name of a container port, besides its own pod.
const USERS: [(&str, &str); 4] = [
    ("", "Service"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("networking.k8s.io", "Ingress"),
    ("monitoring.coreos.com", "PodMonitor"),
];

/// Handlers within a container that may use the name of a port.
const HANDLERS: [&[&str]; 5] = [
    &["livenessProbe"],
    &["readinessProbe"],
    &["startupProbe"],
    &["lifecycle", "postStart"],
    &["lifecycle", "preStop"],
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if object.is("", "Service") {
        check_service(object, cx);
    }
    let Some(pod) = &object.pod else { return };
    for container in &pod.containers {
        for (index, port) in container.ports() {
            let name = port.get("name").and_then(Node::as_str).unwrap_or("");
            if name.is_empty() {
                continue;
            }
            for broken in broken_rules(name) {
                let site = container.item_site(pod, &["ports"], index, &["name"]);
                let message = format!("port name \"{name}\" of {} {broken}", container.label());
                cx.report(site, message, renaming(pod, container, index, name, cx));
            }
        }
    }
}

fn check_service(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let ports = object.at(&["spec", "ports"]).filter(|ports| ports.is_seq());
    for (index, port) in ports.into_iter().flat_map(Node::items).enumerate() {
        let Some(target) = port.get("targetPort") else { continue };
        let path = object.site(&["spec", "ports"]).path.index(index).key("targetPort");
        let site = Site { path, span: target.span() };
        if let Some(name) = target.as_str() {
            for broken in broken_rules(name) {
                let message = format!("target port \"{name}\" {broken}");
                cx.report(site.clone(), message, target_number(name, &site));
            }
        } else if target.kind() == Kind::Int
            && !target.as_i64().is_some_and(|number| (0..=65535).contains(&number))
        {
            let message =
                format!("target port {} is not in 1 to 65535", target.scalar().unwrap_or(""));
            cx.report(site, message, "needs the port that the pods listen on");
        }
    }
}

fn target_number(name: &str, site: &Site) -> Remedy {
    match digits(name) {
        Some(number) => {
            let value = Written::manifest(number, site.path.to_pointer());
            Fix::safe().set(site.path.clone(), value).into()
        }
        None => "needs the number or the name of the port that the pods listen on".into(),
    }
}

/// A valid name for a container port, written there and wherever the container uses it.
fn renaming(
    pod: &Pod<'_>,
    container: &Container<'_>,
    index: usize,
    name: &str,
    cx: &Context<'_, '_>,
) -> Remedy {
    let valid = valid_form(name);
    let ports = || pod.containers.iter().flat_map(Container::ports);
    let count = |wanted: &str| {
        ports().filter(|(_, p)| p.get("name").and_then(Node::as_str) == Some(wanted)).count()
    };
    if !broken_rules(&valid).is_empty() || count(&valid) > 0 || count(name) > 1 {
        return "needs a valid name that no other port of the pod has".into();
    }
    if is_used_elsewhere(name, cx) {
        return "needs the same name in the other manifests that use it".into();
    }
    let path = container.item_path(pod, &["ports"], index, &["name"]);
    let written = || Written::manifest(valid.as_str(), path.to_pointer());
    let mut fix = Fix::safe().set(path.clone(), written());
    for handler in HANDLERS {
        for action in ["httpGet", "tcpSocket"] {
            let keys = [handler, &[action, "port"]].concat();
            if container.node.at(&keys).and_then(Node::as_str) == Some(name) {
                fix = fix.set(container.path(pod, &keys), written());
            }
        }
    }
    fix.into()
}

fn valid_form(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut valid = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    valid.truncate(15);
    valid.trim_end_matches('-').to_owned()
}

fn is_used_elsewhere(name: &str, cx: &Context<'_, '_>) -> bool {
    let is_user = |object: &&Object<'_>| USERS.iter().any(|(group, kind)| object.is(group, kind));
    context_objects(cx)
        .filter(is_user)
        .filter_map(|object| object.at(&["spec"]))
        .any(|spec| mentions(spec, name))
}

/// Whether a string of the tree is this text.
fn mentions(node: Node<'_>, text: &str) -> bool {
    node.as_str() == Some(text)
        || node.items().any(|item| mentions(item, text))
        || node.entries().any(|(_, _, value)| mentions(value, text))
}
