//! The `patch` gate: does a patch touch only what its rules allow?

use json_patch::{AddOperation, PatchOperation};
use jsonptr::PointerBuf;
use rules::{Object, Role, Rule};
use serde_json::Value;
use std::collections::BTreeMap;

/// Most operations of one patch.
const MAX_OPERATIONS: usize = 1_000;

/// Lists and maps whose entries a rule may take away only when it says so.
const PROTECTED: [&str; 13] = [
    "containers",
    "initContainers",
    "ephemeralContainers",
    "volumes",
    "volumeMounts",
    "volumeDevices",
    "env",
    "envFrom",
    "ports",
    "imagePullSecrets",
    "data",
    "stringData",
    "binaryData",
];

/// Fields that name an account.
const ACCOUNTS: [&str; 2] = ["serviceAccount", "serviceAccountName"];

/// Checks a patch against the paths that its rules allow. Each operation is judged on the document
/// as the operations before it leave it.
///
/// # Errors
/// What the patch must not do.
pub(crate) fn check(
    operations: &[PatchOperation],
    rules: &[&Rule],
    object: &Object<'_>,
    document: &Value,
) -> Result<(), String> {
    check_with(operations, rules, object, |visit| {
        let mut document = document.clone();
        for operation in operations {
            visit(operation, &document)?;
            let one = std::slice::from_ref(operation);
            json_patch::patch(&mut document, one).map_err(|error| error.to_string())?;
        }
        Ok(())
    })
}

/// The same for a patch that was composed here: such a patch takes away last, and from the back, so
/// that every operation can be judged on the document as it was.
///
/// # Errors
/// What the patch must not do.
pub(crate) fn check_composed(
    operations: &[PatchOperation],
    rules: &[&Rule],
    object: &Object<'_>,
    document: &Value,
) -> Result<(), String> {
    check_with(operations, rules, object, |visit| {
        operations.iter().try_for_each(|operation| visit(operation, document))
    })
}

type Visit<'v> = dyn FnMut(&PatchOperation, &Value) -> Result<(), String> + 'v;

/// `walk` shows every operation with the document that it meets.
fn check_with(
    operations: &[PatchOperation],
    rules: &[&Rule],
    object: &Object<'_>,
    walk: impl FnOnce(&mut Visit<'_>) -> Result<(), String>,
) -> Result<(), String> {
    if operations.len() > MAX_OPERATIONS {
        return Err(format!("{} operations, the limit is {MAX_OPERATIONS}", operations.len()));
    }
    let touches = patterns(rules.iter().flat_map(|rule| rule.touches), object);
    let removes = patterns(rules.iter().flat_map(|rule| rule.removes), object);
    let may_touch =
        |path: &[String]| touches.iter().chain(&removes).any(|pattern| covers(pattern, path));
    walk(&mut |operation, document| {
        // A rule that may write into an item of a list may not bring in items of its own.
        if let Some(item) = new_item(operation, document)
            && !may_touch(&item)
        {
            return Err(format!("no rule of this patch may add {}", item.join("/")));
        }
        for (path, removed) in touched(operation, document)? {
            if !may_touch(&path) {
                return Err(format!("no rule of this patch may touch {}", path.join("/")));
            }
            if removed && is_protected(&path) && !removes.iter().any(|p| covers(p, &path)) {
                return Err(format!("no rule of this patch may remove {}", path.join("/")));
            }
        }
        Ok(())
    })
}

/// The pointers that a patch for one of these rules may touch, from the object's root: `*` stands
/// for one segment, a final `**` for all below.
pub fn allowed_paths(rules: &[&Rule], object: &Object<'_>) -> Vec<String> {
    let skipped = object.prefix().split('/').skip(1).count();
    let all = rules.iter().flat_map(|rule| rule.touches.iter().chain(rule.removes));
    let patterns = patterns(all, object).into_iter();
    let mut paths: Vec<String> = patterns
        .map(|pattern| pattern[skipped..].iter().map(|token| format!("/{token}")).collect())
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Paths from the document's root that an operation writes or takes away (`true`).
fn touched(
    operation: &PatchOperation,
    document: &Value,
) -> Result<Vec<(Vec<String>, bool)>, String> {
    Ok(match operation {
        PatchOperation::Test(_) => Vec::new(),
        // To add what is there already is to write over it; in a list it moves the others on.
        PatchOperation::Add(add) => {
            let old = entry(document, add.path.as_str());
            changes(tokens(&add.path), old, Some(&add.value))
        }
        PatchOperation::Replace(replace) => {
            let old = document.pointer(replace.path.as_str());
            changes(tokens(&replace.path), old, Some(&replace.value))
        }
        PatchOperation::Remove(remove) => {
            let path = tokens(&remove.path);
            match document.pointer(remove.path.as_str()) {
                // A rule names the item that goes, not each value in it.
                Some(old) if !is_protected(&path) && !is_scalar(old) => {
                    changes(path, Some(old), None)
                }
                _ => vec![(path, true)],
            }
        }
        PatchOperation::Move(_) | PatchOperation::Copy(_) => {
            return Err("move and copy are not used by fixes".to_owned());
        }
    })
}

/// What differs between two values at a path: what is written, and what is gone (`true`). What is
/// written as it was is not touched.
fn changes(
    path: Vec<String>,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Vec<(Vec<String>, bool)> {
    let mut before = BTreeMap::new();
    if let Some(old) = old.filter(|old| !is_scalar(old)) {
        leaves(path.clone(), old, &mut before);
    }
    let mut after = BTreeMap::new();
    if let Some(new) = new {
        leaves(path, new, &mut after);
    }
    // An empty map that gets entries is not gone: they come next after its path.
    let is_gone = |path: &&Vec<String>| {
        let next = after.range::<Vec<String>, _>(*path..).next();
        !next.is_some_and(|(next, _)| next.starts_with(path))
    };
    let gone: Vec<_> = before.keys().filter(is_gone).map(|path| (path.clone(), true)).collect();
    after.retain(|path, value| before.get(path) != Some(value));
    gone.into_iter().chain(after.into_keys().map(|path| (path, false))).collect()
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

fn tokens(pointer: &PointerBuf) -> Vec<String> {
    pointer.tokens().map(|token| token.decoded().into_owned()).collect()
}

/// The path of a map or list that an operation adds to a list.
fn new_item(operation: &PatchOperation, document: &Value) -> Option<Vec<String>> {
    let PatchOperation::Add(AddOperation { path, value }) = operation else { return None };
    let (parent, _) = path.as_str().rsplit_once('/')?;
    let is_item = document.pointer(parent).is_some_and(Value::is_array);
    (is_item && (value.is_object() || value.is_array())).then(|| tokens(path))
}

/// The entry of a map at this place; list items are none.
fn entry<'d>(document: &'d Value, pointer: &str) -> Option<&'d Value> {
    let (parent, _) = pointer.rsplit_once('/')?;
    document.pointer(parent).filter(|parent| parent.is_object())?;
    document.pointer(pointer)
}

/// The scalars and empty collections of a value, by their paths.
fn leaves<'v>(path: Vec<String>, value: &'v Value, out: &mut BTreeMap<Vec<String>, &'v Value>) {
    let child = |key: String| {
        let mut child = path.clone();
        child.push(key);
        child
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                leaves(child(key.clone()), value, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                leaves(child(index.to_string()), value, out);
            }
        }
        _ => {
            out.insert(path, value);
        }
    }
}

