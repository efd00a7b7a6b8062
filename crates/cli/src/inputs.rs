//! Reads the files that the user names.

use detector::Input;
use ignore::WalkBuilder;
use manifest::Limits;
use rayon::prelude::*;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// A path that could not be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// What the user's paths hold.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Sorted by path, each file once.
    pub(crate) files: Vec<Input>,
    /// Where each file really is; `None` for stdin.
    pub(crate) locations: Vec<Option<PathBuf>>,
    /// Paths that could not be read.
    pub(crate) unreadable: Vec<Unreadable>,
    /// The folders that were read, as they begin the identities of the files in them.
    pub(crate) folders: Vec<String>,
}

/// A file to read.
struct Found {
    path: PathBuf,
    display: String,
    identity: String,
    is_link: bool,
}

/// Reads all paths: files as they are, folders for every `.yaml` and `.yml` below them, `-` for
/// stdin. Symbolic links in folders are read when they stay below the folder; links to folders are
/// not followed, so there are no loops.
pub(crate) fn read(paths: &[PathBuf], limits: &Limits) -> Inputs {
    let mut inputs = Inputs::default();
    let mut found = Vec::new();
    let cwd = std::env::current_dir().unwrap_or_default();
    for path in paths {
        if path == OsStr::new("-") {
            read_stdin(limits, &mut inputs);
        } else if path.is_dir() {
            walk(path, &cwd, &mut found, &mut inputs.unreadable);
            inputs.folders.extend(folder_identity(path, &cwd, paths.len()));
        } else {
            found.push(named(path, &cwd, path));
        }
    }
    found.sort_by(|a, b| a.display.cmp(&b.display));
    found.dedup_by(|a, b| a.display == b.display);
    drop_linked_twice(&mut found);
    let read: Vec<_> = found.par_iter().map(|file| (file, read_file(file, limits))).collect();
    for (file, result) in read {
        match result {
            Ok(input) => {
                inputs.files.push(input);
                inputs.locations.push(Some(file.path.clone()));
            }
            Err(reason) => {
                inputs.unreadable.push(Unreadable { path: file.display.clone(), reason });
            }
        }
    }
    inputs
}

impl Inputs {
    /// Leaves out files by where they are; stdin stays.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&Path) -> bool) {
        let keep: Vec<bool> =
            self.locations.iter().map(|at| at.as_deref().is_none_or(&wanted)).collect();
        let mut kept = keep.iter();
        self.files.retain(|_| kept.next() == Some(&true));
        let mut kept = keep.iter();
        self.locations.retain(|_| kept.next() == Some(&true));
    }
}

/// Leaves out links to files that are read anyway.
fn drop_linked_twice(found: &mut Vec<Found>) {
    if !found.iter().any(|file| file.is_link) {
        return;
    }
    let real = |file: &Found| file.path.canonicalize().unwrap_or_else(|_| file.path.clone());
    let mut seen: HashSet<PathBuf> = found.iter().filter(|file| !file.is_link).map(real).collect();
    found.retain(|file| !file.is_link || seen.insert(real(file)));
}

fn read_stdin(limits: &Limits, inputs: &mut Inputs) {
    let mut bytes = Vec::new();
    match std::io::stdin().lock().take(limit(limits)).read_to_end(&mut bytes) {
        Ok(_) => {
            inputs.files.push(Input::parse("-".to_owned(), "-".to_owned(), bytes, limits));
            inputs.locations.push(None);
        }
        Err(error) => {
            let reason = error.to_string();
            inputs.unreadable.push(Unreadable { path: "-".to_owned(), reason });
        }
    }
}

/// One byte more than allowed, so that the parser sees that there is more.
fn limit(limits: &Limits) -> u64 {
    u64::try_from(limits.max_bytes).unwrap_or(u64::MAX).saturating_add(1)
}

