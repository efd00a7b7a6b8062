//! Templates that look at Services, Ingresses, NetworkPolicies and ServiceMonitors.

use super::{Run, Template, for_kind, for_workloads, plain};
use crate::kube_linter::params;
use crate::kube_linter::view::{
    Diagnostics, Lint, child, flag, items, labels, namespace, path, text,
};
use manifest::Node;
use rules::selector::Selector;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

const NETWORKING: &str = "networking.k8s.io/v1";
const MONITORING: &str = "monitoring.coreos.com/v1";

pub(super) const TEMPLATES: &[Template] = &[
    for_kind("dangling-service", &["Service"], dangling_service),
    for_kind("dangling-ingress", &["Ingress"], |given| plain(given, dangling_ingress)),
    for_kind("dangling-networkpolicy", &["NetworkPolicy"], |given| plain(given, dangling_policy)),
    for_kind("dangling-networkpolicypeer-podselector", &["NetworkPolicy"], |given| {
        plain(given, dangling_peer)
    }),
    for_kind("dangling-servicemonitor", &["ServiceMonitor"], |given| {
        plain(given, dangling_monitor)
    }),
    for_kind("forbidden-service-types", &["Service"], service_types),
    for_workloads("non-isolated-pod", |given| plain(given, non_isolated)),
];

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct IgnoredLabels {
    ignored_labels: Vec<String>,
}

fn dangling_service(given: &Value) -> Result<Run, String> {
    let given: IgnoredLabels = params::read(given, &["ignoredLabels"])?;
    Ok(Box::new(move |lint, out| {
        let object = lint.object;
        let kind = text(Some(object.root), &["spec", "type"]);
        if !lint.is(object, "v1", "Service") || kind == "ExternalName" {
            return;
        }
        let keys = ["spec", "selector"];
        let node = child(Some(object.root), &keys);
        let asked: Vec<(&str, &str)> = labels(node)
            .filter(|(key, _)| !given.ignored_labels.iter().any(|ignored| ignored == key))
            .collect();
        let message = if asked.is_empty() {
            "the Service has no selector".to_owned()
        } else if let Some(Err(invalid)) = node.map(Selector::from_labels) {
            format!("the selector is invalid: {invalid}")
        } else if !has_pod(lint, &asked) {
            "the Service selects no pod".to_owned()
        } else {
            return;
        };
        out.push((path(&keys), message));
    }))
}

/// Whether some pod of the namespace carries all these labels.
fn has_pod(lint: &Lint<'_, '_>, asked: &[(&str, &str)]) -> bool {
    let indexed = lint.set.selected(lint.object, asked);
    indexed.iter().any(|object| lint.template(object).is_some())
}

/// A backend's Service with the name and the number of its port.
type Backend<'a> = (&'a str, &'a str, i64);

fn dangling_ingress(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    if !lint.is(lint.object, NETWORKING, "Ingress") {
        return;
    }
    for ((service, name, number), at) in backends(lint) {
        let exposes = |port: Node<'_>| {
            let own = child(Some(port), &["port"]).and_then(Node::as_i64).unwrap_or(0);
            match name {
                "" => own == number,
                name => text(Some(port), &["name"]) == name,
            }
        };
        let known = lint.nearby("v1", "Service").any(|other| {
            other.name == service && items(Some(other.root), &["spec", "ports"]).any(exposes)
        });
        if !known {
            let port = if name.is_empty() { number.to_string() } else { name.to_owned() };
            out.push((at, format!("no Service \"{service}\" with the port {port}")));
        }
    }
}

/// Each different backend of an Ingress, with its first place.
fn backends<'a>(lint: &Lint<'_, 'a>) -> BTreeMap<Backend<'a>, manifest::Path> {
    let mut found = BTreeMap::new();
    let mut add = |node: Option<Node<'a>>, at: manifest::Path| {
        let Some(service) = child(node, &["service"]) else { return };
        let service = Some(service);
        let number = child(service, &["port", "number"]).and_then(Node::as_i64).unwrap_or(0);
        let backend = (text(service, &["name"]), text(service, &["port", "name"]), number);
        found.entry(backend).or_insert(at);
    };
    let spec = child(Some(lint.object.root), &["spec"]);
    add(child(spec, &["defaultBackend"]), path(&["spec", "defaultBackend"]));
    for (rule_index, rule) in items(spec, &["rules"]).enumerate() {
        for (index, entry) in items(Some(rule), &["http", "paths"]).enumerate() {
            let at = path(&["spec", "rules"]).index(rule_index).key("http").key("paths");
            add(child(Some(entry), &["backend"]), at.index(index).key("backend"));
        }
    }
    found
}

