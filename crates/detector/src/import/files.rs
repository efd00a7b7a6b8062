//! Which of the inputs a report names.

use crate::Input;
use std::collections::HashMap;

/// Where the names of files in reports count from: POSIX paths, without `.` and `..`.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The working directory.
    pub cwd: String,
    /// The folders that were named as inputs, and those of the files that were; absolute.
    pub folders: Vec<String>,
}

/// The inputs by every name that they may have.
pub(super) struct Files {
    places: Places,
    /// By absolute path.
    by_path: HashMap<String, usize>,
    /// By the last part of the path.
    by_name: HashMap<String, Vec<usize>>,
    /// The absolute paths, by input.
    paths: Vec<String>,
}

impl Files {
    pub(super) fn new(inputs: &[Input], places: &Places) -> Self {
        let paths: Vec<String> =
            inputs.iter().map(|input| absolute(&places.cwd, &input.path)).collect();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, path) in paths.iter().enumerate() {
            by_name.entry(last(path).to_owned()).or_default().push(index);
        }
        let by_path = paths.iter().enumerate().map(|(i, path)| (path.clone(), i)).collect();
        Self { places: places.clone(), by_path, by_name, paths }
    }

    /// The inputs that these names may stand for: the one at the path, counted from the working
    /// directory or from a folder of the inputs; else those whose path ends like the name, or that
    /// the name ends like, for reports that were made elsewhere.
    pub(super) fn named(&self, names: &[String]) -> Vec<usize> {
        for name in names {
            let bases = std::iter::once(&self.places.cwd).chain(&self.places.folders);
            if let Some(index) = bases.clone().find_map(|b| self.by_path.get(&absolute(b, name))) {
                return vec![*index];
            }
            // Checkov writes paths below its root with a leading slash.
            let below = name.trim_start_matches('/');
            if let Some(index) = bases.clone().find_map(|b| self.by_path.get(&absolute(b, below))) {
                return vec![*index];
            }
        }
        for name in names {
            let clean = absolute("", name);
            let candidates = self.by_name.get(last(&clean)).map_or(&[][..], Vec::as_slice);
            let common = |index: &usize| common_parts(&self.paths[*index], &clean);
            let most = candidates.iter().map(common).max().unwrap_or(0);
            let best: Vec<usize> =
                candidates.iter().copied().filter(|index| common(index) == most).collect();
            // More than the file's own name must be common, unless there is nothing else.
            if most > 1 || best.len() == 1 {
                return best;
            }
        }
        Vec::new()
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// How many parts two paths have in common, counted from their ends.
fn common_parts(a: &str, b: &str) -> usize {
    let parts = |path| str::rsplit(path, '/').filter(|part: &&str| !part.is_empty());
    parts(a).zip(parts(b)).take_while(|(a, b)| a == b).count()
}

/// A path counted from a folder, without `.` and `..`.
fn absolute(base: &str, path: &str) -> String {
    let path = path.replace('\\', "/");
    let whole = if path.starts_with('/') { path } else { format!("{base}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
