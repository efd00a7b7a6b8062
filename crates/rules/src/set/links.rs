//! Who points to whom: by selector, by name, by host.

use super::{LabelKey, Set, pod_labels, service_selector, string_entries};
use crate::Object;
use crate::common::{
    backends, destinations, ingress_rules, is_budget, is_ingress, pod_selector, scale_target,
    template_labels,
};
use crate::selector::Selector;
use manifest::Node;
use std::collections::HashMap;

/// Positions of objects by what they point to.
#[derive(Debug, Default)]
pub(super) struct Links<'a> {
    /// Objects with pods, by namespace.
    pods: HashMap<(usize, &'a str), Vec<usize>>,
    /// Services, network policies and budgets, by the label that they ask for and that the fewest
    /// pods carry; by an empty one when they ask for none.
    selectors: HashMap<LabelKey<'a>, Vec<usize>>,
    /// Objects that name another one, by its namespace, kind and name.
    references: HashMap<(usize, &'a str, &'a str, &'a str), Vec<usize>>,
    /// Ingresses, by host; by an empty one where a rule has none.
    hosts: HashMap<(usize, &'a str), Vec<usize>>,
}

impl<'a> Links<'a> {
    pub(super) fn add(&mut self, position: usize, object: &Object<'a>) {
        let (context, namespace) = (object.context, object.namespace.unwrap_or(""));
        if object.pod.is_some() {
            self.pods.entry((context, namespace)).or_default().push(position);
        }
        for_each_reference(object, |namespace, kind, name| {
            let positions = self.references.entry((context, namespace, kind, name)).or_default();
            push_once(positions, position);
        });
        if is_ingress(object) {
            for (_, rule) in ingress_rules(object) {
                let host = rule.get("host").and_then(Node::as_str).unwrap_or("");
                push_once(self.hosts.entry((context, host)).or_default(), position);
            }
        }
    }

    /// Indexes what selects pods, once it is known which labels pods carry.
    pub(super) fn add_selectors(
        &mut self,
        objects: &[Object<'a>],
        pods_by_label: &HashMap<LabelKey<'a>, Vec<usize>>,
    ) {
        for (position, object) in objects.iter().enumerate() {
            let Some(labels) = asked_labels(object) else { continue };
            let (context, namespace) = (object.context, object.namespace.unwrap_or(""));
            let rarest = string_entries(labels)
                .map(|(key, value)| (context, namespace, key, value))
                .min_by_key(|label| pods_by_label.get(label).map_or(0, Vec::len));
            let label = rarest.unwrap_or((context, namespace, "", ""));
            self.selectors.entry(label).or_default().push(position);
        }
    }
}

/// The labels that an object asks of pods; `None` when it selects none.
fn asked_labels<'a>(object: &Object<'a>) -> Option<Option<Node<'a>>> {
    if object.is("", "Service") {
        return service_selector(object).next().map(|_| object.at(&["spec", "selector"]));
    }
    selector_of(object).map(|selector| selector.get("matchLabels"))
}

/// Positions come in ascending order.
fn push_once(positions: &mut Vec<usize>, position: usize) {
    if positions.last() != Some(&position) {
        positions.push(position);
    }
}

/// The selector by which a network policy or a budget finds its pods.
fn selector_of<'a>(object: &Object<'a>) -> Option<Node<'a>> {
    match is_budget(object) {
        true => object.at(&["spec", "selector"]).filter(|selector| selector.is_map()),
        false => pod_selector(object),
    }
}

/// What an object names: the target of an autoscaler, the Services of an Ingress or a route.
fn for_each_reference<'a>(object: &Object<'a>, mut add: impl FnMut(&'a str, &'a str, &'a str)) {
    let namespace = object.namespace.unwrap_or("");
    if let Some(target) = scale_target(object) {
        add(namespace, target.kind, target.name);
    } else if is_ingress(object) {
        backends(object).filter_map(|backend| backend.service()).for_each(|name| {
            add(namespace, "Service", name);
        });
    } else {
        for destination in destinations(object) {
            add(destination.namespace.unwrap_or(namespace), "Service", destination.service);
        }
    }
}

