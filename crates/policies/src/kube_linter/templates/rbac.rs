//! Templates that look at roles and their bindings.

use super::{Run, Template, for_kind, plain};
use crate::kube_linter::params::{self, regexes};
use crate::kube_linter::view::{Diagnostics, Lint, child, items, labels, path, text};
use manifest::Node;
use regex::Regex;
use rules::Object;
use serde::Deserialize;
use serde_json::Value;

const RBAC: &str = "rbac.authorization.k8s.io/v1";

pub(super) const TEMPLATES: &[Template] = &[
    for_kind(
        "access-to-resources",
        &["Role", "ClusterRole", "ClusterRoleBinding", "RoleBinding"],
        access,
    ),
    for_kind("cluster-admin-role-binding", &["ClusterRoleBinding"], |given| {
        plain(given, cluster_admin)
    }),
    for_kind("wildcard-in-rules", &["Role", "ClusterRole"], |given| plain(given, wildcards)),
];

fn role_name<'a>(object: &Object<'a>) -> &'a str {
    text(Some(object.root), &["roleRef", "name"])
}

fn cluster_admin(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    let binding = Some(lint.object.root);
    let bound = (text(binding, &["roleRef", "kind"]), text(binding, &["roleRef", "name"]));
    if lint.is(lint.object, RBAC, "ClusterRoleBinding") && bound == ("ClusterRole", "cluster-admin")
    {
        out.push((path(&["roleRef", "name"]), "binds cluster-admin".to_owned()));
    }
}

fn wildcards(lint: &Lint<'_, '_>, out: &mut Diagnostics) {
    let is_role = ["Role", "ClusterRole"].iter().any(|kind| lint.is(lint.object, RBAC, kind));
    let rules = items(Some(lint.object.root), &["rules"]).enumerate().filter(|_| is_role);
    for (index, rule) in rules {
        for list in ["resources", "verbs"] {
            for (at, entry) in items(Some(rule), &[list]).enumerate() {
                if entry.as_str() == Some("*") {
                    let at = path(&["rules"]).index(index).key(list).index(at);
                    out.push((at, format!("the rule covers all {list}")));
                }
            }
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Access {
    flag_roles_not_found: bool,
    resources: Vec<String>,
    verbs: Vec<String>,
}

/// What counts as access.
struct Wanted {
    resources: Vec<Regex>,
    verbs: Vec<Regex>,
}

impl Wanted {
    fn granted_by(&self, role: &Object<'_>) -> bool {
        let among = |wanted: &[Regex], entry: Node<'_>| {
            let entry = entry.as_str().unwrap_or("");
            wanted.iter().any(|regex| entry == "*" || regex.is_match(entry))
        };
        items(Some(role.root), &["rules"]).any(|rule| {
            items(Some(rule), &["resources"]).any(|entry| among(&self.resources, entry))
                && items(Some(rule), &["verbs"]).any(|entry| among(&self.verbs, entry))
        })
    }
}

fn access(given: &Value) -> Result<Run, String> {
    let given: Access = params::read(given, &["flagRolesNotFound", "resources", "verbs"])?;
    let wanted = Wanted { resources: regexes(&given.resources)?, verbs: regexes(&given.verbs)? };
    Ok(Box::new(move |lint, out| {
        let mut granting: Vec<&str> = Vec::new();
        let found = if lint.is(lint.object, RBAC, "RoleBinding") {
            of_role(lint, &wanted, &mut granting)
        } else if lint.is(lint.object, RBAC, "ClusterRoleBinding") {
            of_cluster_role(lint, &wanted, &mut granting)
        } else {
            return;
        };
        let at = path(&["roleRef", "name"]);
        let granting = granting.into_iter();
        out.extend(granting.map(|role| (at.clone(), format!("binds \"{role}\", which grants it"))));
        if !found && given.flag_roles_not_found {
            out.push((at, format!("role \"{}\" is not there", role_name(lint.object))));
        }
    }))
}

/// A Role of that name in the namespace, whatever kind the binding asks for.
fn of_role<'a>(lint: &Lint<'_, 'a>, wanted: &Wanted, granting: &mut Vec<&'a str>) -> bool {
    let namespace = lint.object.effective_namespace();
    let mut found = false;
    let roles = lint.anywhere(RBAC, "Role");
    for role in roles.filter(|role| role.name == role_name(lint.object)) {
        if role.effective_namespace() == namespace {
            found = true;
            granting.extend(wanted.granted_by(role).then_some(role.name));
        }
    }
    found
}

/// ClusterRoles of that name, and those that their aggregation selects by labels; expressions are
/// not looked at.
fn of_cluster_role<'a>(lint: &Lint<'_, 'a>, wanted: &Wanted, granting: &mut Vec<&'a str>) -> bool {
    let name = role_name(lint.object);
    if name.eq_ignore_ascii_case("cluster_admin") {
        return false;
    }
    let mut found = false;
    for role in lint.anywhere(RBAC, "ClusterRole").filter(|role| role.name == name) {
        found = true;
        granting.extend(wanted.granted_by(role).then_some(role.name));
        let keys = ["aggregationRule", "clusterRoleSelectors"];
        for selector in items(Some(role.root), &keys) {
            let matched = child(Some(selector), &["matchLabels"]);
            let selected = lint.anywhere(RBAC, "ClusterRole").filter(|other| {
                let own = child(Some(other.root), &["metadata", "labels"]);
                labels(matched).all(|(key, value)| labels(own).any(|label| label == (key, value)))
            });
            granting.extend(selected.filter(|role| wanted.granted_by(role)).map(|role| role.name));
        }
    }
    found
}
