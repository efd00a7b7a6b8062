//! # What it finds
//!
//! A RoleBinding or ClusterRoleBinding with the user `system:anonymous` or the group
//! `system:unauthenticated` among its subjects. Bindings that the API server keeps itself (label
//! `kubernetes.io/bootstrapping: rbac-defaults`) pass.
//!
//! # Why it matters
//!
//! Requests without any credentials get these rights. An API server that can be reached is then
//! open to everybody.
//!
//! # What the fix changes
//!
//! The subject goes; an emptied list goes with it.
//!
//! # What it may break
//!
//! Clients without credentials: health checks, public discovery, and `kubeadm join`, which reads
//! the ConfigMap `cluster-info` that way.
//!
//! # Other tools
//!
//! Trivy misspells ClusterRoleBinding and so misses it.

use crate::common::rbac::{is_binding, subject_site, subjects};
use crate::{Check, Context, Fix, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-anonymous-binding",
    title: "Rights for everybody who is not logged in",
    severity: Severity::Critical,
    default: true,
    taste: false,
    policy_id: None,
    aliases: &["kubescape:C-0262", "trivy:KSV-0122", "kyverno:restrict-binding-system-groups"],
    references: &[],
    touches: &["subjects/**"],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !is_binding(object) {
        return;
    }
    for (index, kind, name) in subjects(object) {
        let is_anonymous = match kind {
            "User" => name == "system:anonymous",
            "Group" => name == "system:unauthenticated",
            _ => false,
        };
        if is_anonymous {
            let fix = Fix::unsafe_because(
                "clients without credentials are refused, such as health checks, public discovery \
                 and nodes that join with kubeadm",
            )
            .remove_and_prune(object.site(&["subjects"]).path.index(index));
            let message = format!("binding serves {name}: requests without credentials");
            cx.report(subject_site(object, index, "name"), message, fix);
        }
    }
}
