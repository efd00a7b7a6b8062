//! Secrets in the tree: what `detect-secrets` finds in the files of the repository, besides what is
//! known to be made up for tests.

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// What is known to be no secret: by file, the kinds and the hashes of the texts.
const KNOWN: &str = "tools/known-secrets.json";
/// Random texts are hashes and fingerprints here, thousands of them.
const NOT_ASKED: [&str; 2] = ["Base64HighEntropyString", "HexHighEntropyString"];
/// Lists of hashes, and the list of what is known.
const NOT_SCANNED: [&str; 3] = ["Cargo.lock", "go.sum", "known-secrets.json"];

#[derive(Debug, Deserialize)]
struct Report {
    results: BTreeMap<String, Vec<Finding>>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    #[serde(rename = "type")]
    kind: String,
    hashed_secret: String,
    line_number: usize,
}

/// A text that is known, wherever in its file it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Known {
    file: String,
    kind: String,
    sha1: String,
}

/// Runs the command.
pub(crate) fn run(root: &Path, python: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let report = scan(root, python)?;
    if arguments == ["--accept"] {
        let known: BTreeSet<Known> = report.results.iter().flat_map(of_file).collect();
        let mut text = serde_json::to_string_pretty(&known)?;
        text.push('\n');
        return Ok(std::fs::write(root.join(KNOWN), text)?);
    }
    let known = std::fs::read_to_string(root.join(KNOWN)).context(KNOWN)?;
    let new = new(&report, &serde_json::from_str(&known).context(KNOWN)?);
    if new.is_empty() {
        println!("no secrets in {} known places or anywhere else", report.results.len());
        return Ok(());
    }
    bail!(
        "these look like secrets; take them out, or, when they are made up for a test, run \
         `cargo xtask secrets --accept`:\n{}",
        new.join("\n")
    )
}

fn scan(root: &Path, python: &Path) -> anyhow::Result<Report> {
    let listed = Command::new("git").current_dir(root).args(["ls-files", "-z"]).output()?;
    let files = String::from_utf8(listed.stdout)?;
    let wanted = |file: &&str| !file.is_empty() && !NOT_SCANNED.iter().any(|n| file.ends_with(n));
    let mut command = Command::new(python);
    command.current_dir(root).args(["-m", "detect_secrets", "scan", "--no-verify"]);
    for plugin in NOT_ASKED {
        command.args(["--disable-plugin", plugin]);
    }
    let output = command.args(files.split('\0').filter(wanted)).output()?;
    if !output.status.success() {
        bail!("detect-secrets: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("the report of detect-secrets")
}

fn of_file((file, findings): (&String, &Vec<Finding>)) -> Vec<Known> {
    let known = |finding: &Finding| Known {
        file: file.clone(),
        kind: finding.kind.clone(),
        sha1: finding.hashed_secret.clone(),
    };
    findings.iter().map(known).collect()
}

/// What is not known, with file and line.
fn new(report: &Report, known: &BTreeSet<Known>) -> Vec<String> {
    let mut new = Vec::new();
    for entry @ (file, findings) in &report.results {
        let lines = findings.iter().map(|finding| finding.line_number);
        for (one, line) in of_file(entry).into_iter().zip(lines) {
            if !known.contains(&one) {
                new.push(format!("  {file}:{line}: {}", one.kind));
            }
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::{Report, new, of_file, scan};
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    /// A planted secret is found, and one that is known is not told.
    #[test]
    fn a_secret_in_the_tree_is_found() {
        let Some(python) = std::env::var_os("K8S_AUTO_FIX_PYTHON").map(PathBuf::from) else {
            println!("SKIPPED: secrets in the tree: K8S_AUTO_FIX_PYTHON is not set");
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        // Put together here, so that this file holds none.
        let token = format!("ghp_{}", "a1B2".repeat(9));
        std::fs::write(folder.path().join("notes.txt"), format!("x\ntoken {token}\n")).unwrap();
        for args in [&["init", "--quiet"][..], &["add", "."]] {
            let git = std::process::Command::new("git").current_dir(&folder).args(args).status();
            assert!(git.unwrap().success());
        }
        let report: Report = scan(folder.path(), &python).unwrap();
        assert_eq!(new(&report, &BTreeSet::new()), ["  notes.txt:2: GitHub Token"]);
        let known = report.results.iter().flat_map(of_file).collect();
        assert!(new(&report, &known).is_empty());
    }
}
