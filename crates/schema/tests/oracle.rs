//! Our verdicts beside those of an independent set of strict JSON Schemas, over real manifests.
//!
//! Needs `K8S_AUTO_FIX_DATA`, the folder with the manifests, and `K8S_AUTO_FIX_PYTHON`, a Python
//! with `tools/requirements.txt` installed.

// What was compared and what was skipped must be seen; helpers fail as tests do.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use schema::{Outcome, Schemas, Version};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why we refuse what the other schemas accept. They are what the published document says; we are
/// what the server does, which is more.
const WE_REFUSE: [(&str, &str); 6] = [
    ("must be one of", "enums: the published document has none, the server's own has"),
    ("is not a quantity", "the document says string, the decoder parses it"),
    ("is not a time", "formats are annotations to the other validator"),
    ("is not base64", "formats are annotations to the other validator"),
    ("must be at", "integer ranges: formats are annotations to the other validator"),
    ("a value is required", "null in a required field: the other schemas let references be null"),
];

/// Why we accept what the other schemas refuse: what a message of theirs is about, and the reason.
const THEY_REFUSE: [(&str, &str); 3] = [
    ("None is valid under each of", "their integer-or-string and quantity refuse null"),
    ("None is not one of", "they give kind and apiVersion one value, which null is not"),
    ("only they know", "they look kinds up by the first label of the group"),
];

struct Row {
    place: String,
    object: Value,
    verdicts: Value,
}

#[derive(Default)]
struct Tally {
    both_valid: usize,
    both_invalid: usize,
    both_unknown: usize,
    /// Reason to number and an example.
    explained: BTreeMap<String, (usize, String)>,
    unexplained: Vec<String>,
}

#[test]
fn verdicts_agree_or_the_difference_is_understood() {
    let Some(rows) = rows() else { return };
    assert!(judge(&rows).both_valid > 10_000);
    // Real manifests are nearly all valid, so damage them: one change an object.
    let damaged = judge(&oracle_rows(&damaged_files(&rows)));
    assert!(damaged.both_valid > 1000 && damaged.both_invalid > 1000);
}

fn judge(rows: &[Row]) -> Tally {
    let schemas = Schemas::new(&Version::ALL);
    let mut tally = Tally::default();
    for row in rows {
        for (version, ours) in schemas.validate(&row.object) {
            let theirs = row.verdicts.get(version.to_string()).unwrap_or(&Value::Null);
            compare(&format!("{} ({version})", row.place), &ours, theirs, &mut tally);
        }
    }
    report(rows.len(), &tally);
    assert!(tally.unexplained.is_empty(), "{:#?}", tally.unexplained);
    tally
}

/// `None`, loudly, when the data or the other validator is not there.
fn rows() -> Option<Vec<Row>> {
    let data = std::env::var_os("K8S_AUTO_FIX_DATA");
    let Some(data) = data.filter(|_| std::env::var_os("K8S_AUTO_FIX_PYTHON").is_some()) else {
        println!("SKIPPED: set K8S_AUTO_FIX_DATA and K8S_AUTO_FIX_PYTHON to compare verdicts");
        return None;
    };
    let mut paths = Vec::new();
    for archive in ["corpus-dev", "wild-dev"] {
        files(&unpacked(Path::new(&data), archive), &mut paths);
    }
    paths.sort();
    Some(oracle_rows(&paths))
}

fn oracle_rows(paths: &[String]) -> Vec<Row> {
    let python = std::env::var_os("K8S_AUTO_FIX_PYTHON").unwrap();
    let output = run_oracle(Path::new(&python), &paths.join("\n"));
    output.lines().map(read_row).collect()
}

