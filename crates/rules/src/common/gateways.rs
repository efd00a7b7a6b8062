//! Services that routes of the Gateway API and of Istio send requests to.

use super::maps;
use crate::Object;
use manifest::{Node, Path};

/// Kinds of `gateway.networking.k8s.io` that have `backendRefs`.
const ROUTES: [&str; 5] = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];

/// A Service that a route names.
pub(crate) struct Destination<'a> {
    /// Its name.
    pub(crate) service: &'a str,
    /// Its namespace, when it is written.
    pub(crate) namespace: Option<&'a str>,
    /// Where it is named: lists and indexes, outermost first.
    at: Vec<(&'static str, usize)>,
}

impl Destination<'_> {
    /// Its path from the object's root.
    pub(crate) fn path(&self) -> Path {
        let spec = Path::root().key("spec");
        self.at.iter().fold(spec, |path, (list, index)| path.key(*list).index(*index))
    }
}

/// The Services that a route sends requests to; none for other kinds.
pub(crate) fn destinations<'a>(object: &Object<'a>) -> Vec<Destination<'a>> {
    match object.group() {
        "gateway.networking.k8s.io" if ROUTES.contains(&object.kind) => backend_refs(object),
        "networking.istio.io" if object.kind == "VirtualService" => istio_routes(object),
        _ => Vec::new(),
    }
}

fn backend_refs<'a>(object: &Object<'a>) -> Vec<Destination<'a>> {
    let mut found = Vec::new();
    for (rule_at, rule) in maps(object.at(&["spec", "rules"])) {
        for (ref_at, reference) in maps(rule.get("backendRefs")) {
            let text = |key: &str| reference.get(key).and_then(Node::as_str);
            let is_service = text("group").unwrap_or("").is_empty()
                && text("kind").unwrap_or("Service") == "Service";
            if let Some(service) = text("name").filter(|_| is_service) {
                let at = vec![("rules", rule_at), ("backendRefs", ref_at)];
                found.push(Destination { service, namespace: text("namespace"), at });
            }
        }
    }
    found
}

fn istio_routes<'a>(object: &Object<'a>) -> Vec<Destination<'a>> {
    let mut found = Vec::new();
    for protocol in ["http", "tls", "tcp"] {
        for (list_at, entry) in maps(object.at(&["spec", protocol])) {
            for (route_at, route) in maps(entry.get("route")) {
                let host = route.at(&["destination", "host"]).and_then(Node::as_str).unwrap_or("");
                let mut labels = host.split('.');
                let service = labels.next().unwrap_or("");
                let at = vec![(protocol, list_at), ("route", route_at)];
                found.push(Destination { service, namespace: labels.next(), at });
            }
        }
    }
    found
}
