//! Random edits of real files. Wrong ones must not exist, refused ones must be rare.
//!
//! Needs the folder of corpora in `K8S_AUTO_FIX_DATA`; `K8S_AUTO_FIX_FULL=1` takes every file and
//! more edits.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod common;
#[path = "common/corpora.rs"]
mod corpora;

use std::collections::BTreeMap;
use std::path::Path;

use common::{Outcome, Random};
use manifest::{Limits, Source};

#[derive(Default)]
struct Tally {
    files: usize,
    right: usize,
    refused: usize,
    wrong: Vec<String>,
    reasons: BTreeMap<String, usize>,
}

/// The reason without its numbers and names.
fn gist(reason: &str) -> String {
    let reason = reason.split_once(": ").map_or(reason, |(_, rest)| rest);
    let mut quoted = false;
    reason
        .chars()
        .filter(|&c| {
            quoted ^= c == '`';
            !quoted && !c.is_ascii_digit()
        })
        .collect()
}

fn edit_file(root: &Path, path: &Path, edits: usize, tally: &mut Tally) {
    let Ok(source) = Source::parse(std::fs::read(path).unwrap(), &Limits::default()) else {
        return;
    };
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
    let seed =
        name.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut random = Random(seed);
    tally.files += 1;
    for round in 0..edits {
        let document = random.below(source.documents().len());
        let Some(root) = source.root(document) else { continue };
        let data = root.to_json();
        if !data.is_object() {
            continue;
        }
        let (patch, expected) =
            common::patch(&mut random, &data, if round % 3 == 2 { 5 } else { 1 });
        if patch.is_empty() {
            continue;
        }
        match common::judge(&source, document, &patch, &expected) {
            Outcome::Right(_) => tally.right += 1,
            Outcome::Refused(reason) => {
                tally.refused += 1;
                if std::env::var_os("K8S_AUTO_FIX_REFUSED").is_some() {
                    println!(
                        "{} document {document}: {reason}: {}",
                        path.display(),
                        serde_json::to_string(&patch).unwrap()
                    );
                }
                *tally.reasons.entry(gist(&reason)).or_default() += 1;
            }
            Outcome::Wrong(fault) => {
                let patch = serde_json::to_string(&patch).unwrap();
                tally
                    .wrong
                    .push(format!("{} document {document}: {patch}: {fault}", path.display()));
            }
        }
    }
}

#[test]
fn random_edits_of_real_files() {
    let Some(data) = std::env::var_os("K8S_AUTO_FIX_DATA") else {
        eprintln!("SKIPPED random_edits_of_real_files: set K8S_AUTO_FIX_DATA to the corpora");
        return;
    };
    let full = corpora::full();
    let mut failures = Vec::new();
    for (name, step, edits) in [("wild-dev", 6, 10), ("values-dev", 6, 10), ("corpus-dev", 60, 5)] {
        let unpacked = corpora::unpack(Path::new(&data), name);
        let mut paths = Vec::new();
        corpora::files(&unpacked.0, &mut paths);
        let mut tally = Tally::default();
        let (step, edits) = if full { (1, edits * 3) } else { (step, edits) };
        for path in paths.iter().step_by(step) {
            edit_file(&unpacked.0, path, edits, &mut tally);
        }
        let Tally { files, right, refused, .. } = tally;
        println!(
            "{name}: {files} files, {right} right, {refused} refused, {} wrong",
            tally.wrong.len()
        );
        tally.reasons.iter().for_each(|(reason, count)| println!("  {count} x {reason}"));
        assert!(refused * 1000 <= right, "more than one in a thousand refused");
        failures.extend(tally.wrong);
    }
    assert!(
        failures.is_empty(),
        "{} wrong:\n{}",
        failures.len(),
        failures[..failures.len().min(5)].join("\n\n")
    );
}
