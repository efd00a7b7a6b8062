//! Our reading of YAML beside that of Kubernetes itself, file by file.
//!
//! Needs `go` and the corpora in `K8S_AUTO_FIX_DATA`. The program is `tools/yaml-oracle`; known
//! differences are explained in `docs/yaml.md`.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "common/corpora.rs"]
mod corpora;

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use manifest::{Limits, Node, Source};
use serde_json::Value;

/// What Go saw: documents in order, and how reading ended.
type Seen = HashMap<String, Vec<Result<Value, String>>>;

fn build(scratch: &Path) -> PathBuf {
    let program = scratch.join("yaml-oracle");
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/yaml-oracle");
    let done =
        Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(tool).status();
    assert!(done.unwrap().success(), "cannot build tools/yaml-oracle");
    program
}

fn ask(program: &Path, paths: &[PathBuf]) -> Seen {
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let names: String = paths.iter().map(|path| format!("{}\n", path.display())).collect();
    let writer = std::thread::spawn(move || input.write_all(names.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let mut seen = Seen::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let result = match line["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(line["json"].take()),
        };
        seen.entry(line["file"].as_str().unwrap().to_owned()).or_default().push(result);
    }
    seen
}

/// JSON does not say whether a number was written as a float.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[derive(Default)]
struct Tally {
    documents: usize,
    equal: usize,
    both_reject: usize,
    differences: Vec<String>,
}

fn compare(path: &Path, go: &[Result<Value, String>], tally: &mut Tally) {
    let name = path.display();
    let source = match Source::parse(std::fs::read(path).unwrap(), &Limits::default()) {
        Ok(source) => source,
        Err(error) => {
            tally.documents += 1;
            let rejected = go.iter().any(Result::is_err);
            tally.both_reject += usize::from(rejected);
            if !rejected {
                tally.differences.push(format!("{name}: only we reject the file: {error}"));
            }
            return;
        }
    };
    let count = source.documents().len();
    let bad_separator = |theirs: Option<&Result<Value, String>>| {
        theirs.is_some_and(|seen| seen.as_ref().is_err_and(|error| error.contains("separator")))
    };
    for at in 0..count.max(go.len()) {
        tally.documents += 1;
        let ours = source.root(at).map(Node::to_json);
        let our_error = source.documents().get(at).and_then(|document| document.error());
        match (ours, go.get(at)) {
            (Some(ours), Some(Ok(theirs))) if same(&ours, theirs) => tally.equal += 1,
            (None, Some(Err(_))) if our_error.is_some() => tally.both_reject += 1,
            // Go gives up on the whole file at a bad separator; we go on behind it.
            (_, theirs)
                if bad_separator(theirs) || theirs.is_none() && bad_separator(go.last()) =>
            {
                tally.both_reject += 1;
            }
            (ours, theirs) => tally.differences.push(format!(
                "{name} document {at}: ours {} {our_error:?}, Go {:.200}",
                ours.map_or("nothing".to_owned(), |value| format!("{value:.200}")),
                format!("{theirs:?}")
            )),
        }
    }
}

#[test]
fn we_read_what_kubernetes_reads() {
    let Some(data) = std::env::var_os("K8S_AUTO_FIX_DATA") else {
        eprintln!("SKIPPED we_read_what_kubernetes_reads: set K8S_AUTO_FIX_DATA to the corpora");
        return;
    };
    if Command::new("go").arg("version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED we_read_what_kubernetes_reads: there is no go to build the oracle with");
        return;
    }
    let scratch = corpora::Scratch::new("oracle");
    let program = build(&scratch.0);
    let mut differences = Vec::new();
    for name in ["wild-dev", "values-dev", "corpus-dev"] {
        let unpacked = corpora::unpack(Path::new(&data), name);
        let mut paths = Vec::new();
        corpora::files(&unpacked.0, &mut paths);
        let step = if corpora::full() || name != "corpus-dev" { 1 } else { 20 };
        let paths: Vec<PathBuf> = paths.into_iter().step_by(step).collect();
        let seen = ask(&program, &paths);
        let mut tally = Tally::default();
        for path in &paths {
            let go = seen.get(&path.display().to_string()).map_or(&[][..], Vec::as_slice);
            compare(path, go, &mut tally);
        }
        let Tally { documents, equal, both_reject, .. } = tally;
        let other = tally.differences.len();
        println!(
            "{name}: {documents} documents, {equal} equal, {both_reject} rejected by both, {other} differ"
        );
        differences.extend(tally.differences);
    }
    hand_made(&program, &scratch.0, &mut differences);
    differences.iter().for_each(|difference| println!("{difference}"));
    assert!(differences.is_empty(), "{} differences", differences.len());
}

