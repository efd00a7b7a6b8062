//! What rules look at: an object, its pod spec, its containers.

use crate::common::maps;
use manifest::{Node, Path, Segment, Span};

/// A Kubernetes object within a document.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    /// The object's map.
    pub root: Node<'a>,
    /// `apiVersion`, or empty.
    pub api_version: &'a str,
    /// `kind`, or empty.
    pub kind: &'a str,
    /// `metadata.namespace`, if written.
    pub namespace: Option<&'a str>,
    /// `metadata.name`, else `metadata.generateName`, else empty.
    pub name: &'a str,
    /// Which objects see each other; objects of one context form one set.
    pub context: usize,
    /// Its position in the set; nought before it is in one.
    pub position: usize,
    /// The document's index in its file.
    pub document: usize,
    /// Index within the `items` of a List.
    pub item: Option<usize>,
    /// The pod spec that the object holds.
    pub pod: Option<Pod<'a>>,
}

/// A place: where a finding is, and the nearest text to show.
#[derive(Debug, Clone)]
pub struct Site {
    /// From the object's root; need not exist.
    pub path: Path,
    /// The nearest text that exists.
    pub span: Span,
}

/// Where the pod spec is, by kind. Group and version do not matter: custom resources that reuse
/// the name of a workload kind reuse its shape, and run the same pods.
fn pod_path(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "Pod" => &["spec"],
        "Deployment"
        | "DaemonSet"
        | "StatefulSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job"
        | "DeploymentConfig"
        | "Rollout" => &["spec", "template", "spec"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        "PodTemplate" => &["template", "spec"],
        _ => return None,
    })
}

impl<'a> Object<'a> {
    /// Reads the identity and the pod spec of a map; `None` when it is not a map with a kind.
    pub fn new(
        root: Node<'a>,
        context: usize,
        document: usize,
        item: Option<usize>,
    ) -> Option<Self> {
        let kind = root.get("kind")?.as_str()?;
        let api_version = root.get("apiVersion").and_then(Node::as_str).unwrap_or("");
        let metadata = root.get("metadata");
        let text = |key: &str| metadata.and_then(|map| map.get(key)).and_then(Node::as_str);
        let pod = pod_path(kind).and_then(|path| Pod::new(root, path));
        Some(Self {
            root,
            api_version,
            kind,
            namespace: text("namespace"),
            name: text("name").or_else(|| text("generateName")).unwrap_or(""),
            context,
            position: 0,
            document,
            item,
            pod,
        })
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &'a str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether it is of this group and kind, in any version.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.kind == kind && self.group() == group
    }

    /// The namespace that a client would use when none is written.
    pub fn effective_namespace(&self) -> &'a str {
        self.namespace.filter(|name| !name.is_empty()).unwrap_or("default")
    }

    /// The value at a path of keys.
    pub fn at(&self, keys: &[&str]) -> Option<Node<'a>> {
        self.root.at(keys)
    }

    /// The place at a path of keys.
    pub fn site(&self, keys: &[&str]) -> Site {
        Site {
            path: path_of(keys),
            span: nearest(self.root, keys).unwrap_or_else(|| title_span(self.root)),
        }
    }

    /// The place at a path that may lead through lists.
    pub fn place(&self, path: Path) -> Site {
        let mut node = self.root;
        let mut span = title_span(node);
        for segment in path.segments() {
            let next = match segment {
                Segment::Key(key) => node.entry(key).map(|entry| (entry.value, entry.key.span())),
                Segment::Index(index) => node.item(*index).map(|item| (item, title_span(item))),
            };
            let Some((value, title)) = next else { return Site { path, span } };
            (node, span) = (value, title);
        }
        if !(node.is_map() || node.is_seq() || node.span().is_empty()) {
            span = node.span();
        }
        Site { path, span }
    }

    /// Pointer from the document's root to the object.
    pub fn prefix(&self) -> String {
        self.item.map_or_else(String::new, |index| format!("/items/{index}"))
    }
}

/// The objects of a document: itself, or the items of a `List`.
pub fn objects<'a>(root: Node<'a>, context: usize, document: usize) -> Vec<Object<'a>> {
    let Some(object) = Object::new(root, context, document, None) else { return Vec::new() };
    let is_list = object.kind == "List" && object.api_version == "v1";
    let Some(items) = root.get("items").filter(|items| is_list && items.is_seq()) else {
        return vec![object];
    };
    items
        .items()
        .enumerate()
        .filter_map(|(index, item)| Object::new(item, context, document, Some(index)))
        .collect()
}

