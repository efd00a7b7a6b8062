//! # What it finds
//!
//! A rule of a Role or ClusterRole with a verb that writes (create, update, patch, delete,
//! deletecollection, `*`) on any ConfigMap, or on the ConfigMap `coredns`. Other rules that are
//! narrowed by `resourceNames` pass. Roles that the API server keeps itself (label
//! `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! ConfigMaps steer programs: whoever writes them changes what runs. With `coredns` he answers the
//! name lookups of the whole cluster.
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
//! Kubescape looks at `coredns` only; Trivy also counts the verb impersonate.

use crate::common::rbac::{Right, WRITE, report_rights_where};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-manage-configmaps",
    title: "Role may change ConfigMaps",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0037", "trivy:KSV-0049"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 1] = [Right::new("", &["configmaps"], WRITE)];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights_where(
        object,
        &RIGHTS,
        |rule| !rule.is_named() || rule.entries("resourceNames").any(|name| name == "coredns"),
        "needs the names of the ConfigMaps that the subjects change: write them as resourceNames; \
         programs that elect a leader can use a Lease",
        cx,
    );
}
