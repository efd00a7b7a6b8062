//! What roles grant, and to whom.
//!
//! A rule of a role grants a verb on a resource as Kubernetes' authorizer reads it: groups,
//! resources and verbs are lists of exact names, `*` stands for all, and `*/log` for the
//! subresource `log` of every resource. A rule with `resourceNames` is narrowed to these objects.

use super::maps;
use crate::selector::Selector;
use crate::{Context, Object, Parameter, Set, Site};
use manifest::{Node, Path};

/// The API group of roles and their bindings.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// Verbs that change objects.
pub(crate) const WRITE: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];

/// Any of the verbs on any of the resources of one API group.
pub(crate) struct Right {
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    of_cluster: bool,
}

impl Right {
    /// On resources that live in namespaces, so that every role can grant it.
    pub(crate) const fn new(
        group: &'static str,
        resources: &'static [&'static str],
        verbs: &'static [&'static str],
    ) -> Self {
        Self { group, resources, verbs, of_cluster: false }
    }

    /// On resources of the whole cluster, which only a ClusterRole can grant.
    pub(crate) const fn of_cluster(
        group: &'static str,
        resources: &'static [&'static str],
        verbs: &'static [&'static str],
    ) -> Self {
        Self { group, resources, verbs, of_cluster: true }
    }
}

/// One of the `rules` of a role.
#[derive(Clone, Copy)]
pub(crate) struct PolicyRule<'a> {
    index: usize,
    node: Node<'a>,
}

impl<'a> PolicyRule<'a> {
    /// The texts of one of its lists, with their places in the file.
    fn items(self, list: &str) -> impl Iterator<Item = (&'a str, Node<'a>)> + use<'a> {
        let list = self.node.get(list).filter(|list| list.is_seq());
        let items = list.into_iter().flat_map(Node::items);
        items.filter_map(|item| Some((item.as_str()?, item)))
    }

    /// The texts of one of its lists.
    pub(crate) fn entries(self, list: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.items(list).map(|(entry, _)| entry)
    }

    /// Whether it is narrowed to objects of certain names.
    pub(crate) fn is_named(self) -> bool {
        self.entries("resourceNames").next().is_some()
    }

    /// Whether a list holds the star.
    pub(crate) fn has_star(self, list: &str) -> bool {
        self.entries(list).any(|entry| entry == "*")
    }

    fn is_of_group(self, group: &str) -> bool {
        self.entries("apiGroups").any(|entry| entry == "*" || entry == group)
    }

    /// Whether it grants a right, to somebody whom a binding serves in the whole cluster or not.
    pub(crate) fn grants(self, right: &Right, in_cluster: bool) -> bool {
        (in_cluster || !right.of_cluster)
            && self.is_of_group(right.group)
            && self.entries("resources").any(|entry| names_resource(entry, right))
            && self.entries("verbs").any(|entry| names_verb(entry, right))
    }

    /// The place of one of its lists; the text is that of an item where one is given.
    pub(crate) fn site(self, list: &str, item: Option<Node<'a>>) -> Site {
        let place = item.or_else(|| self.node.entry(list).map(|entry| entry.key));
        let span = place.unwrap_or(self.node).span();
        Site { path: Path::root().key("rules").index(self.index).key(list), span }
    }

    /// The places of the stars in one of its lists.
    pub(crate) fn stars(self, list: &str) -> impl Iterator<Item = Site> + use<'a> {
        let path = Path::root().key("rules").index(self.index).key(list);
        let items = self.node.get(list).filter(|list| list.is_seq());
        let items = items.into_iter().flat_map(Node::items).enumerate();
        items
            .filter(|(_, item)| item.as_str() == Some("*"))
            .map(move |(at, item)| Site { path: path.index(at), span: item.span() })
    }
}