/// Whether the path is an entry of a protected collection, the collection itself, or an account.
fn is_protected(path: &[String]) -> bool {
    let is = |token: Option<&String>, names: &[&str]| {
        token.is_some_and(|token| names.contains(&token.as_str()))
    };
    let last = path.last();
    let parent = path.len().checked_sub(2).and_then(|index| path.get(index));
    is(last, &PROTECTED) || is(last, &ACCOUNTS) || is(parent, &PROTECTED)
}

/// Expands `{pod}`, `{template}` and `{container}` for an object.
fn patterns<'r>(
    paths: impl Iterator<Item = &'r &'static str>,
    object: &Object<'_>,
) -> Vec<Vec<String>> {
    let prefix: Vec<String> = object.prefix().split('/').skip(1).map(str::to_owned).collect();
    let pod: Vec<String> =
        object.pod.iter().flat_map(|pod| pod.keys.iter().map(|key| (*key).to_owned())).collect();
    let mut patterns = Vec::new();
    for path in paths {
        let (head, rest) = path.split_once('/').unwrap_or((path, ""));
        let heads: Vec<Vec<String>> = match head {
            "{pod}" => vec![pod.clone()],
            "{template}" => vec![pod[..pod.len().saturating_sub(1)].to_vec()],
            "{container}" => [Role::Init, Role::Regular, Role::Ephemeral]
                .iter()
                .map(|role| [&pod[..], &[role.field().to_owned(), "*".to_owned()]].concat())
                .collect(),
            _ => vec![vec![head.to_owned()]],
        };
        for head in heads {
            let rest = rest.split('/').filter(|token| !token.is_empty()).map(str::to_owned);
            patterns.push(prefix.iter().cloned().chain(head).chain(rest).collect());
        }
    }
    patterns
}

fn covers(pattern: &[String], path: &[String]) -> bool {
    for (index, token) in pattern.iter().enumerate() {
        if token == "**" {
            return true;
        }
        match path.get(index) {
            Some(actual) if token == "*" || token == actual => {}
            _ => return false,
        }
    }
    pattern.len() == path.len()
}

#[cfg(test)]
mod tests {
    use super::covers;

    fn split(path: &str) -> Vec<String> {
        path.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn patterns_cover_one_segment_or_all_below() {
        assert!(covers(&split("spec/*/name"), &split("spec/0/name")));
        assert!(!covers(&split("spec/*/name"), &split("spec/0/other")));
        assert!(!covers(&split("spec/*"), &split("spec/0/name")));
        assert!(covers(&split("spec/**"), &split("spec/0/name")));
        assert!(covers(&split("spec/**"), &split("spec")));
    }
}
