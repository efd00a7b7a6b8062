//! Same input, same configuration, same bytes out.

use crate::tool::{CLEAN, Folder, POD, data, pod, unpack};
use std::collections::BTreeMap;

/// The outputs of a run but for the queue, which alone knows the time.
fn outputs(folder: &Folder, jobs: Option<&str>, profile: &str) -> BTreeMap<String, Vec<u8>> {
    let mut args = vec!["run", "in", "--out", "out", "--profile", profile, "--quiet"];
    args.extend(jobs.iter().flat_map(|jobs| ["--jobs", jobs]));
    let ran = folder.run(&args);
    assert!(matches!(ran.code, Some(0..=2)), "{:?} {}", ran.code, ran.err);
    let mut files = crate::tool::files(&folder.at("out"));
    let names: Vec<String> = files.keys().cloned().collect();
    for expected in [
        "detections.jsonl",
        "manifest.json",
        "outcomes.jsonl",
        "patches.jsonl",
        "queue.db",
        "review.json",
        "review.md",
        "risk.jsonl",
        "schedule.jsonl",
        "verified.jsonl",
    ] {
        assert!(names.iter().any(|name| name == expected), "no {expected}: {names:?}");
    }
    files.remove("queue.db");
    files.insert("stderr".to_owned(), ran.err.into_bytes());
    std::fs::remove_dir_all(folder.at("out")).unwrap();
    files
}

fn same_for_any_number_of_threads(folder: &Folder, profile: &str) {
    let first = outputs(folder, None, profile);
    for jobs in [Some("1"), Some("4"), None] {
        let next = outputs(folder, jobs, profile);
        for (name, bytes) in &first {
            assert!(next[name] == *bytes, "{name} differs with --jobs {jobs:?}");
        }
        assert_eq!(first.len(), next.len());
    }
}

#[test]
fn a_small_set() {
    let folder = Folder::new();
    for n in 0..40 {
        let text = format!("{}---\n{CLEAN}---\n{POD}", pod(&format!("p{n}")));
        folder.write(&format!("in/{}/{n}.yaml", n % 7), text);
    }
    folder.write("in/broken.yaml", "a: [");
    folder.write("in/twice.yaml", "kind: A\nkind: B\n");
    same_for_any_number_of_threads(&folder, "all");
    // Nor does it matter where the folder stands.
    let elsewhere = Folder::new();
    for (name, bytes) in folder.files() {
        elsewhere.write(&name, bytes);
    }
    assert!(outputs(&folder, None, "all") == outputs(&elsewhere, None, "all"));
}

#[test]
fn check_twice() {
    let folder = Folder::with(&[("a.yaml", POD), ("b.yaml", &pod("b")), ("c.yaml", "a: [")]);
    for format in ["full", "concise", "json", "sarif", "github", "junit", "gitlab"] {
        let args = ["check", ".", "--output-format", format];
        let first = folder.run(&args);
        let second = folder.run(&[&args[..], &["--jobs", "1"]].concat());
        assert_eq!((first.out, first.err), (second.out, second.err), "{format}");
    }
}

#[test]
fn the_corpora() {
    let Some(data) = data("same bytes over the corpora") else { return };
    let folder = Folder::new();
    std::fs::create_dir(folder.at("in")).unwrap();
    unpack(&data, "corpus-dev.tar.zst", &folder.at("in"));
    unpack(&data, "wild-dev.tar.zst", &folder.at("in"));
    same_for_any_number_of_threads(&folder, "all");
}
