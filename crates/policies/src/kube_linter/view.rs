//! What checks look at: objects as kube-linter reads them.

use super::types::{self, Reading};
use manifest::{Node, Path, Segment};
use rules::{Object, Set};
use std::sync::Arc;

/// How kube-linter reads each object of a set.
#[derive(Debug, Clone)]
pub struct Readings {
    of: Arc<[Reading]>,
    /// The position of the object that is in an edited form, and how that reads.
    edited: Option<(usize, Reading)>,
}

impl Readings {
    /// Reads every object. `is_whole` tells whether the `items` of a List, given by one of its
    /// objects, are all objects: an item that does not decode discards its whole List.
    pub fn new(set: &Set<'_>, is_whole: impl Fn(&Object<'_>, &[Reading]) -> bool) -> Self {
        let mut of: Vec<Reading> =
            (0..set.len()).map(|at| types::read(set.object(at).root)).collect();
        let mut at = 0;
        while at < set.len() {
            let object = set.object(at);
            let first = at;
            at += 1;
            if object.item.is_none() {
                continue;
            }
            while at < set.len() && set.object(at).item > set.object(at - 1).item {
                at += 1;
            }
            if !is_whole(object, &of[first..at]) {
                of[first..at].fill(Reading::Invalid);
            }
        }
        Self { of: of.into(), edited: None }
    }

    /// The same, with one object in an edited form.
    #[must_use]
    pub fn replacing(&self, edited: &Object<'_>) -> Self {
        let edited = Some((edited.position, types::read(edited.root)));
        Self { of: Arc::clone(&self.of), edited }
    }

    fn at(&self, position: usize) -> Reading {
        match self.edited {
            Some((edited, reading)) if edited == position => reading,
            _ => self.of[position],
        }
    }
}

/// What a check may know.
pub(super) struct Lint<'s, 'a> {
    pub(super) set: &'s Set<'a>,
    pub(super) readings: &'s Readings,
    pub(super) object: &'s Object<'a>,
    /// The document that holds the object: a List, or the object itself.
    pub(super) document: Node<'a>,
}

/// What a check found: where, from the object's root, and what.
pub(super) type Diagnostics = Vec<(Path, String)>;

impl<'s, 'a> Lint<'s, 'a> {
    pub(super) fn reading(&self, object: &Object<'_>) -> Reading {
        self.readings.at(object.position)
    }

    /// Whether an object is of this group, version and kind, and decoded.
    pub(super) fn is(&self, object: &Object<'_>, api_version: &str, kind: &str) -> bool {
        object.kind == kind
            && object.api_version == api_version
            && self.reading(object) == Reading::Typed
    }

    /// Decoded objects of one version and kind in the context, in any namespace.
    pub(super) fn anywhere(
        &self,
        api_version: &'s str,
        kind: &'s str,
    ) -> impl Iterator<Item = &'s Object<'a>> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let found = self.set.of_kind_anywhere(self.object, group, kind);
        found.into_iter().filter(move |object| self.is(object, api_version, kind))
    }

    /// The same, in the namespace of the object that is checked, as written.
    pub(super) fn nearby(
        &self,
        api_version: &'s str,
        kind: &'s str,
    ) -> impl Iterator<Item = &'s Object<'a>> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let found = self.set.of_kind_in(self.object, namespace(self.object), group, kind);
        found.into_iter().filter(move |object| self.is(object, api_version, kind))
    }

    /// The pod template of an object, if it is decoded and has one.
    pub(super) fn template(&self, object: &Object<'a>) -> Option<Template<'a>> {
        match self.reading(object) {
            Reading::Typed => Template::of(object),
            _ => None,
        }
    }

    /// Every object of the context that is not dropped.
    pub(super) fn objects(&self) -> impl Iterator<Item = &'s Object<'a>> {
        let (set, context) = (self.set, self.object.context);
        (0..set.len())
            .map(move |at| set.object(at))
            .filter(move |object| object.context == context)
            .filter(|object| self.reading(object) != Reading::Invalid)
    }

    /// The templates of every object of the context that has one, with the object.
    pub(super) fn templates(&self) -> impl Iterator<Item = (&'s Object<'a>, Template<'a>)> {
        self.objects().filter_map(|object| Some((object, self.template(object)?)))
    }

    /// Whether some pod of the namespace carries the labels that a selector asks for.
    pub(super) fn selects_a_pod(&self, selector: &rules::selector::Selector<'_>) -> bool {
        let namespace = namespace(self.object);
        self.templates().any(|(object, template)| {
            self::namespace(object) == namespace && selector.matches(template.labels())
        })
    }
}

/// The namespace as written; empty without one.
pub(super) fn namespace<'a>(object: &Object<'a>) -> &'a str {
    object.namespace.unwrap_or("")
}

/// A child, if it is there and not null.
pub(super) fn child<'a>(node: Option<Node<'a>>, keys: &[&str]) -> Option<Node<'a>> {
    keys.iter().try_fold(node?, |node, key| node.get(key).filter(|value| !value.is_null()))
}

