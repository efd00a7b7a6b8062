use crate::draft::{Change, Tree};
use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation};
use jsonptr::PointerBuf;
use manifest::{Path, Segment, list_map_keys};
use record::{Applicability, Provenance};
use rules::{Condition, Edit, Finding, Fix, Object, Remedy, Written};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The fixes of one object, brought together.
#[derive(Debug, Clone, Default)]
pub struct Composition {
    /// The joint patch, from the document's root.
    pub operations: Vec<PatchOperation>,
    /// The findings whose fixes are in it, by their index.
    pub included: Vec<usize>,
    /// The findings whose fixes cannot go with the others, and why.
    pub withheld: Vec<(usize, String)>,
    /// Where the written values come from.
    pub provenance: Vec<Provenance>,
}

/// The fix of one finding as a patch that stands alone.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// RFC 6902 operations from the document's root.
    pub operations: Vec<PatchOperation>,
    /// The least safe of the fixes in it.
    pub applicability: Applicability,
    /// Further findings whose fixes this one needs and contains, by their index.
    pub needs: Vec<usize>,
    /// Where the written values come from.
    pub provenance: Vec<Provenance>,
}

/// Composes the fixes of the given findings of one object. Findings without a fix are passed over.
/// Earlier findings win where two contradict each other.
pub fn compose(object: &Object<'_>, findings: &[&Finding]) -> Composition {
    let mut candidates: Vec<(usize, &Fix)> = findings
        .iter()
        .enumerate()
        .filter_map(|(index, finding)| match &finding.remedy {
            Remedy::Fix(fix) => Some((index, fix)),
            Remedy::Advice(_) => None,
        })
        .collect();
    let mut withheld = Vec::new();
    loop {
        let draft = Draft::build(object, &candidates);
        let failed = draft.failures(&candidates, findings);
        if failed.is_empty() {
            withheld.sort_by_key(|(index, _)| *index);
            return Composition {
                operations: draft.operations(object),
                included: candidates.iter().map(|(index, _)| *index).collect(),
                withheld,
                provenance: provenance(object, &candidates),
            };
        }
        candidates.retain(|(index, _)| !failed.contains_key(index));
        withheld.extend(failed);
    }
}

/// The patch of one finding alone, with the fixes of other findings that it cannot do without.
///
/// # Errors
/// Why there is none: what the fix needs to know, or what stands against it.
pub fn propose(
    object: &Object<'_>,
    findings: &[&Finding],
    index: usize,
) -> Result<Proposal, String> {
    let fix = match &findings[index].remedy {
        Remedy::Fix(fix) => fix,
        Remedy::Advice(needs) => return Err(needs.clone()),
    };
    let mut candidates = vec![(index, fix)];
    let mut draft = Draft::build(object, &candidates);
    let mut failed = draft.failures(&candidates, findings);
    if failed.contains_key(&index) {
        let helpers = findings.iter().enumerate().filter(|(other, _)| *other != index);
        for (other, finding) in helpers {
            let Remedy::Fix(help) = &finding.remedy else { continue };
            if !meets_a_condition(help, &fix.requires) {
                continue;
            }
            candidates.push((other, help));
            draft = Draft::build(object, &candidates);
            failed = draft.failures(&candidates, findings);
            if failed.is_empty() {
                break;
            }
        }
    }
    if let Some((_, reason)) = failed.into_iter().next() {
        return Err(reason);
    }
    Ok(Proposal {
        operations: draft.operations(object),
        applicability: candidates
            .iter()
            .map(|(_, fix)| fix.applicability)
            .max()
            .unwrap_or(Applicability::Unsafe),
        needs: candidates[1..].iter().map(|(index, _)| *index).collect(),
        provenance: provenance(object, &candidates),
    })
}

/// Whether a fix changes a place that a condition speaks of.
fn meets_a_condition(fix: &Fix, conditions: &[Condition]) -> bool {
    let place = |condition: &Condition| match condition {
        Condition::Not(path, _) | Condition::Lacks(path, _) => path.clone(),
    };
    fix.edits.iter().any(|edit| conditions.iter().any(|c| place(c) == *edit_path(edit)))
}

fn edit_path(edit: &Edit) -> &Path {
    match edit {
        Edit::Set { path, .. }
        | Edit::Remove { path, .. }
        | Edit::Append { path, .. }
        | Edit::RemoveItem { path, .. } => path,
    }
}

fn provenance(object: &Object<'_>, candidates: &[(usize, &Fix)]) -> Vec<Provenance> {
    let prefix = object.prefix();
    let mut seen = BTreeSet::new();
    let written = candidates.iter().flat_map(|(_, fix)| &fix.edits).filter_map(|edit| match edit {
        Edit::Set { path, value } | Edit::Append { path, value, .. } => Some((path, value)),
        Edit::Remove { .. } | Edit::RemoveItem { .. } => None,
    });
    let record = |(path, written): (&Path, &Written)| Provenance {
        pointer: prefix.clone() + &path.to_pointer(),
        source: written.source,
        detail: written.detail.clone(),
    };
    written.map(record).filter(|p| seen.insert((p.pointer.clone(), p.detail.clone()))).collect()
}

