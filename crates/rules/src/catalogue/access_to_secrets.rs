//! # What it finds
//!
//! A RoleBinding or ClusterRoleBinding to a role of the manifests with a rule for any Secret: the
//! resource `secrets` (`resources`) or `*` of the core group, and get, list, watch, create or
//! delete (`verbs`) or `*`. The role is looked up as the API server does it: a Role in the
//! namespace of the binding, or a ClusterRole; an aggregated ClusterRole counts with its parts.
//! Rules that are narrowed by `resourceNames` pass. Roles that are not among the manifests are
//! reported when `flagRolesNotFound` says so. Bindings that the API server keeps itself (label
//! `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! The subjects read the credentials of everything that runs in the namespace, or in the cluster.
//!
//! # What the fix changes
//!
//! Nothing by itself: what the subjects need is not in the manifest.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter counts any verb, ignores API groups and `resourceNames`, never looks up the
//! ClusterRole of a RoleBinding, and takes a Role of the same name for it. It reports each part of
//! an aggregated role.

use crate::common::rbac::{Access, report_access};
use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "access-to-secrets",
    title: "Binding grants access to Secrets",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:access-to-secrets"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[RESOURCES, VERBS, NOT_FOUND],
    scope: Scope::Set,
    check: Check::Object(check),
};

const RESOURCES: Parameter = Parameter {
    name: "resources",
    meaning: "regular expressions of the resources that count",
    default: DefaultValue::Patterns(&["^secrets$"]),
};

const VERBS: Parameter = Parameter {
    name: "verbs",
    meaning: "regular expressions of the verbs that count; the verb `*` always does",
    default: DefaultValue::Patterns(&["^get$", "^list$", "^delete$", "^create$", "^watch$"]),
};

const NOT_FOUND: Parameter = Parameter {
    name: "flagRolesNotFound",
    meaning: "whether a binding to a role that is not among the manifests is reported",
    default: DefaultValue::Flag(false),
};

const ACCESS: Access = Access {
    resources: &RESOURCES,
    verbs: &VERBS,
    not_found: &NOT_FOUND,
    what: "read or change Secrets",
    advice: "needs the names of the Secrets that the subjects use: write them as resourceNames in \
             the role",
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_access(object, &ACCESS, cx);
}