/// Whether a rule grants everything that a rule can grant on resources.
pub(crate) fn grants_everything(rule: PolicyRule<'_>) -> bool {
    const EVERY: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let every_verb = || EVERY.iter().all(|verb| rule.entries("verbs").any(|own| own == *verb));
    rule.has_star("resources")
        && rule.has_star("apiGroups")
        && (rule.has_star("verbs") || every_verb())
        && !rule.is_named()
}

fn names_verb(entry: &str, right: &Right) -> bool {
    entry == "*" || right.verbs.contains(&entry)
}

fn names_resource(entry: &str, right: &Right) -> bool {
    let any_with =
        |sub: &str| right.resources.iter().any(|wanted| subresource(wanted) == Some(sub));
    entry == "*"
        || right.resources.contains(&entry)
        || entry.strip_prefix("*/").is_some_and(any_with)
}

fn subresource(resource: &str) -> Option<&str> {
    resource.split_once('/').map(|(_, sub)| sub)
}

/// Whether it is a Role or a ClusterRole that is not Kubernetes' own.
pub(crate) fn is_role(object: &Object<'_>) -> bool {
    matches!(object.kind, "Role" | "ClusterRole") && object.group() == GROUP && !is_own(object)
}

/// Whether it is a RoleBinding or a ClusterRoleBinding that is not Kubernetes' own.
pub(crate) fn is_binding(object: &Object<'_>) -> bool {
    is_any_binding(object) && !is_own(object)
}

fn is_any_binding(object: &Object<'_>) -> bool {
    matches!(object.kind, "RoleBinding" | "ClusterRoleBinding") && object.group() == GROUP
}

/// Whether the API server makes the object, and makes it anew when it is changed.
fn is_own(object: &Object<'_>) -> bool {
    let label = object.at(&["metadata", "labels", "kubernetes.io/bootstrapping"]);
    label.and_then(Node::as_str) == Some("rbac-defaults")
}

/// The rules of a role.
pub(crate) fn policy_rules<'a>(
    role: &Object<'a>,
) -> impl Iterator<Item = PolicyRule<'a>> + use<'a> {
    let rules = role.at(&["rules"]).filter(|rules| rules.is_seq());
    rules
        .into_iter()
        .flat_map(Node::items)
        .enumerate()
        .filter(|(_, node)| node.is_map())
        .map(|(index, node)| PolicyRule { index, node })
}

/// Reports every rule of a role that grants one of these rights on all objects.
pub(crate) fn report_rights(
    object: &Object<'_>,
    rights: &[Right],
    advice: &str,
    cx: &mut Context<'_, '_>,
) {
    report_rights_where(object, rights, |rule| !rule.is_named(), advice, cx);
}

/// Reports every rule of a role that `is_meant` and grants one of these rights.
pub(crate) fn report_rights_where(
    object: &Object<'_>,
    rights: &[Right],
    is_meant: impl Fn(PolicyRule<'_>) -> bool,
    advice: &str,
    cx: &mut Context<'_, '_>,
) {
    if !is_role(object) {
        return;
    }
    let in_cluster = object.kind == "ClusterRole";
    for rule in policy_rules(object) {
        let granted = || rights.iter().filter(|right| rule.grants(right, in_cluster));
        if granted().next().is_none() || !is_meant(rule) {
            continue;
        }
        let is_resource = |entry: &str| granted().any(|right| names_resource(entry, right));
        let first = rule.items("resources").find(|(entry, _)| is_resource(entry));
        let resources = rule.entries("resources").filter(|entry| is_resource(entry));
        let is_verb = |entry: &&str| granted().any(|right| names_verb(entry, right));
        let verbs = rule.entries("verbs").filter(is_verb);
        let message = format!("{} allows {} on {}", object.kind, joined(verbs), joined(resources));
        cx.report(rule.site("resources", first.map(|(_, item)| item)), message, advice);
    }
}

fn joined<'a>(entries: impl Iterator<Item = &'a str>) -> String {
    entries.collect::<Vec<_>>().join(", ")
}

