//! # What it finds
//!
//! A rule of a ClusterRole with create or `*` on `persistentvolumes` or `*`. A Role cannot grant
//! it: PersistentVolumes belong to no namespace. Rules that are narrowed by `resourceNames` pass.
//! Roles that the API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`)
//! pass.
//!
//! # Why it matters
//!
//! A PersistentVolume can be a hostPath: whoever creates one reaches the node's files even where
//! pods must not.
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
//! Kubescape wants a bound subject.

use crate::common::rbac::{Right, report_rights};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-create-pv",
    title: "Role may create PersistentVolumes",
    severity: Severity::Medium,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0278"],
    references: &["CIS 5.1.9"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 1] = [Right::of_cluster("", &["persistentvolumes"], &["create"])];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    report_rights(
        object,
        &RIGHTS,
        "needs to know whether the subjects provision storage: let users create claims, and a \
         provisioner the volumes",
        cx,
    );
}
