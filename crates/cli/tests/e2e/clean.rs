//! `clean`: what runs wrote, and nothing else.

use crate::tool::{Folder, POD};

#[test]
fn only_generated_outputs_are_removed() {
    let folder = Folder::with(&[("in/bad.yaml", POD), ("records/state.json", "{}")]);
    folder.write("records/detections.jsonl", "");
    for out in ["out", "deep/er/out"] {
        std::fs::create_dir_all(folder.at(out)).unwrap();
        folder.run(&["run", "in", "--out", out]).ended(1);
    }
    folder.write("out/notes.md", "mine");
    std::fs::remove_file(folder.at("deep/er/out/queue.db")).unwrap();
    std::os::unix::fs::symlink(folder.at("in/bad.yaml"), folder.at("link")).unwrap();
    std::fs::remove_file(folder.at("out/review.md")).unwrap();
    std::os::unix::fs::symlink(folder.at("in/bad.yaml"), folder.at("out/review.md")).unwrap();
    let before = folder.files();
    let told = folder.run(&["clean"]).ended(0).says("would be removed; --delete does it");
    told.says("kept: ./out/queue.db").hides("notes.md").hides("records").says("out/patches.jsonl");
    assert!(folder.files() == before, "listing changed something");
    folder.run(&["clean", "--delete"]).ended(0).says("removed");
    let left: Vec<String> = folder.files().into_keys().collect();
    let kept = [
        "in/bad.yaml",
        "out/notes.md",
        "out/queue.db",
        "records/detections.jsonl",
        "records/state.json",
    ];
    let left: Vec<&str> =
        left.iter().map(String::as_str).filter(|name| !name.starts_with("out/queue.db-")).collect();
    assert_eq!(left, kept);
    assert!(folder.at("link").is_symlink() && folder.at("out/review.md").is_symlink());
    assert!(!folder.at("deep/er/out").exists());
    folder.run(&["clean", "--delete"]).ended(0).says("0 files");
    folder.run(&["clean", "nowhere"]).ended(2).says("nowhere: no such folder");
}

#[test]
fn interrupted_runs_are_kept_unless_asked_for() {
    let folder = Folder::with(&[("in/bad.yaml", POD)]);
    folder.run(&["run", "in", "--out", "out"]).ended(1);
    let state = folder.read("out/state.json").replace("\"complete\": true", "\"complete\": false");
    folder.write("out/state.json", state);
    folder.run(&["clean", "--delete"]).ended(0).says("an interrupted run").says("0 files");
    assert!(folder.at("out/patches.jsonl").exists());
    folder.run(&["clean", "out", "--delete", "--interrupted"]).ended(0);
    assert!(!folder.at("out/patches.jsonl").exists());
}
