//! `clean`: what runs have written, listed or removed. Queues are kept: they hold decisions.

use super::review::evidence::OUTPUTS;
use super::run::files::{PARTIAL, STATE, State};
use crate::End;
use crate::args::Clean;
use anyhow::Context as _;
use review::escape;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Runs the command.
pub(crate) fn run(args: &Clean) -> anyhow::Result<End> {
    let mut out = std::io::stdout().lock();
    let (mut count, mut bytes) = (0, 0);
    for folder in folders(&super::paths(&args.paths))? {
        let Some(state) = State::read(&folder) else { continue };
        let shown = folder.display().to_string();
        if !state.complete && !args.interrupted {
            writeln!(
                out,
                "kept: {}: an interrupted run; --interrupted takes it too",
                escape(&shown)
            )?;
            continue;
        }
        for (path, size) in outputs(&folder) {
            writeln!(out, "{size:>10}  {}", escape(&path.display().to_string()))?;
            (count, bytes) = (count + 1, bytes + size);
            if args.delete {
                remove(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        if folder.join("queue.db").exists() {
            let queue = folder.join("queue.db").display().to_string();
            writeln!(out, "kept: {}: it holds decisions", escape(&queue))?;
        }
        if args.delete {
            // A folder with anything else in it stays.
            let _ = std::fs::remove_dir(&folder);
        }
    }
    let done = if args.delete { "removed" } else { "would be removed; --delete does it" };
    writeln!(out, "{count} files, {bytes} bytes {done}")?;
    Ok(End::Clean)
}

/// Folders with the state of a run, by path. Links are not followed, and git's own is left out.
fn folders(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for path in paths {
        anyhow::ensure!(path.is_dir(), "{}: no such folder", path.display());
        let walk = ignore::WalkBuilder::new(path)
            .standard_filters(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .sort_by_file_path(Path::cmp)
            .build();
        for entry in walk {
            let entry = entry?;
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            if is_file && entry.file_name() == STATE {
                folders.extend(entry.path().parent().map(Path::to_owned));
            }
        }
    }
    folders.sort();
    folders.dedup();
    Ok(folders)
}

/// The outputs of a run that are there, with their sizes; what says that it is one comes last, so
/// that a removal that was interrupted can be done again.
fn outputs(folder: &Path) -> Vec<(PathBuf, u64)> {
    let names = OUTPUTS.iter().map(|output| output.name).filter(|name| *name != STATE);
    let paths = [PARTIAL].into_iter().chain(names).chain([STATE]).map(|name| folder.join(name));
    paths.filter_map(|path| Some((size(&path)?, path))).map(|(size, path)| (path, size)).collect()
}

/// The bytes of a file or of the files of a folder; nothing for links.
fn size(path: &Path) -> Option<u64> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    if metadata.is_file() {
        return Some(metadata.len());
    }
    let entries = metadata.is_dir().then(|| std::fs::read_dir(path).ok()).flatten()?;
    Some(entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len())).sum())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    }
}