/// Traps that the corpora do not have.
fn hand_made(program: &Path, scratch: &Path, differences: &mut Vec<String>) {
    let texts = [
        "a: [y, Y, yes, On, n, NO, off, ~, Null, true, oN]\n",
        "a: [0755, 0o17, 0x1F, 0b11, -0b11, 1_000, 08, 0_7, +5, -5, 1e3, 1.5, .5, -.5, 1., 1e400]\n",
        "a: [9223372036854775807, 9223372036854775808, 18446744073709551616, -9223372036854775809]\n",
        "a: [2001-01-01, 1:30, 1.2.3, '1', \"y\", !!str 1, !!int \"7\", !!float 1, ! 2, !x y]\n",
        "a: 1\na: 2\n",
        "1: a\n1.5: b\ny: c\n0x10: d\n1e21: e\n",
        "~: 1\n",
        "a: .inf\n",
        "a: !!int x\n",
        "b: &b {x: 1, z: 1}\nc: {x: 0, <<: *b, z: 3}\nd: {<<: [*b, {x: 5, w: 1}]}\ne: {\"<<\": 1}\n",
        "a:\n  <<: 1\n",
        "a: &x [*x]\n",
        "a: *b\n",
        "x: |\n  a\n  b",
        "x: |+\n  a\n\n",
        "x: >-\n  a\n  b\n\n  c\n",
        "a: 1\r\nb: |\r\n  x\r\n  y\r\n",
        "\u{feff}a: 1\n---\n\u{feff}b: 2\n",
        "a: 1\n...\nb: 2\n",
        "{\n\t\"a\": [1, \"\\/\"]\n}\n",
        "{\n\ta: 1,\n\tb: [2,\n\t3]\n}\n",
        "a:\n\tb: 1\n",
        "a: \"x\n  y\n\n  z\"\n",
        "a: !!binary aGk=\n",
        "- a\n- b\n",
        "just text\n",
        "--- # c\na: 1\n--- x\nb: 1\n",
        "? a\n: b\n",
        "a: 'it''s'\nb: \"\\u00e9\\x41\\n\"\n",
        "a: - b\n",
        "a: b: c\n",
        "%YAML 1.1\n---\na: 1\n",
        "a: [b\n",
        "a: @x\n",
        "a: `x\n",
        "a: %x\n",
        "a: x#y\nb: x #y\n",
        "a: [a b, c: d]\n",
        "!!map {a: 1}\n",
        "a: |2\n    x\n",
    ];
    let mut paths = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let path = scratch.join(format!("{at}.yaml"));
        std::fs::write(&path, text).unwrap();
        paths.push(path);
    }
    let seen = ask(program, &paths);
    let mut tally = Tally::default();
    for (path, text) in paths.iter().zip(texts) {
        let before = tally.differences.len();
        let go = seen.get(&path.display().to_string()).map_or(&[][..], Vec::as_slice);
        compare(path, go, &mut tally);
        for difference in &mut tally.differences[before..] {
            difference.insert_str(0, &format!("{text:?}: "));
        }
    }
    println!("hand-made: {} equal, {} rejected by both", tally.equal, tally.both_reject);
    differences.extend(tally.differences);
}
