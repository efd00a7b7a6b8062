//! # What it finds
//!
//! A variable with a value in the manifest, if its name contains `password`, `token`, `bearer` or
//! `secret` in any case (`sensitiveKeyNames`), or is one of `AWS_SECRET_ACCESS_KEY`,
//! `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_...KEY`, `OCI_CLI_KEY_CONTENT`, or if its value holds a
//! private key.
//!
//! # Why it matters
//!
//! Whoever reads the manifest, its repository or the pod reads the credential.
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
//!
//! # Other tools
//!
//! Kubescape also reports names that contain `key` and values that look like credentials, unless
//! they are paths.

use crate::common::{literals, report_credential};
use crate::{Check, Container, Context, DefaultValue, Parameter, Pod, Rule, Scope};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "sensitive-env-var",
    title: "Credential in clear text in a variable",
    severity: Severity::Critical,
    default: false,
    taste: false,
    policy_id: Some("env_var_secret"),
    aliases: &["polaris:sensitiveContainerEnvVar", "kubescape:C-0012", "kubescape:C-0259"],
    references: &["NSA/CISA"],
    touches: &["{container}/env/*/value", "{container}/env/*/valueFrom/**"],
    removes: &[],
    parameters: &[WORDS],
    scope: Scope::Set,
    check: Check::Container(check),
};

const NAMES: [&str; 3] =
    ["AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "OCI_CLI_KEY_CONTENT"];
const WORDS: Parameter = Parameter {
    name: "sensitiveKeyNames",
    meaning: "words that make a name count when it contains one, in lower case",
    default: DefaultValue::List(&["password", "token", "bearer", "secret"]),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for (index, name, value) in literals(container).filter(|(_, _, value)| !value.is_empty()) {
        if is_sensitive(name, cx) || holds_private_key(value) {
            report_credential(pod, container, (index, name, value), cx);
        }
    }
}

fn is_sensitive(name: &str, cx: &Context<'_, '_>) -> bool {
    let lower = name.to_ascii_lowercase();
    let azure_key = name.strip_prefix("AZURE_").and_then(|rest| rest.strip_suffix("KEY"));
    NAMES.contains(&name)
        || azure_key.is_some_and(|between| !between.is_empty())
        || cx.texts(&WORDS).any(|word| lower.contains(word))
}

fn holds_private_key(value: &str) -> bool {
    value.split_once("-BEGIN ").is_some_and(|(_, rest)| rest.contains("PRIVATE KEY-"))
}