fn read_file(file: &Found, limits: &Limits) -> Result<Input, String> {
    let explain = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound if file.path.is_symlink() => "broken link".to_owned(),
        ErrorKind::NotFound => "no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; make it readable or leave it out".into(),
        _ => error.to_string(),
    };
    // Before it is opened: a pipe that nobody writes to would block for ever.
    let metadata = std::fs::metadata(&file.path).map_err(explain)?;
    if !metadata.is_file() {
        return Err("neither a file nor a folder; a pipe is read from stdin, as -".to_owned());
    }
    let opened = std::fs::File::open(&file.path).map_err(explain)?;
    let size = metadata.len();
    if size >= limit(limits) {
        return Err(format!(
            "file has {size} bytes, the limit is {}; split it or raise --max-file-size",
            limits.max_bytes
        ));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    opened.take(limit(limits)).read_to_end(&mut bytes).map_err(explain)?;
    Ok(Input::parse(file.display.clone(), file.identity.clone(), bytes, limits))
}

fn walk(root: &Path, cwd: &Path, found: &mut Vec<Found>, unreadable: &mut Vec<Unreadable>) {
    let real_root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let walker = WalkBuilder::new(root)
        .standard_filters(false)
        .git_ignore(true)
        .filter_entry(|entry| entry.depth() == 0 || entry.file_name() != OsStr::new(".git"))
        .build();
    for entry in walker {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                unreadable.push(walk_error(&error, root, cwd));
                continue;
            }
        };
        let path = entry.path();
        if !is_manifest(path) {
            continue;
        }
        let kind = entry.file_type();
        if kind.is_some_and(|kind| kind.is_symlink()) {
            match link_target(path, &real_root) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(reason) => {
                    unreadable.push(Unreadable { path: display(path, cwd), reason });
                    continue;
                }
            }
        } else if !kind.is_some_and(|kind| kind.is_file()) {
            continue;
        }
        found.push(named(path, cwd, root));
    }
}

fn walk_error(error: &ignore::Error, root: &Path, cwd: &Path) -> Unreadable {
    let reason = error.io_error().map_or_else(
        || error.to_string(),
        |io| match io.kind() {
            ErrorKind::PermissionDenied => {
                "permission denied; make it readable or leave it out".into()
            }
            _ => io.to_string(),
        },
    );
    let path = match error {
        ignore::Error::WithDepth { err, .. } => match &**err {
            ignore::Error::WithPath { path, .. } => path.as_path(),
            _ => root,
        },
        ignore::Error::WithPath { path, .. } => path.as_path(),
        _ => root,
    };
    Unreadable { path: display(path, cwd), reason }
}

/// Whether a link leads to a file below the root.
fn link_target(path: &Path, real_root: &Path) -> Result<bool, String> {
    let target = path.canonicalize().map_err(|error| format!("broken or looping link: {error}"))?;
    if !target.starts_with(real_root) {
        return Err(format!(
            "link leads out of the folder, to {}; name that file itself to read it",
            target.display()
        ));
    }
    Ok(target.is_file())
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"))
}

/// Names a file for outputs and for fingerprints. `asked` is the path that the user gave.
fn named(path: &Path, cwd: &Path, asked: &Path) -> Found {
    let display = display(path, cwd);
    let identity = if display.starts_with('/') {
        let below = path.strip_prefix(asked).ok().filter(|rest| !rest.as_os_str().is_empty());
        let name = below.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
        slashes(name)
    } else {
        display.clone()
    };
    let is_link = path.is_symlink();
    Found { path: path.to_owned(), display, identity, is_link }
}

/// What the identities of the files in a folder begin with. Those of a folder elsewhere count from
/// the folder itself, which tells them apart from others only when it is the only path.
fn folder_identity(path: &Path, cwd: &Path, paths: usize) -> Option<String> {
    let display = display(path, cwd);
    match display.starts_with('/') {
        false => Some(display),
        true => (paths == 1).then(String::new),
    }
}

/// The path counted from the working directory.
pub(crate) fn absolute(path: &Path, cwd: &Path) -> PathBuf {
    normalised(&cwd.join(path))
}

/// POSIX path relative to the working directory where the file is below it, else absolute.
fn display(path: &Path, cwd: &Path) -> String {
    let absolute = absolute(path, cwd);
    slashes(absolute.strip_prefix(cwd).unwrap_or(&absolute))
}

/// Without `.` and, as far as the path itself tells, without `..`.
fn normalised(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

fn slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
