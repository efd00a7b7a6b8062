//! All objects of the inputs, for rules that look at other objects.

mod links;

use crate::Object;
use crate::common::{accounts, template_labels};
use links::Links;
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
    by_kind_anywhere: HashMap<(usize, &'a str), Vec<usize>>,
    pods_by_label: HashMap<LabelKey<'a>, Vec<usize>>,
    services_by_label: HashMap<LabelKey<'a>, Vec<usize>>,
    links: Links<'a>,
    /// Role bindings by namespace and name of the service accounts that they serve.
    bindings_by_account: HashMap<(usize, &'a str, &'a str), Vec<usize>>,
}

impl<'a> Set<'a> {
    /// Indexes the objects. Their order is kept; it is the order of every answer.
    pub fn new(mut objects: Vec<Object<'a>>) -> Self {
        let mut index = Index::default();
        for (position, object) in objects.iter_mut().enumerate() {
            object.position = position;
            let object = &*object;
            let namespace = object.namespace.unwrap_or("");
            let kind = (object.context, namespace, object.kind);
            index.by_kind.entry(kind).or_default().push(position);
            let anywhere = (object.context, object.kind);
            index.by_kind_anywhere.entry(anywhere).or_default().push(position);
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
            index.links.add(position, object);
            for (namespace, name) in accounts(object) {
                let account = (object.context, namespace, name);
                index.bindings_by_account.entry(account).or_default().push(position);
            }
        }
        index.links.add_selectors(&objects, &index.pods_by_label);
        index.objects = objects;
        Self { index: Arc::new(index), replaced: None }
    }

    /// The same set with one object in an edited form. Its identity must be unchanged.
    pub fn replacing(&self, position: usize, mut object: Object<'a>) -> Self {
        object.position = position;
        Self { index: Arc::clone(&self.index), replaced: Some((position, Box::new(object))) }
    }

    /// The object that stands in for the original, if any.
    pub fn replaced(&self) -> Option<&Object<'a>> {
        self.replaced.as_ref().map(|(_, object)| &**object)
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

    /// Objects of this kind and name in the context of `object` and in a namespace of its own,
    /// as written; empty for objects without one, such as those of the whole cluster.
    pub fn named_in(
        &self,
        object: &Object<'_>,
        namespace: &str,
        group: &str,
        kind: &str,
        name: &str,
    ) -> Vec<&Object<'a>> {
        self.found(self.index.by_name.get(&(object.context, namespace, kind, name)), group)
    }

    /// Objects of this kind in the context of `object`, in a namespace of its own, as written.
    pub fn of_kind_in(
        &self,
        object: &Object<'_>,
        namespace: &str,
        group: &str,
        kind: &str,
    ) -> Vec<&Object<'a>> {
        self.found(self.index.by_kind.get(&(object.context, namespace, kind)), group)
    }

    /// Objects of this kind in the context of `object`, in any namespace.
    pub fn of_kind_anywhere(
        &self,
        object: &Object<'_>,
        group: &str,
        kind: &str,
    ) -> Vec<&Object<'a>> {
        self.found(self.index.by_kind_anywhere.get(&(object.context, kind)), group)
    }

    /// Role bindings in the context of `object` that serve a service account of its namespace.
    /// Here no namespace is the same as `default`: bindings must name the account's.
    pub fn bindings_of(&self, object: &Object<'_>, group: &str, account: &str) -> Vec<&Object<'a>> {
        let key = (object.context, object.effective_namespace(), account);
        self.found(self.index.bindings_by_account.get(&key), group)
    }

    fn found(&self, positions: Option<&Vec<usize>>, group: &str) -> Vec<&Object<'a>> {
        let positions = positions.map_or(&[][..], Vec::as_slice);
        positions.iter().map(|p| self.object(*p)).filter(|o| o.group() == group).collect()
    }

    /// Workloads in the context and namespace of `object` whose pods carry all these labels, in
    /// input order. An empty selector selects nothing here, as for a Service.
    pub fn selected(&self, object: &Object<'_>, selector: &[(&str, &str)]) -> Vec<&Object<'a>> {
        let Some(rarest) = self.buckets(object, selector).into_iter().next() else {
            return Vec::new();
        };
        self.candidates(object, rarest).filter(|other| selects(selector, other)).collect()
    }

    /// Workloads in the context and namespace of `object` whose pods carry all but one of these
    /// labels, in input order. Selectors of one label have none, and neither have those that ask
    /// for nothing but what nearly every workload carries.
    pub fn nearly_selected(
        &self,
        object: &Object<'_>,
        selector: &[(&str, &str)],
    ) -> Vec<&Object<'a>> {
        /// More candidates than this say nothing, and looking at all of them takes long.
        const MOST: usize = 64;
        // Who lacks one label has every other, and so is in one of any two buckets.
        let buckets = self.buckets(object, selector);
        let [first, second, ..] = buckets[..] else { return Vec::new() };
        if first.len() + second.len() > MOST {
            return Vec::new();
        }
        let either: Vec<usize> = first.iter().chain(second).copied().collect();
        let missing = |other: &&Object<'a>| {
            selector.iter().filter(|label| !selects(std::slice::from_ref(*label), other)).count()
        };
        self.candidates(object, &either).filter(|other| missing(other) == 1).collect()
    }

    /// For each label of the selector the workloads that carry it, fewest first.
    fn buckets<'s>(
        &'s self,
        object: &'s Object<'_>,
        selector: &'s [(&'s str, &'s str)],
    ) -> Vec<&'s [usize]> {
        let namespace = object.namespace.unwrap_or("");
        let bucket = |(key, value): &'s (&'s str, &'s str)| {
            let label = (object.context, namespace, *key, *value);
            self.index.pods_by_label.get(&label).map_or(&[][..], Vec::as_slice)
        };
        let mut buckets: Vec<&[usize]> = selector.iter().map(bucket).collect();
        buckets.sort_by_key(|bucket| bucket.len());
        buckets
    }

    /// The workloads at these positions, and the edited one if it is a neighbour of `object`: the
    /// index knows the labels that it had before.
    fn candidates<'s>(
        &'s self,
        object: &Object<'_>,
        positions: &[usize],
    ) -> impl Iterator<Item = &'s Object<'a>> + use<'s, 'a> {
        let mut all: BTreeSet<usize> = positions.iter().copied().collect();
        let (context, namespace) = (object.context, object.namespace.unwrap_or(""));
        all.extend(self.replaced.iter().filter_map(|(position, edited)| {
            let near = edited.context == context && edited.namespace.unwrap_or("") == namespace;
            near.then_some(*position)
        }));
        all.into_iter().map(|position| self.object(position))
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

/// Whether the workload's pods carry every label of the selector.
fn selects(selector: &[(&str, &str)], workload: &Object<'_>) -> bool {
    let labels = template_labels(workload);
    labels.is_some()
        && selector.iter().all(|(key, value)| {
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
    string_entries(template_labels(object))
}

/// The selector of a Service that routes by selector; empty for anything else.
fn service_selector<'a>(object: &Object<'a>) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let selector = if object.is("", "Service") { object.at(&["spec", "selector"]) } else { None };
    string_entries(selector)
}