/// The kind and name of the role that a binding grants.
pub(crate) fn role_ref<'a>(binding: &Object<'a>) -> Option<(&'a str, &'a str)> {
    let reference = binding.at(&["roleRef"])?;
    Some((reference.get("kind")?.as_str()?, reference.get("name")?.as_str()?))
}

/// The subjects of a binding: index, kind, name.
pub(crate) fn subjects<'a>(
    binding: &Object<'a>,
) -> impl Iterator<Item = (usize, &'a str, &'a str)> + use<'a> {
    let text = |node: Node<'a>, key: &str| node.get(key).and_then(Node::as_str).unwrap_or("");
    maps(binding.at(&["subjects"]))
        .map(move |(index, node)| (index, text(node, "kind"), text(node, "name")))
}

/// Reports a binding wherever it serves this subject.
pub(crate) fn report_subject(
    binding: &Object<'_>,
    subject: (&str, &str),
    cx: &mut Context<'_, '_>,
    message: &str,
    advice: &str,
) {
    if !is_binding(binding) {
        return;
    }
    for (index, ..) in subjects(binding).filter(|(_, kind, name)| (*kind, *name) == subject) {
        cx.report(subject_site(binding, index, "name"), message, advice);
    }
}

/// The place of a field of a subject.
pub(crate) fn subject_site(binding: &Object<'_>, index: usize, key: &str) -> Site {
    let mut site = binding.site(&["subjects"]);
    site.path = site.path.index(index).key(key);
    let subject = binding.at(&["subjects"]).and_then(|subjects| subjects.item(index));
    if let Some(subject) = subject {
        site.span = subject.get(key).unwrap_or(subject).span();
    }
    site
}

/// The service accounts that a binding serves: namespace and name. Empty for other objects.
pub(crate) fn accounts<'a>(
    object: &Object<'a>,
) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let own = object.namespace.unwrap_or("");
    let subjects = is_any_binding(object).then(|| maps(object.at(&["subjects"])));
    subjects.into_iter().flatten().filter_map(move |(_, subject)| {
        let text = |key: &str| subject.get(key).and_then(Node::as_str).filter(|t| !t.is_empty());
        let namespace = text("namespace").unwrap_or(own);
        let namespace = if namespace.is_empty() { "default" } else { namespace };
        (text("kind")? == "ServiceAccount").then_some((namespace, text("name")?))
    })
}

/// The roles of the manifests that a binding grants: the one that it names, and those that an
/// aggregated one is made of.
pub(crate) fn bound_roles<'s, 'a>(binding: &Object<'_>, set: &'s Set<'a>) -> Vec<&'s Object<'a>> {
    let mut roles = match role_ref(binding) {
        Some(("Role", name)) if binding.kind == "RoleBinding" => {
            set.named(binding, GROUP, "Role", name)
        }
        Some(("ClusterRole", name)) => set.named_in(binding, "", GROUP, "ClusterRole", name),
        _ => Vec::new(),
    };
    let parts: Vec<_> = roles.iter().flat_map(|role| aggregated(role, set)).collect();
    roles.extend(parts);
    roles
}

/// The ClusterRoles that the controller manager puts together in this one.
fn aggregated<'s, 'a>(role: &Object<'_>, set: &'s Set<'a>) -> Vec<&'s Object<'a>> {
    let selectors = role.at(&["aggregationRule", "clusterRoleSelectors"]);
    let selectors = selectors.filter(|list| list.is_seq()).into_iter().flat_map(Node::items);
    let selectors: Vec<_> = selectors.filter_map(|node| Selector::parse(node).ok()).collect();
    if selectors.is_empty() {
        return Vec::new();
    }
    let mut parts = set.of_kind_anywhere(role, GROUP, "ClusterRole");
    parts.retain(|part| {
        let labels = part.at(&["metadata", "labels"]).filter(|labels| labels.is_map());
        part.name != role.name && selectors.iter().any(|selector| selector.matches(labels))
    });
    parts
}

