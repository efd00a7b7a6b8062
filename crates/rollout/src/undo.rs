//! Takes a change of a file back.

use crate::journal::{Change, FileEntry, Inverse, Step};
use crate::{Error, git};
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use manifest::{Limits, Node, Path, Source};
use serde_json::Value;

/// How a file was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// Nothing had changed since: the bytes from before.
    Exactly(Vec<u8>),
    /// Others have changed other lines since; theirs stay, ours are as before.
    Merged(Vec<u8>),
    /// Others have changed lines beside ours since: the values are as before, by the inverse patch.
    ByPatch(Vec<u8>),
    /// The file does not have the change.
    NotThere,
    /// It cannot be taken back by itself, because of this.
    Refused(String),
}

/// Takes back what one entry of the journal did to a file that now holds `current`. `before` and
/// `after` are the contents of the entry in the form that the file has, as far as they are still
/// there. `known` tells that the file had the change: without it, only lines that show it are
/// touched.
///
/// # Errors
/// When there is no git.
pub fn undo(
    entry: &FileEntry,
    current: &[u8],
    before: Option<&[u8]>,
    after: Option<&[u8]>,
    known: bool,
) -> Result<Undone, Error> {
    if let (Some(before), Some(after)) = (before, after) {
        if current == after {
            return Ok(Undone::Exactly(before.to_vec()));
        }
        if current == before {
            return Ok(Undone::NotThere);
        }
        if let Some(merged) = git::merge(current, after, before)? {
            return Ok(match merged == current {
                true => Undone::NotThere,
                false => Undone::Merged(merged),
            });
        }
    }
    if !known {
        return Ok(Undone::NotThere);
    }
    Ok(match by_patch(&entry.inverse, current) {
        Ok(text) if text == current => Undone::NotThere,
        Ok(text) => Undone::ByPatch(text),
        Err(reason) => Undone::Refused(reason),
    })
}

fn by_patch(inverse: &[Inverse], current: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = current.to_vec();
    for Inverse { document, steps } in inverse {
        for step in steps {
            let source = Source::parse(bytes, &Limits::default()).map_err(|e| e.to_string())?;
            let edits = match operation(&source, *document, step)? {
                None => Vec::new(),
                Some(operation) => {
                    manifest::edit(&source, *document, &[operation])
                        .map_err(|error| error.to_string())?
                        .edits
                }
            };
            bytes = manifest::apply_edits(source.text(), &edits).into_bytes();
        }
    }
    Ok(bytes)
}

/// A step as an operation on the document as it is now; `None` when there is nothing left to do.
fn operation(
    source: &Source,
    document: usize,
    step: &Step,
) -> Result<Option<PatchOperation>, String> {
    let root = source.root(document).ok_or_else(|| format!("document {} is gone", document + 1))?;
    let gone = || format!("`{}` is not there any more", step.at);
    let found = Path::resolve_keyed(root, &step.at);
    let node = found.as_ref().and_then(|path| path.resolve(root));
    let pointer = |path: &Path| {
        PointerBuf::parse(path.to_pointer()).map_err(|error| format!("`{}`: {error}", step.at))
    };
    let (path, node) = match (&step.change, found.zip(node)) {
        (Change::Remove, None) => return Ok(None),
        (_, None) => return Err(gone()),
        (_, Some(there)) => there,
    };
    Ok(match &step.change {
        Change::Remove => Some(PatchOperation::Remove(RemoveOperation { path: pointer(&path)? })),
        Change::Replace { value } => {
            (node.to_json() != *value).then_some(PatchOperation::Replace(ReplaceOperation {
                path: pointer(&path)?,
                value: value.clone(),
            }))
        }
        Change::Add { key, value } => {
            let inner = match node.is_map() {
                true => match node.get(key).map(Node::to_json) {
                    Some(there) if there == *value => return Ok(None),
                    Some(_) => return Err(format!("`{}.{key}` has another value by now", step.at)),
                    None => path.key(key.clone()),
                },
                false => {
                    let index: usize = key.parse().map_err(|_| gone())?;
                    if node.item(index).map(Node::to_json).as_ref() == Some(value) {
                        return Ok(None);
                    }
                    path.index(index.min(node.items().count()))
                }
            };
            let (path, value) = (pointer(&inner)?, value.clone());
            Some(PatchOperation::Add(AddOperation { path, value }))
        }
    })
}

/// What turns a document back into what it was.
///
/// `source` holds the document after the change, `before` is its value before.
pub fn inverse(source: &Source, document: usize, before: &Value) -> Inverse {
    let mut steps = Vec::new();
    if let Some(root) = source.root(document) {
        Differences { root, steps: &mut steps }.find(&Path::root(), before, &root.to_json());
    }
    Inverse { document, steps }
}

/// Collects the steps from `after` to `before`. Those inside of a list's items come before those
/// that take items out, from the last one on, and these before those that put items in, from the
/// first one on: a path without names then still means the same item.
struct Differences<'a> {
    root: Node<'a>,
    steps: &'a mut Vec<Step>,
}