/// Files that hold every object three times, each time with one random change.
fn damaged_files(rows: &[Row]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("damaged");
    std::fs::create_dir_all(&folder).unwrap();
    let mut random = Random(1);
    let mut paths = Vec::new();
    for (number, rows) in rows.chunks(50).enumerate() {
        let mut text = String::new();
        for row in rows.iter().cycle().take(3 * rows.len()) {
            let mut object = row.object.clone();
            damage(&mut object, &mut random, 0);
            text.push_str(&format!("---\n{object}\n"));
        }
        let path = folder.join(format!("{number}.yaml"));
        std::fs::write(&path, text).unwrap();
        paths.push(path.to_str().unwrap().to_owned());
    }
    paths
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Walks to a random place below the top level and changes it.
fn damage(value: &mut Value, random: &mut Random, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let keys: Vec<String> = fields.keys().cloned().collect();
            let key = &keys[random.below(keys.len())];
            let stays = matches!(key.as_str(), "apiVersion" | "kind") && depth == 0;
            match random.below(12) {
                0 if !stays => drop(fields.remove(key)),
                1 if !stays => {
                    let moved = fields.remove(key).unwrap();
                    fields.insert(format!("{key}x"), moved);
                }
                _ if stays => {
                    damage(fields.get_mut("metadata").unwrap_or(&mut Value::Null), random, 1);
                }
                _ => damage(&mut fields[key], random, depth + 1),
            }
        }
        Value::Array(items) if !items.is_empty() && random.below(8) > 0 => {
            let index = random.below(items.len());
            damage(&mut items[index], random, depth + 1);
        }
        other => *other = replacement(random),
    }
}

fn replacement(random: &mut Random) -> Value {
    let values = serde_json::json!([
        null, true, 3, 3.0, 1.5, -1, 3_000_000_000_u64, "", "word", "10", "1Gi", [], ["a"], [null], {}, {"a": "b"}, {"name": null},
    ]);
    values[random.below(values.as_array().unwrap().len())].clone()
}

fn unpacked(data: &Path, archive: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle").join(archive);
    std::fs::create_dir_all(&target).unwrap();
    let file = data.join(format!("{archive}.tar.zst"));
    let status =
        Command::new("tar").arg("--zstd").arg("-xf").arg(&file).arg("-C").arg(&target).status();
    assert!(status.unwrap().success(), "cannot unpack {}", file.display());
    target
}

fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
}

fn run_oracle(python: &Path, paths: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut child = Command::new(python)
        .arg(root.join("tools/schema-oracle/validate.py"))
        .arg(Version::ALL.map(|version| version.to_string()).join(","))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(paths.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn read_row(line: &str) -> Row {
    let mut row: Value = serde_json::from_str(line).unwrap();
    let place = format!("{}#{}", row["file"].as_str().unwrap(), row["document"]);
    Row { place, object: row["object"].take(), verdicts: row["verdicts"].take() }
}

fn compare(place: &str, ours: &Outcome, theirs: &Value, tally: &mut Tally) {
    let no_errors = theirs.as_array().is_some_and(Vec::is_empty);
    match (ours, theirs.is_null()) {
        (Outcome::Unknown { .. }, true) => tally.both_unknown += 1,
        (Outcome::Valid, false) if no_errors => tally.both_valid += 1,
        (Outcome::Invalid(_), false) if !no_errors => tally.both_invalid += 1,
        (Outcome::Invalid(faults), false) => {
            for fault in faults {
                explain(place, &fault.message, &WE_REFUSE, tally);
            }
        }
        (Outcome::Valid, false) => {
            for error in theirs.as_array().into_iter().flatten() {
                explain(place, &format!("they: {error}"), &THEY_REFUSE, tally);
            }
        }
        (Outcome::Unknown { api_version, kind }, false) => {
            explain(place, &format!("only they know {api_version} {kind}"), &THEY_REFUSE, tally);
        }
        (_, true) => explain(place, "only we know the kind", &WE_REFUSE, tally),
    }
}

fn explain(place: &str, text: &str, classes: &[(&str, &str)], tally: &mut Tally) {
    let class = classes.iter().find(|(part, _)| text.contains(part));
    let Some((part, reason)) = class else {
        tally.unexplained.push(format!("{place}: {text}"));
        return;
    };
    let entry = tally.explained.entry(format!("{part}: {reason}")).or_default();
    entry.0 += 1;
    if entry.1.is_empty() {
        entry.1 = format!("{place}: {text}");
    }
}

fn report(objects: usize, tally: &Tally) {
    println!("{objects} objects, each judged for {} versions", Version::ALL.len());
    println!("both valid: {}", tally.both_valid);
    println!("both invalid: {}", tally.both_invalid);
    println!("kind unknown to both: {}", tally.both_unknown);
    for (reason, (count, example)) in &tally.explained {
        println!("{count} times {reason}\n    such as {example}");
    }
    println!("unexplained: {}", tally.unexplained.len());
}
