//! # What it finds
//!
//! A backend of an Ingress whose Service is not among the manifests of the namespace, or does not
//! have the port that the backend names, by number or by name. One finding for each Service and
//! port. Namespaces are compared as written: none and `default` differ.
//!
//! Backends with the port name `use-annotation`, which the AWS load balancer controller takes from
//! an annotation, pass; and so do ports of a Service of type `ExternalName` that lists none.
//!
//! # Why it matters
//!
//! Requests for these paths are answered with an error.
//!
//! # What the fix changes
//!
//! Nothing by itself: which Service is meant is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.

use crate::common::{Backend, Port, backends, is_ingress, maps};
use crate::{Check, Context, Object, Rule, Scope};
use manifest::{Node, Path};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "dangling-ingress",
    title: "Ingress sends requests to no Service",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:dangling-ingress",
        "kubescape:C-0298",
        "kube-score:ingress-targets-service",
    ],
    references: &[],
    touches: &["spec/defaultBackend/**", "spec/rules/*/http/paths/*/backend/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Set,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_ingress(object) {
        return;
    }
    let mut seen = Vec::new();
    for backend in backends(object) {
        let Some(name) = backend.service() else { continue };
        let port = backend.port();
        if port == Some(Port::Name("use-annotation")) || seen.contains(&(name, port)) {
            continue;
        }
        seen.push((name, port));
        if let Some((path, message)) = problem(&backend, name, port, cx) {
            let advice = "needs to know which Service is meant: correct the name or the port, or \
                          add its manifest";
            cx.report(object.place(path), message, advice);
        }
    }
}

/// What is wrong with a backend, and where.
fn problem(
    backend: &Backend<'_>,
    name: &str,
    port: Option<Port<'_>>,
    cx: &Context<'_, '_>,
) -> Option<(Path, String)> {
    let services = cx.set.named(cx.object, "", "Service", name);
    if services.is_empty() {
        let message = format!("service \"{name}\" is not among the manifests");
        return Some((backend.service_path(), message));
    }
    let message = match port {
        Some(port) if services.iter().any(|service| has_port(service, port)) => return None,
        Some(port) => format!("service \"{name}\" has no port {port}"),
        None => format!("backend names no port of service \"{name}\""),
    };
    Some((backend.port_path(), message))
}

fn has_port(service: &Object<'_>, port: Port<'_>) -> bool {
    let mut ports = maps(service.at(&["spec", "ports"])).peekable();
    if ports.peek().is_none() {
        return service.at(&["spec", "type"]).and_then(Node::as_str) == Some("ExternalName");
    }
    ports.any(|(_, own)| match port {
        Port::Number(number) => own.get("port").and_then(Node::as_i64) == Some(number),
        Port::Name(name) => own.get("name").and_then(Node::as_str) == Some(name),
    })
}
