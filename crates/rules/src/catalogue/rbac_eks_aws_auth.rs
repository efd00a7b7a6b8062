//! # What it finds
//!
//! A rule of a ClusterRole, or of a Role of the namespace `kube-system` or of none, with a verb
//! that writes (create, update, patch, delete, deletecollection, `*`) on the ConfigMap `aws-auth`
//! by `resourceNames`. Rules for every ConfigMap are left to `rbac-manage-configmaps`. Roles that
//! the API server keeps itself (label `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! On EKS this ConfigMap maps identities of AWS to groups of the cluster. Who writes it makes
//! anybody administrator.
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
//! Trivy does not look at the namespace of a Role.

use crate::common::rbac::{Right, WRITE, report_rights_where};
use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-eks-aws-auth",
    title: "Role may change the ConfigMap aws-auth",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["trivy:KSV-0115"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const RIGHTS: [Right; 1] = [Right::new("", &["configmaps"], WRITE)];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let elsewhere = object.namespace.is_some_and(|namespace| namespace != "kube-system");
    if object.kind == "Role" && elsewhere {
        return;
    }
    report_rights_where(
        object,
        &RIGHTS,
        |rule| rule.entries("resourceNames").any(|name| name == "aws-auth"),
        "needs to know who maps identities: drop the rule, and use access entries of EKS",
        cx,
    );
}
