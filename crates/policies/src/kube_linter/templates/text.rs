//! Templates that look at the document as it is written.

use super::{Run, Template, for_kind};
use crate::kube_linter::params;
use crate::kube_linter::view::Diagnostics;
use manifest::{Node, Path};
use schema::{Outcome, Schemas, Version};
use serde::Deserialize;
use serde_json::Value;

pub(super) const TEMPLATES: &[Template] = &[
    for_kind("sorted-keys", &["Any"], sorted_keys),
    for_kind("kubeconform", &["Any"], kubeconform),
];

#[derive(Deserialize, Default)]
#[serde(default)]
struct SortedKeys {
    recursive: bool,
}

fn sorted_keys(given: &Value) -> Result<Run, String> {
    let given: SortedKeys = params::read(given, &["recursive"])?;
    Ok(Box::new(move |lint, out| {
        // kube-linter cannot parse a document with a key that occurs twice.
        let mut found = Diagnostics::new();
        if walk(lint.document, &Path::root(), given.recursive, &mut found) {
            out.extend(found);
        }
    }))
}

/// One finding for each map whose keys are not in byte order. Aliases are not followed. False when
/// a key occurs twice in a map.
fn walk(node: Node<'_>, at: &Path, recursive: bool, out: &mut Diagnostics) -> bool {
    if node.is_alias() {
        return true;
    }
    if node.is_map() {
        let keys: Vec<&str> = node.written_entries().map(|(key, ..)| key).collect();
        if !keys.is_sorted() {
            out.push((at.clone(), "the keys are not in order".to_owned()));
        }
        let mut unique = keys.clone();
        unique.sort_unstable();
        unique.dedup();
        let mut entries = node.written_entries();
        return unique.len() == keys.len()
            && entries
                .all(|(key, _, value)| !recursive || walk(value, &at.key(key), recursive, out));
    }
    let mut items = node.items().enumerate();
    !node.is_seq()
        || !recursive
        || items.all(|(index, item)| walk(item, &at.index(index), recursive, out))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Kubeconform {
    strict: bool,
    ignore_missing_schemas: bool,
    skip_kinds: Vec<String>,
    reject_kinds: Vec<String>,
}

/// Judged by the schemas that this program carries: always strict, nothing is downloaded.
fn kubeconform(given: &Value) -> Result<Run, String> {
    let names = ["strict", "ignoreMissingSchemas", "skipKinds", "rejectKinds"];
    let given: Kubeconform = params::read(given, &names)?;
    if !given.strict {
        return Err("kubeconform: only strict: true is supported".to_owned());
    }
    let schemas = Schemas::new(&[Version::LATEST]);
    Ok(Box::new(move |lint, out| {
        let object = lint.object;
        let named = |kinds: &[String]| kinds.iter().any(|kind| kind == object.kind);
        if named(&given.skip_kinds) {
            return;
        }
        if named(&given.reject_kinds) {
            out.push((Path::root().key("kind"), format!("{} is rejected", object.kind)));
            return;
        }
        match schemas.validate_for(Version::LATEST, &lint.document.to_json()) {
            Outcome::Valid => {}
            Outcome::Unknown { .. } if given.ignore_missing_schemas => {}
            Outcome::Unknown { .. } => {
                out.push((Path::root().key("kind"), format!("no schema for {}", object.kind)));
            }
            Outcome::Invalid(faults) => {
                let faults: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
                out.push((Path::root(), faults.join("; ")));
            }
        }
    }))
}