/// Where a container stands in the pod spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `initContainers`; sidecars are among them.
    Init,
    /// `containers`.
    Regular,
    /// `ephemeralContainers`.
    Ephemeral,
}

impl Role {
    /// The name of the list in the pod spec.
    pub fn field(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::Regular => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

/// A pod spec, of a Pod or of a template.
#[derive(Debug, Clone)]
pub struct Pod<'a> {
    /// The spec's map.
    pub spec: Node<'a>,
    /// Keys from the object's root to the spec.
    pub keys: &'static [&'static str],
    /// The metadata of the pod, when written.
    pub metadata: Option<Node<'a>>,
    /// Pod-level security context, when it is a map.
    pub security: Option<Node<'a>>,
    /// Init, regular and ephemeral containers, in this order.
    pub containers: Vec<Container<'a>>,
}

/// One container of a pod spec.
#[derive(Debug, Clone)]
pub struct Container<'a> {
    /// The container's map.
    pub node: Node<'a>,
    /// Which list it is in.
    pub role: Role,
    /// Its index in that list.
    pub index: usize,
    /// Its name, or empty.
    pub name: &'a str,
    /// Its security context, when it is a map.
    pub security: Option<Node<'a>>,
}

impl<'a> Pod<'a> {
    fn new(root: Node<'a>, keys: &'static [&'static str]) -> Option<Self> {
        let holder = root.at(&keys[..keys.len() - 1])?;
        let spec = holder.get("spec").filter(|spec| spec.is_map())?;
        let mut containers = Vec::new();
        for role in [Role::Init, Role::Regular, Role::Ephemeral] {
            let Some(list) = spec.get(role.field()).filter(|list| list.is_seq()) else { continue };
            for (index, node) in list.items().enumerate().filter(|(_, node)| node.is_map()) {
                containers.push(Container {
                    node,
                    role,
                    index,
                    name: node.get("name").and_then(Node::as_str).unwrap_or(""),
                    security: node.get("securityContext").filter(|map| map.is_map()),
                });
            }
        }
        Some(Self {
            spec,
            keys,
            metadata: holder.get("metadata").filter(|map| map.is_map()),
            security: spec.get("securityContext").filter(|map| map.is_map()),
            containers,
        })
    }

    /// The labels of the pod, when they are a map.
    pub fn labels(&self) -> Option<Node<'a>> {
        self.metadata?.get("labels").filter(|map| map.is_map())
    }

    /// The annotations of the pod, when they are a map.
    pub fn annotations(&self) -> Option<Node<'a>> {
        self.metadata?.get("annotations").filter(|map| map.is_map())
    }

    /// The path of a list item of the spec, and of a field in it, from the object's root.
    pub fn item_path(&self, list: &[&str], index: usize, keys: &[&str]) -> Path {
        extended(self.path(list).index(index), keys)
    }

    /// The path of a field of the spec, from the object's root.
    pub fn path(&self, keys: &[&str]) -> Path {
        extended(path_of(self.keys), keys)
    }

    /// The path of a field of the pod's metadata, from the object's root.
    pub fn metadata_path(&self, keys: &[&str]) -> Path {
        let holder = path_of(&self.keys[..self.keys.len() - 1]);
        extended(holder.key("metadata"), keys)
    }

    /// The place of a field of the spec.
    pub fn site(&self, keys: &[&str]) -> Site {
        let span = nearest(self.spec, keys).unwrap_or_else(|| first_key_span(self.spec));
        Site { path: self.path(keys), span }
    }

    /// The place of a list item of the spec, and of a field in it.
    pub fn item_site(&self, list: &[&str], index: usize, keys: &[&str]) -> Site {
        let path = self.item_path(list, index, keys);
        let item = self.spec.at(list).and_then(|list| list.items().nth(index));
        let span = item
            .and_then(|item| nearest(item, keys).or_else(|| Some(title_span(item))))
            .or_else(|| nearest(self.spec, list))
            .unwrap_or_else(|| first_key_span(self.spec));
        Site { path, span }
    }

    /// Whether a boolean of the spec is true.
    pub fn flag(&self, key: &str) -> bool {
        self.spec.get(key).and_then(Node::as_bool) == Some(true)
    }

    /// Whether the pod is declared to run on Windows.
    pub fn is_windows(&self) -> bool {
        self.spec.at(&["os", "name"]).and_then(Node::as_str) == Some("windows")
    }

    /// Whether the pod has its own user namespace (`hostUsers: false`).
    pub fn has_user_namespace(&self) -> bool {
        self.spec.get("hostUsers").and_then(Node::as_bool) == Some(false)
    }

    /// The volumes that are maps, with their indexes.
    pub fn volumes(&self) -> impl Iterator<Item = (usize, Node<'a>)> + use<'a> {
        maps(self.spec.get("volumes"))
    }

    /// A field of the pod's security context; null counts as absent.
    pub fn security_field(&self, key: &str) -> Option<Node<'a>> {
        self.security?.get(key).filter(|value| !value.is_null())
    }
}