/// A text; empty when it is not there.
pub(super) fn text<'a>(node: Option<Node<'a>>, keys: &[&str]) -> &'a str {
    child(node, keys).and_then(Node::as_str).unwrap_or("")
}

/// A flag; false when it is not there.
pub(super) fn flag(node: Option<Node<'_>>, keys: &[&str]) -> bool {
    child(node, keys).and_then(Node::as_bool) == Some(true)
}

/// The items of a list; null counts as an empty item.
pub(super) fn items<'a>(
    node: Option<Node<'a>>,
    keys: &[&str],
) -> impl Iterator<Item = Node<'a>> + use<'a> {
    child(node, keys).filter(|list| list.is_seq()).into_iter().flat_map(Node::items)
}

/// The entries of a map whose values are texts.
pub(super) fn labels<'a>(node: Option<Node<'a>>) -> impl Iterator<Item = (&'a str, &'a str)> {
    node.filter(|map| map.is_map())
        .into_iter()
        .flat_map(Node::entries)
        .map(|(key, _, value)| (key, value.as_str().unwrap_or("")))
}

/// A path of keys from the object's root.
pub(super) fn path(keys: &[&str]) -> Path {
    Path(keys.iter().map(|key| Segment::Key((*key).to_owned())).collect())
}

/// A path with more keys.
pub(super) fn below(path: &Path, keys: &[&str]) -> Path {
    keys.iter().fold(path.clone(), |path, key| path.key(*key))
}

/// A pod template, or a Pod.
pub(super) struct Template<'a> {
    /// Keys from the object's root to what holds `metadata` and `spec`.
    holder: &'static [&'static str],
    pub(super) metadata: Option<Node<'a>>,
    pub(super) spec: Option<Node<'a>>,
}

/// A container of a template.
pub(super) struct Container<'a> {
    pub(super) node: Option<Node<'a>>,
    pub(super) path: Path,
    /// In `containers`, neither init nor ephemeral.
    pub(super) is_regular: bool,
}

impl<'a> Template<'a> {
    fn of(object: &Object<'a>) -> Option<Self> {
        let (holder, is_pointer): (&'static [&'static str], bool) = match object.kind {
            "Pod" if object.api_version == "v1" => (&[], false),
            "CronJob" if object.group() == "batch" => {
                (&["spec", "jobTemplate", "spec", "template"], false)
            }
            "ReplicationController" | "DeploymentConfig" => (&["spec", "template"], true),
            _ => (&["spec", "template"], false),
        };
        if holder.len() == 2 && !types::has_template(object.api_version, object.kind) {
            return None;
        }
        let node = child(Some(object.root), holder);
        if is_pointer && node.is_none() {
            return None;
        }
        Some(Self { holder, metadata: child(node, &["metadata"]), spec: child(node, &["spec"]) })
    }

    pub(super) fn labels(&self) -> Option<Node<'a>> {
        child(self.metadata, &["labels"])
    }

    /// The path of a field of the spec.
    pub(super) fn path(&self, keys: &[&str]) -> Path {
        below(&path(self.holder).key("spec"), keys)
    }

    /// The path of a field of the metadata.
    pub(super) fn metadata_path(&self, keys: &[&str]) -> Path {
        below(&path(self.holder).key("metadata"), keys)
    }

    /// Init, regular and ephemeral containers, in this order.
    pub(super) fn containers(&self) -> Vec<Container<'a>> {
        let mut containers = Vec::new();
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            for (index, node) in items(self.spec, &[list]).enumerate() {
                containers.push(Container {
                    node: Some(node),
                    path: self.path(&[list]).index(index),
                    is_regular: list == "containers",
                });
            }
        }
        containers
    }
}

impl<'a> Container<'a> {
    pub(super) fn name(&self) -> &'a str {
        text(self.node, &["name"])
    }

    /// A field of the container's security context.
    pub(super) fn security(&self, key: &str) -> Option<Node<'a>> {
        child(self.node, &["securityContext", key])
    }

    pub(super) fn at(&self, keys: &[&str]) -> Path {
        below(&self.path, keys)
    }
}

/// `spec.replicas` of a kind that has it; missing is 1, for a DeploymentConfig 0.
pub(super) fn replicas(object: &Object<'_>) -> Option<i64> {
    if !types::has_replicas(object.api_version, object.kind) {
        return None;
    }
    let missing = if object.kind == "DeploymentConfig" { 0 } else { 1 };
    Some(child(Some(object.root), &["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(missing))
}

/// The workload kinds, in any version.
pub(super) fn is_deployment_like(object: &Object<'_>) -> bool {
    matches!(
        (object.group(), object.kind),
        ("apps", "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet")
            | ("", "Pod" | "ReplicationController")
            | ("batch", "Job" | "CronJob")
            | ("apps.openshift.io", "DeploymentConfig")
    )
}