/// An object with edits in it, and how it came about.
struct Draft<'a> {
    tree: Tree<'a>,
    /// Topmost paths that were added or replaced, in order.
    changes: Vec<Change>,
    /// Lists that got items, with the index of each.
    appended: Vec<(Path, usize)>,
    /// The tree before anything was taken away: what is written is read from here, because
    /// removals shift indexes.
    written: Option<Tree<'a>>,
    /// What was taken away, in the order in which it must be.
    removed: Vec<Path>,
    /// Edits that could not be made.
    errors: BTreeMap<usize, String>,
}

impl<'a> Draft<'a> {
    fn build(object: &Object<'a>, fixes: &[(usize, &Fix)]) -> Self {
        let mut draft = Self {
            tree: Tree::Read(object.root),
            changes: Vec::new(),
            appended: Vec::new(),
            written: None,
            removed: Vec::new(),
            errors: BTreeMap::new(),
        };
        for (index, fix) in fixes {
            for edit in &fix.edits {
                if let Err(reason) = draft.write(edit) {
                    draft.errors.entry(*index).or_insert(reason);
                }
            }
        }
        draft.written = Some(draft.tree.clone());
        draft.take_away(fixes);
        draft
    }

    fn write(&mut self, edit: &Edit) -> Result<(), String> {
        match edit {
            Edit::Set { path, value } => self.set(path, &value.value),
            Edit::Append { path, value, unless } => self.append(path, &value.value, unless),
            Edit::Remove { .. } | Edit::RemoveItem { .. } => Ok(()),
        }
    }

    fn set(&mut self, path: &Path, value: &Value) -> Result<(), String> {
        if self.wrote(path) {
            let there = self.tree.get(&path.0);
            return match there.as_ref() == Some(value) {
                true => Ok(()),
                false => Err(format!("another rule's fix writes {path} differently")),
            };
        }
        let change = self
            .tree
            .set(path, value.clone())
            .map_err(|at| format!("{at} is not a map, so {path} cannot be written"))?;
        if !self.is_within_a_change(&change) {
            self.changes.push(change);
        }
        Ok(())
    }

    /// Whether an edit of this draft already wrote exactly this path.
    fn wrote(&self, path: &Path) -> bool {
        self.changes.iter().any(|change| match change {
            Change::Added(top) | Change::Replaced(top) => {
                path.0.starts_with(&top.0) && self.tree.get(&path.0).is_some()
            }
            Change::None => false,
        })
    }

    fn is_within_a_change(&self, change: &Change) -> bool {
        let (Change::Added(path) | Change::Replaced(path)) = change else { return true };
        self.changes.iter().any(|earlier| match earlier {
            Change::Added(top) | Change::Replaced(top) => path.0.starts_with(&top.0),
            Change::None => false,
        })
    }

    fn append(&mut self, path: &Path, value: &Value, unless: &[Value]) -> Result<(), String> {
        let Some(list) = self.tree.get(&path.0).filter(|list| !list.is_null()) else {
            return self.set(path, &Value::Array(vec![value.clone()]));
        };
        let Some(items) = list.as_array() else { return Err(format!("{path} is not a list")) };
        if items.contains(value) || items.iter().any(|item| unless.contains(item)) {
            return Ok(());
        }
        let index = items.len();
        self.tree.push(path, value.clone()).ok_or_else(|| format!("{path} is not a list"))?;
        if !self.is_within_a_change(&Change::Added(path.clone())) {
            self.appended.push((path.clone(), index));
        }
        Ok(())
    }

    /// Removals come last and from the back, so that the indexes of the object as it was read
    /// stay true until they are used.
    fn take_away(&mut self, fixes: &[(usize, &Fix)]) {
        let mut targets: BTreeMap<Path, bool> = BTreeMap::new();
        for edit in fixes.iter().flat_map(|(_, fix)| &fix.edits) {
            match edit {
                Edit::Remove { path, prune } => {
                    *targets.entry(path.clone()).or_default() |= prune;
                }
                Edit::RemoveItem { path, value } => {
                    let list = self.tree.get(&path.0);
                    let items = list.iter().filter_map(Value::as_array).flatten().enumerate();
                    for (index, _) in items.filter(|(_, item)| *item == value) {
                        targets.insert(path.index(index), true);
                    }
                }
                Edit::Set { .. } | Edit::Append { .. } => {}
            }
        }
        for (path, prune) in targets.into_iter().rev() {
            if self.tree.remove(&path) {
                self.removed.push(path.clone());
                if prune {
                    self.prune(path);
                }
            }
        }
    }

    /// Takes emptied parents away too, up to the next list item.
    fn prune(&mut self, mut path: Path) {
        while path.0.pop().is_some() {
            let empty = matches!(path.0.last(), Some(Segment::Key(_)))
                && self.tree.get(&path.0).is_some_and(|v| Tree::New(v).is_empty_collection());
            if !empty || !self.tree.remove(&path) {
                return;
            }
            self.removed.retain(|removed| !removed.0.starts_with(&path.0));
            self.removed.push(path.clone());
        }
    }

