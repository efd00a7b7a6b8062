//! # What it finds
//!
//! A variable whose name contains `secret`, in any case (`name`), and whose value is written in the
//! manifest (`value`). Variables with `valueFrom` pass, and so do names like `PASSWORD`; see
//! `sensitive-env-var`.
//!
//! # Why it matters
//!
//! Whoever reads the manifest, its repository or the pod reads the secret.
//!
//! # What the fix changes
//!
//! Where exactly one key of one Secret in the namespace holds the same value, the variable refers
//! to it. Otherwise there is no fix: a Secret is never invented. In either case change the
//! credential, which has been disclosed.
//!
//! # What it may break
//!
//! Where the Secret is missing the container does not start. Later changes of the Secret change the
//! variable.

use crate::common::{literals, report_credential};
use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "env-var-secret",
    title: "Secret in clear text in a variable",
    severity: Severity::High,
    default: true,
    taste: false,
    policy_id: Some("env_var_secret"),
    aliases: &["kube-linter:env-var-secret"],
    references: &[],
    touches: &["{container}/env/*/value", "{container}/env/*/valueFrom/**"],
    removes: &[],
    parameters: &[NAME, VALUE],
    scope: Scope::Set,
    check: Check::Container(check),
};

const NAME: Parameter = Parameter {
    name: "name",
    meaning: "a regular expression of the names that count",
    default: DefaultValue::Pattern("(?i).*secret.*"),
};

const VALUE: Parameter = Parameter {
    name: "value",
    meaning: "a regular expression of the values that count",
    default: DefaultValue::Pattern(".+"),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for (index, name, value) in literals(container) {
        if cx.matches(&NAME, name) && cx.matches(&VALUE, value) {
            report_credential(pod, container, (index, name, value), cx);
        }
    }
}
