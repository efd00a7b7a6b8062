//! `cargo xtask parity`: what the oracles found beside what we find, and what becomes of every
//! rule's findings on real input, into `docs/parity.md`.

mod kube_linter;
mod pod_security;
mod rules;

use crate::page::Page;
use anyhow::Context as _;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

const HEAD: &str = "# Parity\n\nWritten by `cargo xtask parity` from the oracles in the data folder: \
    what other tools and a real API\nserver say of the same manifests, and what becomes of the \
    findings of each rule.\n";

/// Compares with every oracle of the data folder and of further folders with the same layout, and
/// fails when one of them disagrees. The page is about the data folder alone.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let check = arguments.iter().any(|argument| argument == "--check");
    let further = arguments.iter().filter(|argument| *argument != "--check");
    let data = std::env::var_os("K8S_AUTO_FIX_DATA")
        .context("set K8S_AUTO_FIX_DATA to the folder with the oracles")?;
    let mut page = Page::new(HEAD);
    let mut differences = compare(Path::new(&data), &mut page)?;
    println!("{}", page.summary);
    for folder in further {
        let mut other = Page::new(HEAD);
        differences += compare(&PathBuf::from(folder), &mut other)?;
        println!("{folder}\n{}", other.summary);
    }
    anyhow::ensure!(differences == 0, "{differences} differences, listed above");
    let path = root.join("docs/parity.md");
    if check {
        let same = std::fs::read_to_string(&path).is_ok_and(|old| old == page.text);
        anyhow::ensure!(same, "docs/parity.md is out of date: run `cargo xtask parity`");
    } else {
        std::fs::write(&path, &page.text)?;
        println!("wrote docs/parity.md");
    }
    Ok(())
}

/// Runs every oracle that a folder has; returns the number of differences.
fn compare(data: &Path, page: &mut Page) -> anyhow::Result<usize> {
    let scratch = tempfile::tempdir()?;
    let differences = kube_linter::run(data, scratch.path(), page)?
        + pod_security::run(data, scratch.path(), page)?
        + rules::run(data, scratch.path(), page)?;
    Ok(differences)
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

/// A text field.
fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::run;
    use std::path::Path;

    #[test]
    #[ignore = "minutes of work; `cargo xtask test` runs it as a step of its own"]
    fn the_oracles_agree_and_the_page_is_true() {
        if std::env::var_os("K8S_AUTO_FIX_DATA").is_none() {
            println!("SKIPPED: set K8S_AUTO_FIX_DATA to the folder with the oracles");
            return;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        run(root, &["--check".to_owned()]).unwrap();
    }
}
