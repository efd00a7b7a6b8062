//! `plan`: what a run would do.

use crate::tool::{CLEAN, Folder, POD};

#[test]
fn plan_says_what_run_would_do_and_writes_nothing() {
    let folder = Folder::with(&[("in/bad.yaml", POD), ("in/clean.yaml", CLEAN)]);
    let before = folder.files();
    let told = folder.run(&["plan", "in", "--out", "out"]).ended(0);
    told.says("in/bad.yaml").says("2 files, 2 objects").says("which holds nothing");
    assert!(folder.files() == before, "a plan wrote something");
    let plan = folder.run(&["plan", "in", "--out", "out", "--output-format", "json"]).json();
    folder.run(&["run", "in", "--out", "out"]).ended(1);
    let manifest: serde_json::Value =
        serde_json::from_str(&folder.read("out/manifest.json")).unwrap();
    for input in plan["inputs"].as_array().unwrap() {
        assert_eq!(manifest["inputs"][input["path"].as_str().unwrap()], input["sha256"]);
    }
    let state: serde_json::Value = serde_json::from_str(&folder.read("out/state.json")).unwrap();
    assert_eq!(plan["identity"], state["identity"]);
    for stage in plan["stages"].as_array().unwrap() {
        for file in stage["writes"].as_str().unwrap().split(", ") {
            assert!(folder.at("out").join(file).is_file(), "{file}");
        }
    }
    folder.run(&["plan", "in", "--out", "out"]).ended(0).says("which holds complete");
    folder.write("in/clean.yaml", format!("{CLEAN}  more: data\n"));
    folder.run(&["plan", "in", "--out", "out"]).ended(0).says("which holds another");
}

#[test]
fn what_a_run_would_stumble_over_is_told() {
    let folder = Folder::with(&[("bad.yaml", POD), ("broken.yaml", "a: [\n")]);
    folder.run(&["plan", ".", "--out", "out"]).ended(2).says("broken.yaml");
    folder.run(&["plan", ".", "--out", "out", "--proposer", "nobody"]).ended(2).says("nobody");
    folder.run(&["plan", "."]).ended(2).says("--out");
}
