//! # What it finds
//!
//! A name that occurs at least twice in a container's `env`. One finding per container and name.
//!
//! # Why it matters
//!
//! Only the last entry counts. The others mislead readers, and tools that merge lists by name
//! refuse or lose one of them.
//!
//! # What the fix changes
//!
//! All entries of the name but the last go. There is no fix when an entry in between, or the last
//! one, may read an earlier value: by `$(NAME)`, or as an optional reference that can be missing.
//!
//! # What it may break
//!
//! Nothing: the container sees the same values as before.

use crate::{Check, Container, Context, Fix, Pod, Remedy, Rule, Scope};
use manifest::Node;
use record::Severity;
use std::collections::HashMap;

pub(crate) static RULE: Rule = Rule {
    id: "duplicate-env-var",
    title: "Variable is defined more than once",
    severity: Severity::Medium,
    default: true,
    taste: false,
    policy_id: Some("duplicate_env_var"),
    aliases: &[
        "kube-linter:duplicate-env-var",
        "kubescape:C-0295",
        "kube-score:environment-variable-key-duplication",
    ],
    references: &[],
    touches: &["{container}/env/*"],
    removes: &["{container}/env/*"],
    parameters: &[],
    scope: Scope::Object,
    check: Check::Container(check),
};

fn check(pod: &Pod<'_>, container: &Container<'_>, cx: &mut Context<'_, '_>) {
    let named = |(index, entry): (usize, Node<'_>)| {
        Some((index, entry.get("name").and_then(Node::as_str)?.to_owned()))
    };
    let names: Vec<(usize, String)> = container.env().filter_map(named).collect();
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, name) in &names {
        places.entry(name).or_default().push(*index);
    }
    for (index, name) in &names {
        // The second entry is the first that repeats the name.
        let places = places.get(name.as_str()).filter(|all| all.get(1) == Some(index));
        let Some((last, superseded)) = places.and_then(|all| all.split_last()) else { continue };
        let site = container.item_site(pod, &["env"], *index, &["name"]);
        let count = superseded.len() + 1;
        let message = format!("variable {name} of {} is defined {count} times", container.label());
        cx.report(site, message, remedy(pod, container, name, superseded, *last));
    }
}

fn remedy(
    pod: &Pod<'_>,
    container: &Container<'_>,
    name: &str,
    superseded: &[usize],
    last: usize,
) -> Remedy {
    let first = superseded.first().copied().unwrap_or(last);
    let reads_it = |(index, entry): (usize, Node<'_>)| {
        (first + 1..=last).contains(&index) && may_read(entry, name)
    };
    let last_may_be_missing =
        container.env().any(|(index, entry)| index == last && is_optional(entry));
    if last_may_be_missing || container.env().any(reads_it) {
        return "needs to know which value is meant: a later entry may read an earlier one".into();
    }
    let path = |index: &usize| container.item_path(pod, &["env"], *index, &[]);
    superseded.iter().fold(Fix::safe(), |fix, index| fix.remove(path(index))).into()
}

fn may_read(entry: Node<'_>, name: &str) -> bool {
    let value = entry.get("value").and_then(Node::as_str).unwrap_or("");
    value.contains(&format!("$({name})"))
}

/// Whether the entry is left out when what it refers to is missing.
fn is_optional(entry: Node<'_>) -> bool {
    let source = entry.get("valueFrom").into_iter().flat_map(Node::entries);
    source
        .into_iter()
        .any(|(_, _, reference)| reference.get("optional").and_then(Node::as_bool) == Some(true))
}
