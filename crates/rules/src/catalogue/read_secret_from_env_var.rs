//! # What it finds
//!
//! A variable that refers to a key of a Secret, a whole Secret in `envFrom`, and a variable that
//! holds a credential in clear text, to go by its name. Regular, init and ephemeral containers; one
//! finding each.
//!
//! # Why it matters
//!
//! Variables are passed on to every child process, and end up in crash reports, logs and debug
//! pages. They also keep the old value when the Secret changes.
//!
//! # What the fix changes
//!
//! Nothing by itself: the program has to read the file in place of the variable.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! kube-linter looks at references to a key only; Checkov at both kinds of references. None of the
//! two reports clear text here; see `env-var-secret` and `sensitive-env-var`.

use crate::{Check, Container, Context, Pod, Rule, Scope};
use manifest::Node;
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "read-secret-from-env-var",
    title: "Secret reaches the program in a variable",
    severity: Severity::Low,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "kube-linter:read-secret-from-env-var",
        "kubescape:C-0207",
        "checkov:CKV_K8S_35",
        "kyverno:secrets-not-from-env-vars",
    ],
    references: &["CIS 5.4.1"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

const ADVICE: &str = "needs a program that reads files: mount the Secret as a volume, and tell the \
                      program the path";

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    for (index, entry) in container.env() {
        let name = entry.get("name").and_then(Node::as_str).unwrap_or("");
        let refers = entry.at(&["valueFrom", "secretKeyRef"]).is_some_and(|key| !key.is_null());
        // Clear text counts, so that a variable which comes to refer to a Secret instead is not a
        // new finding.
        if refers || is_credential(name, entry) {
            let message = format!("variable {name} of {} carries a secret", container.label());
            let site = container.item_site(pod, &["env"], index, &[]);
            cx.report(site, message, ADVICE);
        }
    }
    let sources = container.node.get("envFrom").filter(|list| list.is_seq());
    for (index, source) in sources.into_iter().flat_map(Node::items).enumerate() {
        if let Some(secret) = source.get("secretRef").filter(|secret| secret.is_map()) {
            let name = secret.get("name").and_then(Node::as_str).unwrap_or("");
            let label = container.label();
            let message = format!("variables of {label} carry all of the Secret \"{name}\"");
            let site = container.item_site(pod, &["envFrom"], index, &["secretRef"]);
            cx.report(site, message, ADVICE);
        }
    }
}

fn is_credential(name: &str, entry: Node<'_>) -> bool {
    let value = entry.get("value").and_then(Node::as_str).unwrap_or("");
    let words = ["secret", "password", "token", "bearer", "credential"];
    let lower = name.to_ascii_lowercase();
    let is_named_so = || {
        words.iter().any(|word| lower.contains(word))
            || name.starts_with("AZURE_") && name.ends_with("KEY")
            || name == "OCI_CLI_KEY_CONTENT"
    };
    !value.is_empty() && (is_named_so() || value.contains("PRIVATE KEY-"))
}
