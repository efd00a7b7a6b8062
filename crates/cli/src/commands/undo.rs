//! `undo`: takes back what `gitops write` wrote.

use crate::args::Common;
use crate::args::carry::Undo;
use crate::{End, write};
use anyhow::Context as _;
use review::{diff, escape};
use rollout::git::Repository;
use rollout::journal::{Entry, FileEntry, Journal};
use rollout::undo::{Undone, undo};
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What a file holds, and what it is to hold.
struct File {
    place: PathBuf,
    before: Vec<u8>,
    after: Vec<u8>,
    /// How it was brought back.
    how: Vec<&'static str>,
}

/// Runs the command.
pub(crate) fn run(common: &Common, args: &Undo) -> anyhow::Result<End> {
    let repository = Repository::open(&args.repo)?;
    let _lock = repository.lock()?;
    let mut entries = Journal::of(&repository)?.entries()?;
    anyhow::ensure!(
        !entries.is_empty(),
        "nothing to take back: `gitops write` has written nothing from this clone"
    );
    entries.retain(|entry| {
        args.batches.is_empty() || args.batches.iter().any(|name| names(entry, name))
    });
    anyhow::ensure!(
        !entries.is_empty(),
        "no batch or commit in the journal is called {}",
        args.batches.join(", ")
    );
    let changes = || entries.iter().flat_map(|entry| &entry.files);
    let wanted: Vec<(&str, &str)> = changes()
        .flat_map(|file| {
            [&file.before, &file.after].map(|blob| (file.path.as_str(), blob.as_str()))
        })
        .collect();
    let stored = repository.checked_out(&wanted)?;
    let head = repository.commit("HEAD")?;
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    let mut refused = Vec::new();
    // What was written last is taken back first.
    for entry in entries.iter().rev() {
        // Merged as other commits, a change is known by its lines alone.
        let known = repository.contains(&head, &entry.commit)?;
        for changed in &entry.files {
            if let Err(reason) = take_back(&repository, &stored, (changed, known), &mut files)? {
                refused.push(format!("{} ({}): {reason}", changed.path, entry.batch));
            }
        }
    }
    let mut out = std::io::stdout().lock();
    let mut count = 0;
    for (path, file) in files.iter().filter(|(_, file)| file.before != file.after) {
        count += 1;
        if args.diff {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let options = diff::Options { color: false, escape: true };
            diff::write(&mut out, path, &text(&file.before), &text(&file.after), options)?;
            continue;
        }
        write::replace(&file.place, path, &file.before, &file.after)?;
        if !common.quiet {
            writeln!(out, "{}: {}", escape(path), file.how.join(", "))?;
        }
    }
    if !common.quiet && !args.diff {
        writeln!(out, "{count} files are as they were; commit them when you have looked at them")?;
    }
    for reason in &refused {
        writeln!(std::io::stderr(), "error: {}", escape(reason))?;
    }
    Ok(if refused.is_empty() { End::Clean } else { End::Findings })
}

fn names(entry: &Entry, name: &str) -> bool {
    entry.batch == name
        || entry.branch == name
        || (name.len() >= 7 && entry.commit.starts_with(name))
}

/// Takes one entry's change of a file back; or says why it cannot be.
fn take_back(
    repository: &Repository,
    stored: &HashMap<(String, String), Vec<u8>>,
    (changed, known): (&FileEntry, bool),
    files: &mut BTreeMap<String, File>,
) -> anyhow::Result<Result<(), String>> {
    if !files.contains_key(&changed.path) {
        let place = match inside(repository.root(), &changed.path) {
            Ok(place) => place,
            Err(reason) => return Ok(Err(reason)),
        };
        let before =
            std::fs::read(&place).with_context(|| format!("cannot read {}", changed.path))?;
        let file = File { place, after: before.clone(), before, how: Vec::new() };
        files.insert(changed.path.clone(), file);
    }
    let Some(file) = files.get_mut(&changed.path) else { return Ok(Ok(())) };
    let content =
        |blob: &String| stored.get(&(changed.path.clone(), blob.clone())).map(Vec::as_slice);
    let (before, after) = (content(&changed.before), content(&changed.after));
    let (text, how) = match undo(changed, &file.after, before, after, known)? {
        Undone::Exactly(text) => (text, "as before"),
        Undone::Merged(text) => (text, "as before, with what others changed since"),
        Undone::ByPatch(text) => (text, "values as before, by the inverse patch"),
        Undone::NotThere => return Ok(Ok(())),
        Undone::Refused(reason) => return Ok(Err(reason)),
    };
    file.after = text;
    if !file.how.contains(&how) {
        file.how.push(how);
    }
    Ok(Ok(()))
}

/// The file of the journal; one that leads out of the repository is none.
fn inside(root: &Path, path: &str) -> Result<PathBuf, String> {
    let place = root.join(path).canonicalize().map_err(|_| "the file is gone".to_owned())?;
    let root = root.canonicalize().map_err(|error| error.to_string())?;
    match place.starts_with(&root) {
        true => Ok(place),
        false => Err("it leads out of the repository".to_owned()),
    }
}