impl<'a> Set<'a> {
    /// Objects in the context and namespace of `object` whose pods a selector matches, in input
    /// order. An empty selector matches all of them.
    pub fn matched(&self, object: &Object<'_>, selector: &Selector<'_>) -> Vec<&Object<'a>> {
        let candidates = self.candidates(object, self.positions_for(object, selector));
        candidates.filter(|other| has_pods(other, selector)).collect()
    }

    /// Whether no object in the context and namespace of `object` has pods that a selector matches.
    pub fn matches_none(&self, object: &Object<'_>, selector: &Selector<'_>) -> bool {
        let mut positions = self.positions_for(object, selector).iter();
        let here = |other: &Object<'_>| {
            other.context == object.context && other.namespace == object.namespace
        };
        let edited = self.replaced.as_ref().map(|(_, edited)| edited);
        !positions.any(|position| has_pods(self.object(*position), selector))
            && !edited.is_some_and(|edited| here(edited) && has_pods(edited, selector))
    }

    /// A few objects, among them all whose pods the selector matches.
    fn positions_for<'s>(
        &'s self,
        object: &'s Object<'_>,
        selector: &'s Selector<'_>,
    ) -> &'s [usize] {
        let (context, namespace) = (object.context, object.namespace.unwrap_or(""));
        let by_label = &self.index.pods_by_label;
        selector
            .labels()
            .map(|(key, value)| by_label.get(&(context, namespace, key, value)))
            .min_by_key(|positions| positions.map_or(0, Vec::len))
            .unwrap_or_else(|| self.index.links.pods.get(&(context, namespace)))
            .map_or(&[], Vec::as_slice)
    }

    /// Network policies or budgets of this group and kind that select the pods of `workload`, in
    /// input order.
    pub fn selecting(&self, workload: &Object<'_>, group: &str, kind: &str) -> Vec<&Object<'a>> {
        self.selecting_by(workload, |other| {
            selector_of(other).filter(|_| other.is(group, kind)).map(Selector::parse)
        })
    }

    /// Services that select the pods of `workload`, in input order.
    pub fn services_selecting(&self, workload: &Object<'_>) -> Vec<&Object<'a>> {
        self.selecting_by(workload, |other| {
            let selector = other.at(&["spec", "selector"]);
            selector.filter(|_| other.is("", "Service")).map(Selector::from_labels)
        })
    }

    fn selecting_by(
        &self,
        workload: &Object<'_>,
        selector: impl Fn(&Object<'a>) -> Option<Result<Selector<'a>, String>>,
    ) -> Vec<&Object<'a>> {
        let (context, namespace) = (workload.context, workload.namespace.unwrap_or(""));
        let by_label = &self.index.links.selectors;
        let mut positions: Vec<usize> = pod_labels(workload)
            .chain([("", "")])
            .filter_map(|(key, value)| by_label.get(&(context, namespace, key, value)))
            .flatten()
            .copied()
            .collect();
        positions.sort_unstable();
        let labels = template_labels(workload);
        let selects = |other: &&Object<'a>| {
            selector(other).is_some_and(|parsed| parsed.is_ok_and(|s| s.matches(labels)))
        };
        positions.into_iter().map(|position| self.object(position)).filter(selects).collect()
    }

    /// Services with the same selector in the context and namespace of `service`, itself included.
    pub fn services_with_same_selector(&self, service: &Object<'_>) -> Vec<&Object<'a>> {
        let (context, namespace) = (service.context, service.namespace.unwrap_or(""));
        let by_label = &self.index.services_by_label;
        let rarest = service_selector(service)
            .filter_map(|(key, value)| by_label.get(&(context, namespace, key, value)))
            .min_by_key(|positions| positions.len());
        let is_same = |other: &&Object<'a>| {
            let asks = |label| service_selector(other).any(|other| other == label);
            service_selector(service).count() == service_selector(other).count()
                && service_selector(service).all(asks)
        };
        self.all_at(rarest).into_iter().filter(is_same).collect()
    }

    /// Autoscalers, Ingresses and routes that name the object of this kind and name in the context
    /// and namespace of `object`.
    pub fn referring(&self, object: &Object<'_>, kind: &str, name: &str) -> Vec<&Object<'a>> {
        let key = (object.context, object.namespace.unwrap_or(""), kind, name);
        self.all_at(self.index.links.references.get(&key))
    }

    /// Ingresses in the context of `object`, in any namespace, with a rule for this host.
    pub fn ingresses_of_host(&self, object: &Object<'_>, host: &str) -> Vec<&Object<'a>> {
        self.all_at(self.index.links.hosts.get(&(object.context, host)))
    }

    fn all_at(&self, positions: Option<&Vec<usize>>) -> Vec<&Object<'a>> {
        positions.into_iter().flatten().map(|position| self.object(*position)).collect()
    }
}

/// Whether an object runs pods with labels that a selector matches.
fn has_pods(object: &Object<'_>, selector: &Selector<'_>) -> bool {
    object.pod.is_some() && selector.matches(template_labels(object))
}
