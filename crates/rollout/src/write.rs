//! One commit for each batch, on branches that are ours alone.

use crate::Error;
use crate::git::{Branch, Repository, Tracked};
use crate::journal::{Entry, FileEntry, Inverse, Journal};
use std::collections::{BTreeMap, HashMap};

/// The trailer that names the batch of a commit.
pub const BATCH: &str = "K8s-Auto-Fix-Batch";
/// The trailer that tells whether somebody changed a commit of ours: the id of its tree.
const TREE: &str = "K8s-Auto-Fix-Tree";

/// What one batch does.
#[derive(Debug, Clone)]
pub struct Change {
    /// Id of the batch.
    pub batch: String,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The change that this one is stacked on, by its index; it comes earlier. Changes of the same
    /// file are, so that all can be merged.
    pub on: Option<usize>,
    /// The message, without trailers.
    pub message: String,
    /// Fingerprints of the findings that it cures.
    pub fingerprints: Vec<String>,
    /// The files that it changes, by their path from the root.
    pub files: BTreeMap<String, NewFile>,
}

/// A file that a batch changes.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// What it holds then.
    pub text: Vec<u8>,
    /// What takes the change back.
    pub inverse: Vec<Inverse>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// There is a new branch with this commit.
    Created(String),
    /// A branch of ours got this commit in place of an older one.
    Updated(String),
    /// The branch has all of it already, in this commit.
    Unchanged(String),
}

impl Written {
    /// Id of the commit.
    pub fn commit(&self) -> &str {
        match self {
            Self::Created(commit) | Self::Updated(commit) | Self::Unchanged(commit) => commit,
        }
    }
}

/// Where changes are written.
#[derive(Debug, Clone, Copy)]
pub struct Onto<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// Id of the commit that the changes are made to.
    pub base: &'a str,
    /// Its files.
    pub files: &'a HashMap<String, Tracked>,
    /// The branches that may be there already, all of them ours ([`is_ours`]); those that are only
    /// at a remote are made here too.
    pub branches: &'a BTreeMap<String, Branch>,
}

/// Writes the changes. When one branch cannot move, none does; see [`Repository::move_branches`].
///
/// # Errors
/// When git fails, or a branch has moved meanwhile; none of ours has moved then.
pub fn write(onto: Onto<'_>, changes: &[Change]) -> Result<Vec<Written>, Error> {
    let mut done: Vec<Done> = Vec::with_capacity(changes.len());
    let (mut entries, mut moves) = (Vec::new(), Vec::new());
    for change in changes {
        let below = change.on.and_then(|index| done.get(index));
        let next = one(onto, change, below)?;
        let commit = next.written.commit().to_owned();
        let there = onto.branches.get(&change.branch);
        let old = there.filter(|branch| branch.is_local).map(|branch| branch.tip.clone());
        if old.as_ref() != Some(&commit) {
            moves.push((change.branch.clone(), commit.clone(), old));
        }
        if !matches!(next.written, Written::Unchanged(_)) {
            entries.push(Entry {
                batch: change.batch.clone(),
                branch: change.branch.clone(),
                commit,
                fingerprints: change.fingerprints.clone(),
                files: next.changed.clone(),
            });
        }
        done.push(next);
    }
    Journal::of(onto.repository)?.append(&entries)?;
    onto.repository.move_branches(&moves)?;
    Ok(done.into_iter().map(|done| done.written).collect())
}

/// A change whose commit is made.
struct Done {
    written: Written,
    /// The files of the branch that differ from the base.
    files: BTreeMap<String, Tracked>,
    /// What this change did to them.
    changed: Vec<FileEntry>,
}

fn one(onto: Onto<'_>, change: &Change, below: Option<&Done>) -> Result<Done, Error> {
    let repository = onto.repository;
    let texts = change.files.iter().map(|(path, file)| (path.clone(), file.text.as_slice()));
    let mut files = below.map(|below| below.files.clone()).unwrap_or_default();
    let mut changed = Vec::new();
    for (path, blob) in repository.store(&texts.collect())? {
        let Some(old) = files.get(&path).or_else(|| onto.files.get(&path)) else { continue };
        changed.push(FileEntry {
            path: path.clone(),
            before: old.blob.clone(),
            after: blob.clone(),
            inverse: change.files.get(&path).map(|file| file.inverse.clone()).unwrap_or_default(),
        });
        let mode = old.mode.clone();
        files.insert(path, Tracked { mode, blob });
    }
    let parent = below.map_or(onto.base, |below| below.written.commit());
    let branch = onto.branches.get(&change.branch);
    let written = match branch {
        Some(branch) if has(onto, branch, below, &files)? => Written::Unchanged(branch.tip.clone()),
        branch => {
            let tree = repository.tree(parent, &files)?;
            let commit = repository.make_commit(&tree, parent, &with_trailers(change, &tree))?;
            if branch.is_some() { Written::Updated(commit) } else { Written::Created(commit) }
        }
    };
    Ok(Done { written, files, changed })
}

/// Whether the last commit of a branch is one that we made for the batch, as we made it.
pub fn is_ours(branch: &Branch, batch: &str) -> bool {
    let trailer = |name: &str, value: &str| {
        branch.message.lines().any(|line| line.strip_prefix(name) == Some(&format!(": {value}")))
    };
    trailer(BATCH, &one_line(batch)) && trailer(TREE, &branch.tree)
}

/// Whether a branch of ours says everything that would be written now.
fn has(
    onto: Onto<'_>,
    branch: &Branch,
    below: Option<&Done>,
    files: &BTreeMap<String, Tracked>,
) -> Result<bool, Error> {
    let made_on = onto.repository.parent(&branch.tip)?;
    let on_top = match (made_on, below) {
        (None, _) => false,
        (Some(made_on), Some(below)) => made_on == below.written.commit(),
        // What it was made on may have moved on since, as long as it leads there.
        (Some(made_on), None) => onto.repository.contains(onto.base, &made_on)?,
    };
    if !on_top {
        return Ok(false);
    }
    let there = onto.repository.files(&branch.tip)?;
    Ok(files.iter().all(|(path, file)| there.get(path) == Some(file)))
}

fn with_trailers(change: &Change, tree: &str) -> String {
    let (message, batch) = (change.message.trim_end(), one_line(&change.batch));
    format!("{message}\n\n{BATCH}: {batch}\n{TREE}: {tree}\n")
}

/// Batches are named after what manifests say, which must not become further trailers.
fn one_line(batch: &str) -> String {
    batch.escape_debug().to_string()
}
