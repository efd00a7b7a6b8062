//! # What it finds
//!
//! SecurityContextConstraints of OpenShift with `allowPrivilegedContainer: true`. With the
//! parameter set to false, those that do not allow it.
//!
//! # Why it matters
//!
//! Whoever may use the constraints runs privileged containers, and with them owns the node.
//!
//! # What the fix changes
//!
//! `allowPrivilegedContainer` becomes `false`.
//!
//! # What it may break
//!
//! Pods that were admitted through these constraints with a privileged container are refused when
//! they start anew.

use crate::{Check, Context, DefaultValue, Fix, Object, Parameter, Remedy, Rule, Scope, Written};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "scc-deny-privileged-container",
    title: "SecurityContextConstraints allow privileged containers",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:scc-deny-privileged-container"],
    references: &[],
    touches: &["allowPrivilegedContainer"],
    removes: &[],
    parameters: &[ALLOWED],
    scope: Scope::Object,
    check: Check::Object(check),
};

const ALLOWED: Parameter = Parameter {
    name: "allowPrivilegedContainer",
    meaning: "the value that is reported",
    default: DefaultValue::Flag(true),
};

const FIELD: &str = "allowPrivilegedContainer";

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("security.openshift.io", "SecurityContextConstraints") {
        return;
    }
    let allows = object.at(&[FIELD]).and_then(Node::as_bool).unwrap_or(false);
    if allows != cx.flag(&ALLOWED) {
        return;
    }
    let site = object.site(&[FIELD]);
    let (message, remedy) = match allows {
        true => (
            "constraints allow privileged containers",
            denial().set(site.path.clone(), Written::rule(false)).into(),
        ),
        false => (
            "constraints do not allow privileged containers",
            Remedy::from("needs your decision: they are stricter than the parameter asks for"),
        ),
    };
    cx.report(site, message, remedy);
}

fn denial() -> Fix {
    Fix::unsafe_because("pods that run privileged through these constraints are refused")
}
