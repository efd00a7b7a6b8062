//! # What it finds
//!
//! An object that the API server's decoder refuses: unknown fields, values of the wrong type,
//! missing fields, malformed quantities. It is judged by the schemas of the Kubernetes versions
//! that the configuration names. Objects of kinds that those versions do not know, custom resources
//! among them, are not judged.
//!
//! # Why it matters
//!
//! With strict field validation the object is refused. Without it an unknown field is dropped in
//! silence, and what it was to set never happens.
//!
//! # What the fix changes
//!
//! Nothing by itself: what was meant is not in the manifest. Where a field has a similar name, the
//! message says so.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter runs kubeconform with schemas from the network. The gate `schema` judges every fix
//! in the same way, whether this rule is selected or not.

use crate::{Check, Context, Object, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "schema-validation",
    title: "Object that the API server refuses",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &["kube-linter:schema-validation"],
    references: &[],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    let Some(schemas) = &cx.settings.schemas else { return };
    for (path, fault) in schemas.faults(object, cx.set) {
        let advice = "needs to know what was meant: correct the field";
        cx.report(object.place(path), fault, advice);
    }
}