fn dangling_policy(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    if lint.is(lint.object, NETWORKING, "NetworkPolicy") {
        let at = path(&["spec", "podSelector"]);
        report_selector(lint, child(Some(lint.object.root), &["spec", "podSelector"]), at, out);
    }
}

fn dangling_peer(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    if !lint.is(lint.object, NETWORKING, "NetworkPolicy") {
        return;
    }
    let spec = child(Some(lint.object.root), &["spec"]);
    for (direction, side) in [("ingress", "from"), ("egress", "to")] {
        for (rule_index, rule) in items(spec, &[direction]).enumerate() {
            for (index, peer) in items(Some(rule), &[side]).enumerate() {
                let selector = child(Some(peer), &["podSelector"]);
                if selector.is_some() && child(Some(peer), &["namespaceSelector"]).is_none() {
                    let at = path(&["spec", direction]).index(rule_index).key(side).index(index);
                    report_selector(lint, selector, at.key("podSelector"), out);
                }
            }
        }
    }
}

/// Reports a selector of pods that is invalid or selects none. Without one all are selected.
fn report_selector(
    lint: &Lint<'_, '_>,
    node: Option<Node<'_>>,
    at: manifest::Path,
    out: &mut Diagnostics,
) {
    let selects = |selector: &Selector<'_>| lint.selects_a_pod(selector);
    match node.map(Selector::parse) {
        None if lint.templates().any(|(object, _)| namespace(object) == namespace(lint.object)) => {
        }
        Some(Ok(selector)) if selects(&selector) => {}
        Some(Err(invalid)) => out.push((at, format!("the selector is invalid: {invalid}"))),
        _ => out.push((at, "the selector selects no pod".to_owned())),
    }
}

fn dangling_monitor(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    if !lint.is(lint.object, MONITORING, "ServiceMonitor") {
        return;
    }
    let spec = child(Some(lint.object.root), &["spec"]);
    let asked = child(spec, &["selector", "matchLabels"]).filter(|map| !map.is_empty());
    let any = flag(spec, &["namespaceSelector", "any"]);
    let named: Vec<&str> = items(spec, &["namespaceSelector", "matchNames"])
        .map(|name| name.as_str().unwrap_or(""))
        .collect();
    let at = path(&["spec", "selector"]);
    if asked.is_none() && !any && named.is_empty() {
        out.push((at, "the ServiceMonitor has no selector".to_owned()));
        return;
    }
    if let Some(Err(invalid)) = asked.map(Selector::from_labels) {
        out.push((at, format!("the selector is invalid: {invalid}")));
        return;
    }
    let is_selected = |service: &&rules::Object<'_>| {
        let own = child(Some(service.root), &["metadata", "labels"]);
        labels(asked).all(|label| labels(own).any(|own| own == label))
            && (any || named.is_empty() || named.contains(&namespace(service)))
    };
    if !lint.anywhere("v1", "Service").any(|service| is_selected(&service)) {
        out.push((at, "the ServiceMonitor selects no Service".to_owned()));
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ServiceTypes {
    forbidden_service_types: Vec<String>,
}

fn service_types(given: &Value) -> Result<Run, String> {
    let given: ServiceTypes = params::read(given, &["forbiddenServiceTypes"])?;
    Ok(Box::new(move |lint, out| {
        let kind = text(Some(lint.object.root), &["spec", "type"]);
        let mut forbidden = given.forbidden_service_types.iter();
        if lint.is(lint.object, "v1", "Service")
            && forbidden.any(|forbidden| forbidden.eq_ignore_ascii_case(kind))
        {
            out.push((path(&["spec", "type"]), format!("the Service has the type {kind}")));
        }
    }))
}

fn non_isolated(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    let Some(pod) = lint.template(lint.object) else { return };
    let at = pod.metadata_path(&["labels"]);
    for policy in lint.nearby(NETWORKING, "NetworkPolicy") {
        let selector = child(Some(policy.root), &["spec", "podSelector"]);
        match selector.map(Selector::parse) {
            None => return,
            Some(Ok(selector)) if selector.matches(pod.labels()) => return,
            Some(Ok(_)) => {}
            Some(Err(invalid)) => {
                let message =
                    format!("NetworkPolicy \"{}\" has an invalid selector: {invalid}", policy.name);
                out.push((at, message));
                return;
            }
        }
    }
    out.push((at, "no NetworkPolicy selects the pods".to_owned()));
}
