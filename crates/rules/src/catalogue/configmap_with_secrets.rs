//! # What it finds
//!
//! An entry of a ConfigMap that looks like a credential: its key ends in a word such as `password`,
//! `token` or `secret` and has a value, its value holds a private key, or a line of its value has
//! the form `password = …` or `password: …`. Values that only refer to something pass: variables
//! and templates (`${…}`, `$(…)`, `{{…}}`, `<…>`), paths, and words such as `true` or `null`. One
//! finding per key.
//!
//! # Why it matters
//!
//! ConfigMaps are readable for everybody who may look at the namespace, are not encrypted at rest,
//! and show up in logs and dashboards.
//!
//! # What the fix changes
//!
//! Nothing by itself: the programs that read the entry have to read a Secret instead. Change the
//! credential in any case: it has been disclosed.
//!
//! # What it may break
//!
//! Not applicable: there is no automatic fix.
//!
//! # Other tools
//!
//! Polaris looks at keys and private keys only. Trivy also reports user names, mail addresses and
//! account numbers.

use crate::{Check, Context, Object, Rule, Scope, Site};
use record::Severity;

pub(crate) static RULE: Rule = Rule {
    id: "configmap-with-secrets",
    title: "Credential in a ConfigMap",
    severity: Severity::High,
    default: false,
    taste: false,
    policy_id: None,
    aliases: &[
        "polaris:sensitiveConfigmapContent",
        "kubescape:C-0012",
        "trivy:KSV-0109",
        "trivy:KSV-01010",
    ],
    references: &["NSA/CISA"],
    touches: &[],
    removes: &[],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Object(check),
};

const WORDS: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "bearer",
    "apikey",
    "credential",
];

fn check(object: &Object<'_>, cx: &mut Context<'_, '_>) {
    if !object.is("", "ConfigMap") {
        return;
    }
    let Some(data) = object.at(&["data"]).filter(|data| data.is_map()) else { return };
    for (key, node, value) in data.entries() {
        let Some(text) = value.scalar().filter(|text| is_credential(key, text)) else { continue };
        let shows = if text.contains("PRIVATE KEY-") { "a private key" } else { "a credential" };
        let site = Site { path: object.site(&["data", key]).path, span: node.span() };
        cx.report(
            site,
            format!("entry {key} looks like it holds {shows}"),
            "needs a Secret for the value, and a change of what reads it; change the credential, \
             which has been disclosed",
        );
    }
}

fn is_credential(key: &str, text: &str) -> bool {
    let names_one = is_sensitive(key) && !text.contains('\n') && is_literal(text);
    names_one || text.contains("PRIVATE KEY-") || text.lines().any(assigns_credential)
}

/// Whether the letters of a setting's name end in a word for credentials.
fn is_sensitive(name: &str) -> bool {
    WORDS.iter().any(|word| {
        let letters = name.bytes().rev().filter(u8::is_ascii_alphanumeric);
        let mut tail = letters.map(|letter| letter.to_ascii_lowercase());
        word.bytes().rev().all(|letter| tail.next() == Some(letter))
    })
}

/// Whether a line of settings gives a credential a value.
fn assigns_credential(line: &str) -> bool {
    let line = line.trim();
    let Some(at) = line.find(['=', ':']) else { return false };
    let is_comment = line.starts_with(['#', ';']) || line.starts_with("//");
    let (name, value) = (line[..at].trim(), &line[at + 1..]);
    let name = name.trim_matches(['"', '\'', '-', ' ']);
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '(');
    !is_comment && is_name && is_sensitive(name) && is_literal(value)
}

/// Whether a value can be a credential itself, rather than a reference to one.
fn is_literal(value: &str) -> bool {
    let value = value.trim().trim_end_matches([',', ';']);
    let value = value.trim_matches(['"', '\'']);
    let is_reference = value
        .starts_with(['$', '{', '<', '%', '/', '.', '[', '*', '&', '!', '|', '>'])
        || value.contains("${")
        || value.contains("{{");
    let is_word = matches!(
        value.to_ascii_lowercase().as_str(),
        "" | "true" | "false" | "yes" | "no" | "none" | "null" | "nil"
    );
    !is_reference && !is_word && !value.contains(char::is_whitespace)
}