    /// The findings whose fixes do not hold in this draft, and why.
    fn failures(&self, fixes: &[(usize, &Fix)], findings: &[&Finding]) -> BTreeMap<usize, String> {
        let mut failed = self.errors.clone();
        for (index, fix) in fixes {
            let broken = fix.requires.iter().find(|condition| !self.holds(condition));
            if let Some(condition) = broken {
                failed.entry(*index).or_insert_with(|| refusal(condition));
            }
            if fix.edits.iter().any(|edit| !self.is_done(edit)) {
                failed.entry(*index).or_insert_with(|| {
                    format!("contradicts another fix for {}", findings[*index].path)
                });
            }
        }
        failed
    }

    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Not(path, value) => self.tree.get(&path.0).as_ref() != Some(value),
            Condition::Lacks(path, value) => self
                .tree
                .get(&path.0)
                .is_none_or(|list| !list.as_array().is_some_and(|items| items.contains(value))),
        }
    }

    /// Whether an edit can still be seen where nothing was taken away around it.
    fn is_done(&self, edit: &Edit) -> bool {
        let shifted = |path: &Path| {
            self.removed.iter().any(|removed| {
                let (Some(Segment::Index(_)), list) = (removed.0.last(), removed.0.len() - 1)
                else {
                    return false;
                };
                path.0.len() > list && path.0[..list] == removed.0[..list]
            })
        };
        match edit {
            Edit::Set { path, value } => {
                shifted(path) || self.tree.get(&path.0).as_ref() == Some(&value.value)
            }
            Edit::Append { path, .. } => shifted(path) || self.tree.list_len(path).is_some(),
            Edit::Remove { .. } | Edit::RemoveItem { .. } => true,
        }
    }

    fn operations(&self, object: &Object<'_>) -> Vec<PatchOperation> {
        let prefix = object.prefix();
        let written = self.written.as_ref().unwrap_or(&self.tree);
        let value_at = |path: &Path| written.get(&path.0).unwrap_or(Value::Null);
        let mut operations = Vec::new();
        let mut paths = Vec::new();
        for change in &self.changes {
            let (Change::Added(path) | Change::Replaced(path)) = change else { continue };
            let value = value_at(path);
            let pointer = pointer(&prefix, path);
            operations.push(match change {
                Change::Added(_) => PatchOperation::Add(AddOperation { path: pointer, value }),
                _ => PatchOperation::Replace(ReplaceOperation { path: pointer, value }),
            });
            paths.push(path);
        }
        for (list, index) in &self.appended {
            let value = value_at(&list.index(*index));
            let mut end = pointer(&prefix, list);
            end.push_back("-");
            operations.push(PatchOperation::Add(AddOperation { path: end, value }));
            paths.push(list);
        }
        for path in &self.removed {
            let path_in_document = pointer(&prefix, path);
            operations.push(PatchOperation::Remove(RemoveOperation { path: path_in_document }));
            paths.push(path);
        }
        let mut all = tests(object, &prefix, &paths);
        all.append(&mut operations);
        all
    }
}

/// `test` operations for the keys of the list items that the paths go through, so that a patch
/// applied to a reordered object fails instead of changing another item.
fn tests(object: &Object<'_>, prefix: &str, paths: &[&Path]) -> Vec<PatchOperation> {
    let mut tests: BTreeMap<Path, Value> = BTreeMap::new();
    for path in paths {
        for (depth, segment) in path.0.iter().enumerate().skip(1) {
            let (Segment::Index(_), Segment::Key(field)) = (segment, &path.0[depth - 1]) else {
                continue;
            };
            let item_path = Path(path.0[..=depth].to_vec());
            let Some(item) = item_path.resolve(object.root) else { continue };
            let identifies = |keys: &&&[&str]| {
                keys.first().is_some_and(|key| item.get(key).is_some_and(|v| v.scalar().is_some()))
            };
            let keys = list_map_keys(field).iter().find(identifies);
            for key in keys.into_iter().flat_map(|keys| keys.iter()) {
                if let Some(value) = item.get(key) {
                    tests.insert(item_path.key(*key), value.to_json());
                }
            }
        }
    }
    tests
        .into_iter()
        .map(|(path, value)| {
            PatchOperation::Test(TestOperation { path: pointer(prefix, &path), value })
        })
        .collect()
}

fn pointer(prefix: &str, path: &Path) -> PointerBuf {
    let text = format!("{prefix}{}", path.to_pointer());
    // `to_pointer` escapes what RFC 6901 asks for, so the text always parses.
    PointerBuf::parse(text).unwrap_or_default()
}

fn refusal(condition: &Condition) -> String {
    match condition {
        Condition::Not(path, value) => {
            format!("the API server refuses it while {path} is {value}")
        }
        Condition::Lacks(path, value) => {
            format!("the API server refuses it while {path} holds {value}")
        }
    }
}
