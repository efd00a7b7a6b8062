//! `artifacts`: what a run wrote, and where it came from.

use crate::gitops::{git, in_repo, two_apps, write};
use crate::tool::{Folder, POD, Ran};

fn after_run() -> Folder {
    let folder = Folder::with(&[("in/bad.yaml", POD)]);
    folder.run(&["run", "in", "--out", "out"]).ended(1);
    folder
}

#[test]
fn index_lists_what_a_run_wrote() {
    let folder = after_run();
    let list =
        folder.run(&["artifacts", "index", "out", "--output-format", "json"]).ended(0).json();
    let list = list.as_array().unwrap();
    let of = |path: &str| list.iter().find(|one| one["path"] == path).unwrap();
    assert_eq!(of("in/bad.yaml")["role"], "input");
    let patches = of("out/patches.jsonl");
    assert_eq!(
        (&patches["stage"], &patches["producer"]),
        (&"propose".into(), &"k8s-auto-fix run".into())
    );
    assert_eq!(patches["bytes"], folder.read("out/patches.jsonl").len());
    let sums = folder.shell("sha256sum out/*.json* out/*.md in/*").ended(0).out;
    for line in sums.lines() {
        let (sum, path) = line.split_once("  ").unwrap();
        assert_eq!(of(path)["sha256"], sum, "{path}");
    }
    folder.run(&["artifacts", "index", "out"]).ended(0).says("out/review.md");
    folder.run(&["artifacts", "index", "in"]).ended(2).says("manifest.json");
}

#[test]
fn trace_names_where_a_file_came_from() {
    let folder = after_run();
    let trace =
        |files: &[&str]| -> Ran { folder.run(&[&["artifacts", "trace", "out"], files].concat()) };
    let told = trace(&["out/verified.jsonl", "./in/bad.yaml"]).ended(0);
    told.says("stage verify, from patches.jsonl, the inputs").says("findings accepted");
    folder.write("in/bad.yaml", "changed: true\n");
    trace(&["in/bad.yaml"]).ended(0).says("changed since the run");
    folder.write("other.yaml", POD);
    trace(&["other.yaml"]).ended(2).says("other.yaml: neither an input nor an output");

    let folder = two_apps();
    let plan = write(&folder, &[]);
    let commit = plan["batches"][0]["commit"].as_str().unwrap();
    let told = in_repo(&folder, &["artifacts", "trace", "../out", "apps/web.yaml"]).ended(0);
    told.says(commit).says("unchanged since the run");
    assert!(git(&folder, &["show", "--stat", commit]).contains("apps/web.yaml"));
}
