//! All objects of the inputs, for rules that look at other objects.

use crate::{Object, Pod};
use manifest::Node;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A label of one context and namespace.
type LabelKey<'a> = (usize, &'a str, &'a str, &'a str);

/// The objects that a run knows, indexed by what cross-object rules ask for. Namespaces are
/// compared as written: no namespace and `default` are different manifests' words.
#[derive(Debug, Clone)]
pub struct Set<'a> {
    index: Arc<Index<'a>>,
    /// The object that is judged in an edited form, by its position, and that form.
    replaced: Option<(usize, Box<Object<'a>>)>,
}

#[derive(Debug, Default)]
struct Index<'a> {
    objects: Vec<Object<'a>>,
    by_name: HashMap<(usize, &'a str, &'a str, &'a str), Vec<usize>>,
    by_kind: HashMap<(usize, &'a str, &'a str), Vec<usize>>,
    pods_by_label: HashMap<LabelKey<'a>, Vec<usize>>,
    services_by_label: HashMap<LabelKey<'a>, Vec<usize>>,
}

impl<'a> Set<'a> {
    /// Indexes the objects. Their order is kept; it is the order of every answer.
    pub fn new(objects: Vec<Object<'a>>) -> Self {
        let mut index = Index::default();
        for (position, object) in objects.iter().enumerate() {
            let namespace = object.namespace.unwrap_or("");
            let kind = (object.context, namespace, object.kind);
            index.by_kind.entry(kind).or_default().push(position);
            let name = (object.context, namespace, object.kind, object.name);
            index.by_name.entry(name).or_default().push(position);
            for (key, value) in pod_labels(object) {
                let label = (object.context, namespace, key, value);
                index.pods_by_label.entry(label).or_default().push(position);
            }
            for (key, value) in service_selector(object) {
                let label = (object.context, namespace, key, value);
                index.services_by_label.entry(label).or_default().push(position);
            }
        }
        index.objects = objects;
        Self { index: Arc::new(index), replaced: None }
    }

    /// The same set with one object in an edited form. Its identity must be unchanged.
    pub fn replacing(&self, position: usize, object: Object<'a>) -> Self {
        Self { index: Arc::clone(&self.index), replaced: Some((position, Box::new(object))) }
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        self.index.objects.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.index.objects.is_empty()
    }

    /// The object at a position.
    pub fn object(&self, position: usize) -> &Object<'a> {
        match &self.replaced {
            Some((replaced, object)) if *replaced == position => object,
            _ => &self.index.objects[position],
        }
    }

    /// Objects of this kind in the context and namespace of `object`.
    pub fn of_kind(&self, object: &Object<'_>, group: &str, kind: &str) -> Vec<&Object<'a>> {
        let key = (object.context, object.namespace.unwrap_or(""), kind);
        self.found(self.index.by_kind.get(&key), group)
    }

    /// Objects of this kind and name in the context and namespace of `object`.
    pub fn named(
        &self,
        object: &Object<'_>,
        group: &str,
        kind: &str,
        name: &str,
    ) -> Vec<&Object<'a>> {
        let key = (object.context, object.namespace.unwrap_or(""), kind, name);
        self.found(self.index.by_name.get(&key), group)
    }

    fn found(&self, positions: Option<&Vec<usize>>, group: &str) -> Vec<&Object<'a>> {
        let positions = positions.map_or(&[][..], Vec::as_slice);
        positions.iter().map(|p| self.object(*p)).filter(|o| o.group() == group).collect()
    }

    /// Workloads in the context and namespace of `object` whose pods carry all these labels, in
    /// input order. An empty selector selects nothing here, as for a Service.
    pub fn selected(
        &self,
        object: &Object<'_>,
        selector: &[(&str, &str)],
    ) -> Vec<(&Object<'a>, &Pod<'a>)> {
        let Some((key, value)) = selector.first() else { return Vec::new() };
        let namespace = object.namespace.unwrap_or("");
        let label = (object.context, namespace, *key, *value);
        let mut candidates: BTreeSet<usize> = BTreeSet::new();
        candidates.extend(self.index.pods_by_label.get(&label).into_iter().flatten());
        // The index knows the labels that an edited object had before.
        candidates.extend(self.replaced.iter().map(|(position, _)| *position));
        candidates
            .into_iter()
            .map(|position| self.object(position))
            .filter(|o| o.context == object.context && o.namespace.unwrap_or("") == namespace)
            .filter_map(|o| Some((o, o.pod.as_ref()?)))
            .filter(|(_, pod)| selects(selector, pod))
            .collect()
    }

    /// Positions of the Services that select, or nearly select, pods with these labels: those
    /// whose selector shares at least one label. Only they can be affected when labels change.
    pub fn services_sharing_labels(&self, object: &Object<'_>) -> BTreeSet<usize> {
        let namespace = object.namespace.unwrap_or("");
        pod_labels(object)
            .filter_map(|(key, value)| {
                self.index.services_by_label.get(&(object.context, namespace, key, value))
            })
            .flatten()
            .copied()
            .collect()
    }
}

/// Whether the pod carries every label of the selector.
pub(crate) fn selects(selector: &[(&str, &str)], pod: &Pod<'_>) -> bool {
    let labels = pod.labels();
    selector.iter().all(|(key, value)| {
        labels.and_then(|map| map.get(key)).and_then(Node::as_str) == Some(*value)
    })
}

fn string_entries(map: Option<Node<'_>>) -> impl Iterator<Item = (&str, &str)> {
    map.filter(|map| map.is_map())
        .into_iter()
        .flat_map(Node::entries)
        .filter_map(|(key, _, value)| Some((key, value.as_str()?)))
}

fn pod_labels<'a>(object: &Object<'a>) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    string_entries(object.pod.as_ref().and_then(Pod::labels))
}

/// The selector of a Service that routes by selector; empty for anything else.
pub(crate) fn service_selector<'a>(
    object: &Object<'a>,
) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let selector = if object.is("", "Service") { object.at(&["spec", "selector"]) } else { None };
    string_entries(selector)
}
