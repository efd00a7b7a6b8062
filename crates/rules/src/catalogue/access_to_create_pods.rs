//! # What it finds
//!
//! A RoleBinding or ClusterRoleBinding to a role of the manifests that allows create or `*`
//! (`verbs`) on pods or on workloads that make them (`resources`). The role is looked up as the API
//! server does it: a Role in the namespace of the binding, or a ClusterRole; an aggregated
//! ClusterRole counts with its parts. Subresources such as `pods/exec` have rules of their own.
//! Rules that are narrowed by `resourceNames` pass. Roles that are not among the manifests are
//! reported when `flagRolesNotFound` says so. Bindings that the API server keeps itself (label
//! `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! Who creates a pod chooses its service account, volumes and node, and thereby gets what these may
//! do.
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
//! kube-linter's list has `cronjob`, which no role names; it ignores API groups, never looks up the
//! ClusterRole of a RoleBinding, and takes a Role of the same name for it.

use crate::common::rbac::{Access, report_access};
use crate::{Check, Context, DefaultValue, Object, Parameter, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "access-to-create-pods",
    title: "Binding allows to create pods",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:access-to-create-pods", "kubescape:C-0188"],
    references: &["CIS 5.1.4"],
    touches: &[],
    removes: &[],
    parameters: &[RESOURCES, VERBS, NOT_FOUND],
    scope: Scope::Set,
    check: Check::Object(check),
};

const RESOURCES: Parameter = Parameter {
    name: "resources",
    meaning: "regular expressions of the resources that count",
    default: DefaultValue::Patterns(&[
        "^pods$",
        "^deployments$",
        "^statefulsets$",
        "^replicasets$",
        "^cronjobs$",
        "^jobs$",
        "^daemonsets$",
    ]),
};

const VERBS: Parameter = Parameter {
    name: "verbs",
    meaning: "regular expressions of the verbs that count; the verb `*` always does",
    default: DefaultValue::Patterns(&["^create$"]),
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
    what: "create pods",
    advice: "needs to know whether the subjects must start workloads: leave create out of the \
             role, or hold pods of the namespace to the Pod Security Standards",
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_access(object, &ACCESS, cx);
}
