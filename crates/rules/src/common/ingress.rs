//! Hosts, paths and backends of an Ingress, in its present and its former shape.

use super::maps;
use crate::Object;
use manifest::{Kind, Node, Path};
use std::fmt;

/// Whether the object is an Ingress of Kubernetes, in any version.
pub(crate) fn is_ingress(object: &Object<'_>) -> bool {
    object.kind == "Ingress" && matches!(object.group(), "networking.k8s.io" | "extensions")
}

/// The rules of an Ingress, with their indexes.
pub(crate) fn ingress_rules<'a>(object: &Object<'a>) -> impl Iterator<Item = (usize, Node<'a>)> {
    maps(object.at(&["spec", "rules"]))
}

/// The paths of a rule, with their indexes.
pub(crate) fn paths(rule: Node<'_>) -> impl Iterator<Item = (usize, Node<'_>)> {
    maps(rule.at(&["http", "paths"]))
}

/// The entries of `spec.tls`.
pub(crate) fn tls_entries<'a>(object: &Object<'a>) -> impl Iterator<Item = Node<'a>> {
    maps(object.at(&["spec", "tls"])).map(|(_, entry)| entry)
}

/// The class of an Ingress, which says whose it is; `None` when it is left to the default.
pub(crate) fn ingress_class<'a>(object: &Object<'a>) -> Option<&'a str> {
    let annotation = ["metadata", "annotations", "kubernetes.io/ingress.class"];
    let name = object.at(&["spec", "ingressClassName"]).or_else(|| object.at(&annotation));
    name.and_then(Node::as_str).filter(|name| !name.is_empty())
}

/// Where an Ingress sends requests.
pub(crate) struct Backend<'a> {
    node: Node<'a>,
    /// Rule and path; the backend for everything else has none.
    at: Option<(usize, usize)>,
    default_key: &'static str,
}

/// A port of a Service, as a backend names it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port<'a> {
    /// By its number.
    Number(i64),
    /// By its name.
    Name(&'a str),
}

impl fmt::Display for Port<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "\"{name}\""),
        }
    }
}

/// All backends of an Ingress: the default one, then those of its paths.
pub(crate) fn backends<'a>(object: &Object<'a>) -> impl Iterator<Item = Backend<'a>> {
    let default = ["defaultBackend", "backend"].into_iter().filter_map(|key| {
        let node = object.at(&["spec", key]).filter(|node| node.is_map())?;
        Some(Backend { node, at: None, default_key: key })
    });
    let of_paths = ingress_rules(object).flat_map(|(rule_at, rule)| {
        paths(rule).filter_map(move |(path_at, path)| {
            let node = path.get("backend").filter(|node| node.is_map())?;
            Some(Backend { node, at: Some((rule_at, path_at)), default_key: "" })
        })
    });
    default.collect::<Vec<_>>().into_iter().chain(of_paths)
}

impl<'a> Backend<'a> {
    /// The Service that it names.
    pub(crate) fn service(&self) -> Option<&'a str> {
        let name = self
            .node
            .at(&["service", "name"])
            .or_else(|| self.node.get("serviceName"))?
            .as_str()?;
        (!name.is_empty()).then_some(name)
    }

    /// The port of that Service.
    pub(crate) fn port(&self) -> Option<Port<'a>> {
        let port = self.node.at(&["service", "port"]);
        let field = |key: &str| port.and_then(|port| port.get(key)).filter(|v| !v.is_null());
        let written =
            field("number").or_else(|| field("name")).or_else(|| self.node.get("servicePort"))?;
        match written.kind() {
            Kind::Int => written.as_i64().map(Port::Number),
            _ => written.as_str().map(Port::Name),
        }
    }

    /// Where it names the Service, from the object's root.
    pub(crate) fn service_path(&self) -> Path {
        match self.is_former() {
            true => self.path().key("serviceName"),
            false => self.path().key("service").key("name"),
        }
    }

    /// Where it names the port, from the object's root.
    pub(crate) fn port_path(&self) -> Path {
        match self.is_former() {
            true => self.path().key("servicePort"),
            false => self.path().key("service").key("port"),
        }
    }

    fn is_former(&self) -> bool {
        self.node.get("serviceName").is_some()
    }

    fn path(&self) -> Path {
        let spec = Path::root().key("spec");
        match self.at {
            None => spec.key(self.default_key),
            Some((rule, path)) => {
                let rule = spec.key("rules").index(rule);
                rule.key("http").key("paths").index(path).key("backend")
            }
        }
    }
}
