//! `cargo xtask parity`: what the oracles found beside what we find, into `docs/parity.md`.

mod kube_linter;

use anyhow::Context as _;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// How often something was found.
pub(crate) type Counts<K> = BTreeMap<K, usize>;

/// Compares with every oracle of the data folder and of further folders with the same layout, and
/// fails when one of them disagrees.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let data = std::env::var_os("K8S_AUTO_FIX_DATA")
        .context("set K8S_AUTO_FIX_DATA to the folder with the oracles")?;
    let folders: Vec<PathBuf> =
        std::iter::once(PathBuf::from(data)).chain(arguments.iter().map(PathBuf::from)).collect();
    let mut differences = 0;
    for folder in &folders {
        let scratch = tempfile::tempdir()?;
        let _ = (root, &scratch);
        differences += kube_linter::run(folder, scratch.path())?;
    }
    anyhow::ensure!(differences == 0, "{differences} differences");
    Ok(())
}

/// The lines of a packed JSON Lines file; none when there is no such file.
fn lines(path: &Path) -> anyhow::Result<Option<Vec<Value>>> {
    let Ok(file) = std::fs::File::open(path) else { return Ok(None) };
    let mut rows = Vec::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        rows.push(serde_json::from_str(&line?).with_context(|| path.display().to_string())?);
    }
    Ok(Some(rows))
}

/// Adds one.
fn count<K: Ord>(counts: &mut Counts<K>, key: K) {
    *counts.entry(key).or_default() += 1;
}

/// A text field.
fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}