/// The first role of a binding with a rule that `is_meant`.
pub(crate) fn bound_role_with<'s, 'a>(
    binding: &Object<'_>,
    set: &'s Set<'a>,
    is_meant: impl Fn(PolicyRule<'_>) -> bool,
) -> Option<&'s Object<'a>> {
    let roles = bound_roles(binding, set);
    roles.into_iter().find(|role| policy_rules(role).any(&is_meant))
}

/// Whether a rule grants one of these rights on all objects, to the subjects of this binding.
pub(crate) fn grants_any(rule: PolicyRule<'_>, rights: &[Right], binding: &Object<'_>) -> bool {
    let in_cluster = binding.kind == "ClusterRoleBinding";
    !rule.is_named() && rights.iter().any(|right| rule.grants(right, in_cluster))
}

/// Reports a binding to a role of the manifests that grants one of these rights.
pub(crate) fn report_bound(
    object: &Object<'_>,
    rights: &[Right],
    what: &str,
    advice: &str,
    cx: &mut Context<'_, '_>,
) {
    if !is_binding(object) {
        return;
    }
    let role = bound_role_with(object, cx.set, |rule| grants_any(rule, rights, object));
    if let Some(role) = role {
        let message = format!("{} \"{}\" lets its subjects {what}", role.kind, role.name);
        cx.report(object.site(&["roleRef", "name"]), message, advice);
    }
}

/// What a rule on bindings lets the operator set.
pub(crate) struct Access {
    /// Patterns of resources.
    pub(crate) resources: &'static Parameter,
    /// Patterns of verbs.
    pub(crate) verbs: &'static Parameter,
    /// Whether bindings to roles outside the manifests are reported.
    pub(crate) not_found: &'static Parameter,
    /// What the access comes to.
    pub(crate) what: &'static str,
    /// What to do about it.
    pub(crate) advice: &'static str,
}

/// Well-known resources with their API groups.
const KNOWN: [(&str, &str); 11] = [
    ("configmaps", ""),
    ("pods", ""),
    ("replicationcontrollers", ""),
    ("secrets", ""),
    ("serviceaccounts", ""),
    ("daemonsets", "apps"),
    ("deployments", "apps"),
    ("replicasets", "apps"),
    ("statefulsets", "apps"),
    ("cronjobs", "batch"),
    ("jobs", "batch"),
];

/// Reports a binding to a role whose resources and verbs fit the patterns.
pub(crate) fn report_access(object: &Object<'_>, access: &Access, cx: &mut Context<'_, '_>) {
    if !is_binding(object) {
        return;
    }
    let place = ["roleRef", "name"];
    if let Some(role) = bound_role_with(object, cx.set, |rule| gives(rule, access, cx)) {
        let what = access.what;
        let message = format!("{} \"{}\" lets its subjects {what}", role.kind, role.name);
        cx.report(object.site(&place), message, access.advice);
    } else if cx.flag(access.not_found) && bound_roles(object, cx.set).is_empty() {
        let (kind, name) = role_ref(object).unwrap_or(("role", ""));
        let message = format!("{kind} \"{name}\" is not among the manifests");
        cx.report(object.site(&place), message, "needs the role, to see what it grants");
    }
}

fn gives(rule: PolicyRule<'_>, access: &Access, cx: &Context<'_, '_>) -> bool {
    let is_wanted = |resource: &str| cx.matches_any(access.resources, resource);
    let has_resource = rule.entries("resources").any(|entry| match entry {
        "*" => {
            let known =
                KNOWN.iter().any(|(name, group)| rule.is_of_group(group) && is_wanted(name));
            known || rule.has_star("apiGroups")
        }
        _ => {
            let group = KNOWN.iter().find(|(name, _)| *name == entry).map(|(_, group)| group);
            is_wanted(entry) && group.is_none_or(|group| rule.is_of_group(group))
        }
    });
    let is_verb = |entry: &str| entry == "*" || cx.matches_any(access.verbs, entry);
    has_resource && !rule.is_named() && rule.entries("verbs").any(is_verb)
}