impl<'a> Container<'a> {
    /// The path of a field of the container, from the object's root.
    pub fn path(&self, pod: &Pod<'_>, keys: &[&str]) -> Path {
        extended(pod.path(&[self.role.field()]).index(self.index), keys)
    }

    /// The path of a list item of the container, and of a field in it.
    pub fn item_path(&self, pod: &Pod<'_>, list: &[&str], index: usize, keys: &[&str]) -> Path {
        extended(self.path(pod, list).index(index), keys)
    }

    /// The place of a field of the container.
    pub fn site(&self, pod: &Pod<'_>, keys: &[&str]) -> Site {
        let span = nearest(self.node, keys).unwrap_or_else(|| title_span(self.node));
        Site { path: self.path(pod, keys), span }
    }

    /// The place of a list item of the container, and of a field in it.
    pub fn item_site(&self, pod: &Pod<'_>, list: &[&str], index: usize, keys: &[&str]) -> Site {
        let item = self.node.at(list).and_then(|list| list.items().nth(index));
        let span = item
            .and_then(|item| nearest(item, keys).or_else(|| Some(title_span(item))))
            .unwrap_or_else(|| title_span(self.node));
        Site { path: self.item_path(pod, list, index, keys), span }
    }

    /// A field of the container's own security context; null counts as absent.
    pub fn security_field(&self, key: &str) -> Option<Node<'a>> {
        self.security?.get(key).filter(|value| !value.is_null())
    }

    /// A field of the security context that counts: the container's, else the pod's.
    pub fn effective_security_field(&self, pod: &Pod<'a>, key: &str) -> Option<Node<'a>> {
        self.security_field(key).or_else(|| pod.security_field(key))
    }

    /// The entries of `capabilities.add` or `capabilities.drop`.
    pub fn capabilities(&self, list: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let list = self.security_field("capabilities").and_then(|map| map.get(list));
        list.filter(|list| list.is_seq()).into_iter().flat_map(Node::items).filter_map(Node::as_str)
    }

    /// The environment entries that are maps, with their indexes.
    pub fn env(&self) -> impl Iterator<Item = (usize, Node<'a>)> + use<'a> {
        maps(self.node.get("env"))
    }

    /// The ports that are maps, with their indexes.
    pub fn ports(&self) -> impl Iterator<Item = (usize, Node<'a>)> + use<'a> {
        maps(self.node.get("ports"))
    }

    /// The volume mounts that are maps, with their indexes.
    pub fn volume_mounts(&self) -> impl Iterator<Item = (usize, Node<'a>)> + use<'a> {
        maps(self.node.get("volumeMounts"))
    }

    /// How messages name it: `container "web"`, `init container "setup"`.
    pub fn label(&self) -> String {
        let role = match self.role {
            Role::Init => "init container",
            Role::Regular => "container",
            Role::Ephemeral => "ephemeral container",
        };
        format!("{role} \"{}\"", self.name)
    }
}

fn path_of(keys: &[&str]) -> Path {
    extended(Path(Vec::with_capacity(keys.len() + 4)), keys)
}

fn extended(mut path: Path, keys: &[&str]) -> Path {
    path.0.extend(keys.iter().map(|key| Segment::Key((*key).to_owned())));
    path
}

/// The text of the deepest part of the path that exists: the value when all of it does, else the
/// key of the last one. `None` when not even the first key exists.
fn nearest(root: Node<'_>, keys: &[&str]) -> Option<Span> {
    let mut node = root;
    let mut span = None;
    for (depth, key) in keys.iter().enumerate() {
        let Some(entry) = node.entry(key) else { break };
        let last = depth + 1 == keys.len();
        let value = entry.value;
        let short = !(value.is_map() || value.is_seq() || value.span().is_empty());
        span = Some(if last && short { entry.value.span() } else { entry.key.span() });
        node = entry.value;
    }
    span
}

/// The text that stands for a map: its name if it has one, else its first key.
fn title_span(map: Node<'_>) -> Span {
    let name = map.get("name").or_else(|| map.at(&["metadata", "name"]));
    name.map_or_else(|| first_key_span(map), Node::span)
}

fn first_key_span(map: Node<'_>) -> Span {
    map.entries().next().map_or_else(|| map.span(), |(_, key, _)| key.span())
}