impl Differences<'_> {
    fn find(&mut self, path: &Path, before: &Value, after: &Value) {
        match (before, after) {
            _ if before == after => {}
            (Value::Object(before), Value::Object(after)) => {
                for (key, new) in after {
                    match before.get(key) {
                        Some(old) => self.find(&path.key(key), old, new),
                        None => self.push(&path.key(key), Change::Remove),
                    }
                }
                for (key, value) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
                    let (key, value) = (key.clone(), value.clone());
                    self.push(path, Change::Add { key, value });
                }
            }
            (Value::Array(before), Value::Array(after)) => self.list(path, before, after),
            _ => self.push(path, Change::Replace { value: before.clone() }),
        }
    }

    fn list(&mut self, path: &Path, before: &[Value], after: &[Value]) {
        let pairs = common(before, after);
        for (old, new) in &pairs {
            self.find(&path.index(*new), &before[*old], &after[*new]);
        }
        for new in (0..after.len()).rev().filter(|new| pairs.iter().all(|pair| pair.1 != *new)) {
            self.push(&path.index(new), Change::Remove);
        }
        for old in (0..before.len()).filter(|old| pairs.iter().all(|pair| pair.0 != *old)) {
            let (key, value) = (old.to_string(), before[old].clone());
            self.push(path, Change::Add { key, value });
        }
    }

    fn push(&mut self, path: &Path, change: Change) {
        self.steps.push(Step { at: path.keyed(self.root), change });
    }
}

/// The items that two lists have in common, in order, as pairs of indices: the same value, or at
/// least the same name.
fn common(before: &[Value], after: &[Value]) -> Vec<(usize, usize)> {
    let name = |item: &Value| ["name", "key"].iter().find_map(|key| item.get(key).cloned());
    // How much two items have in common.
    let alike = |old: usize, new: usize| match (&before[old], &after[new]) {
        (old, new) if old == new => 2,
        (old, new) if name(old).is_some() && name(old) == name(new) => 1,
        _ => 0,
    };
    let unnamed = |index: usize| name(&before[index]).is_none();
    if before.len() == after.len() && (0..before.len()).all(|i| alike(i, i) > 0 || unnamed(i)) {
        return (0..before.len()).map(|index| (index, index)).collect();
    }
    // The common subsequence that has most in common; lists in manifests are short.
    let mut best = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for old in (0..before.len()).rev() {
        for new in (0..after.len()).rev() {
            let paired = match alike(old, new) {
                0 => 0,
                alike => best[old + 1][new + 1] + alike,
            };
            best[old][new] = paired.max(best[old + 1][new]).max(best[old][new + 1]);
        }
    }
    let (mut old, mut new, mut pairs) = (0, 0, Vec::new());
    while old < before.len() && new < after.len() {
        if alike(old, new) > 0 && best[old][new] == best[old + 1][new + 1] + alike(old, new) {
            pairs.push((old, new));
            (old, new) = (old + 1, new + 1);
        } else if best[old + 1][new] >= best[old][new + 1] {
            old += 1;
        } else {
            new += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    const BEFORE: &str = "kind: Pod # a pod\nspec:\n  containers:\n  - name: web\n    image: nginx:1.27\n    \
                          env:\n    - name: A\n      value: '1'\n    - name: A\n      value: '2'\n  hostPID: true\n";
    const AFTER: &str = "kind: Pod # a pod\nspec:\n  containers:\n  - name: web\n    image: nginx:1.27\n    \
                         securityContext:\n      capabilities:\n        drop:\n        - ALL\n    env:\n    \
                         - name: A\n      value: '2'\n";

    fn source(text: &str) -> Source {
        Source::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap()
    }

    fn taken_back(current: &str) -> Undone {
        let before = source(BEFORE).root(0).unwrap().to_json();
        let entry = FileEntry {
            path: "pod.yaml".to_owned(),
            before: "before".to_owned(),
            after: "after".to_owned(),
            inverse: vec![inverse(&source(AFTER), 0, &before)],
        };
        let (before, after) = (BEFORE.as_bytes(), AFTER.as_bytes());
        undo(&entry, current.as_bytes(), Some(before), Some(after), true).unwrap()
    }

    #[test]
    fn an_untouched_file_gets_its_bytes_back() {
        assert_eq!(taken_back(AFTER), Undone::Exactly(BEFORE.as_bytes().to_vec()));
        assert_eq!(taken_back(BEFORE), Undone::NotThere);
    }

    #[test]
    fn changes_elsewhere_stay() {
        let Undone::Merged(text) = taken_back(&AFTER.replace("a pod", "our pod")) else { panic!() };
        assert_eq!(String::from_utf8(text).unwrap(), BEFORE.replace("a pod", "our pod"));
    }

    #[test]
    fn changes_beside_ours_stay_and_the_values_come_back() {
        let now = AFTER
            .replace("nginx:1.27", "nginx:1.28")
            .replace("  - name: web", "  - name: proxy\n    image: envoy:1\n  - name: web");
        let Undone::ByPatch(text) = taken_back(&now) else { panic!() };
        let text = String::from_utf8(text).unwrap();
        let wanted = BEFORE
            .replace("nginx:1.27", "nginx:1.28")
            .replace("  - name: web", "  - name: proxy\n    image: envoy:1\n  - name: web");
        assert_eq!(
            source(&text).root(0).unwrap().to_json(),
            source(&wanted).root(0).unwrap().to_json()
        );
    }

    #[test]
    fn the_item_that_was_taken_out_comes_back_and_no_other() {
        let now = AFTER.replace("value: '2'", "value: '3'");
        let Undone::ByPatch(text) = taken_back(&now) else { panic!() };
        let value = |text: &str| source(text).root(0).unwrap().to_json();
        let wanted = BEFORE.replace("value: '2'", "value: '3'");
        assert_eq!(value(&String::from_utf8(text).unwrap()), value(&wanted));
    }

    #[test]
    fn what_is_gone_cannot_be_taken_back() {
        let gone = "kind: Pod\nspec:\n  containers:\n  - name: other\n";
        assert!(
            matches!(taken_back(gone), Undone::Refused(reason) if reason.contains("not there"))
        );
    }
}
