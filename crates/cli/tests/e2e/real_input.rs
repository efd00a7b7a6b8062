//! The loop over real manifests, and checks of its results that share no code with it: PyYAML and
//! ruamel.yaml read the files again, the schemas of kubernetes-validate judge the objects.

use crate::tool::{Folder, POD, data, files, python, root, run, unpack};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const GATES: [&str; 5] = ["patch", "edit", "policy", "regression", "schema"];

/// What the reference system writes without asking, given as an operator would give it.
const VALUES: &str = "\
values:
- resources:
    requests: {cpu: 100m, memory: 128Mi}
    limits: {cpu: 500m, memory: 256Mi}
  runAsUser: 1000
  ttlSecondsAfterFinished: 3600
";

fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap()
}

fn fingerprint(record: &Value) -> String {
    record["fingerprint"].as_str().unwrap().to_owned()
}

/// A folder with the corpus below `in`, and the records of a run over it below `out`.
fn run_over(data: &Path, archive: &str, values: bool) -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.at("in")).unwrap();
    unpack(data, archive, &folder.at("in"));
    let before = files(&folder.at("in"));
    let mut args = vec!["run", "in", "--out", "out", "--profile", "all"];
    if values {
        folder.write("values.yaml", VALUES);
        args.extend(["--config", "values.yaml"]);
    }
    let ran = folder.run(&args);
    assert!(matches!(ran.code, Some(0..=2)), "{:?} {}", ran.code, ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    assert!(files(&folder.at("in")) == before, "run changed a file");
    println!("{archive}, values: {values}: {}", ran.out.trim());
    folder
}

/// Every finding ends with a status, every accepted one passed all gates, and the files agree.
fn judge_records(folder: &Folder) {
    let detections = folder.records("out/detections.jsonl");
    let outcomes = folder.records("out/outcomes.jsonl");
    assert!(detections.len() > 1000, "{}", detections.len());
    let ids: Vec<&str> = detections.iter().map(id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are unique");
    assert_eq!(ids, outcomes.iter().map(id).collect::<Vec<_>>(), "a status for every finding");
    let fingerprints: BTreeSet<_> = detections.iter().map(|d| d["fingerprint"].as_str()).collect();
    assert_eq!(fingerprints.len(), detections.len(), "fingerprints are unique");

    let patches = folder.records("out/patches.jsonl");
    let verdicts = folder.records("out/verified.jsonl");
    assert_eq!(patches.len(), verdicts.len(), "a verdict for every patch");
    let accepted: BTreeSet<&str> =
        verdicts.iter().filter(|v| v["accepted"] == true).map(id).collect();
    for outcome in &outcomes {
        let accepted = accepted.contains(id(outcome));
        assert_eq!(outcome["status"] == "accepted", accepted, "{outcome}");
        let reason = outcome["reason"].as_str().unwrap_or_default();
        assert!(accepted || !reason.is_empty(), "not accepted without a reason: {outcome}");
    }
    for verdict in verdicts.iter().filter(|verdict| verdict["accepted"] == true) {
        for gate in GATES {
            let gates = verdict["gates"].as_array().unwrap();
            let found = gates.iter().find(|g| g["gate"] == gate);
            let outcome = found.map(|found| found["outcome"].as_str().unwrap());
            assert_eq!(outcome, Some("passed"), "{gate}: {verdict}");
        }
    }
    let share = accepted.len() as f64 / patches.len() as f64;
    let mut operations: Vec<usize> = patches
        .iter()
        .map(|patch| patch["patch"].as_array().unwrap())
        .map(|patch| patch.iter().filter(|operation| operation["op"] != "test").count())
        .collect();
    operations.sort_unstable();
    let median = operations[operations.len() / 2];
    println!(
        "  {:.2} % of {} patches accepted, median {median} operations",
        share * 100.0,
        patches.len()
    );
    for verdict in verdicts.iter().filter(|verdict| verdict["accepted"] == false) {
        let failed: Vec<_> = verdict["gates"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|gate| gate["outcome"] != "passed" && !gate["reason"].is_null())
            .map(|gate| format!("{}: {}", gate["gate"], gate["reason"]))
            .collect();
        println!("  rejected: {} {} {failed:?}", verdict["rule"], verdict["manifest_path"]);
    }
    assert!(share >= 0.995, "{} of {} patches accepted", accepted.len(), patches.len());
    assert!(median <= 2, "median {median} operations");

    let scheduled: BTreeSet<String> =
        folder.records("out/schedule.jsonl").iter().map(|entry| id(entry).to_owned()).collect();
    assert!(scheduled.iter().map(String::as_str).eq(accepted.iter().copied()));
    let args = ["queue", "list", "--db", "out/queue.db", "--output-format", "json"];
    let queued = folder.run(&args).ended(0).out;
    assert_eq!(queued.lines().count(), accepted.len(), "every accepted fix is queued");
}

/// Fixes a copy in place; no accepted finding may be left, a second run must change nothing, and
/// the independent judges must find no fault.
fn judge_files(folder: &Folder) {
    let corpus = files(&folder.at("in"));
    for (name, bytes) in &corpus {
        folder.write(&format!("before/{name}"), bytes);
    }
    let mut select = vec!["--profile", "all"];
    if folder.at("values.yaml").exists() {
        select.extend(["--config", "values.yaml"]);
    }
    let fix =
        [&["check", "in", "--fix", "--unsafe-fixes", "--output-format", "concise"], &select[..]]
            .concat();
    let ran = folder.run(&fix);
    assert!(matches!(ran.code, Some(0..=2)), "{:?} {}", ran.code, ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    println!("  {}", ran.err.lines().filter(|l| l.starts_with("Fixed")).collect::<String>());
    let after = files(&folder.at("in"));
    assert!(corpus.keys().eq(after.keys()), "a file came or went");
    folder.run(&fix);
    assert!(after == files(&folder.at("in")), "a second run changes nothing");

    // No finding that an accepted fix cures is left.
    let accepted: BTreeSet<String> = folder
        .records("out/verified.jsonl")
        .iter()
        .filter(|verdict| verdict["accepted"] == true)
        .map(|verdict| verdict["fingerprint"].as_str().unwrap().to_owned())
        .collect();
    folder.run(&[&["detect", "--in", "in", "--out", "left.jsonl"], &select[..]].concat());
    let known: BTreeSet<String> = folder
        .records("out/detections.jsonl")
        .iter()
        .map(|d| d["fingerprint"].as_str().unwrap().to_owned())
        .collect();
    let rules = folder.run(&["rules", "--output-format", "json"]).json();
    let tastes: BTreeSet<&str> = rules
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["taste"] == true)
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    for detection in folder.records("left.jsonl") {
        let fingerprint = detection["fingerprint"].as_str().unwrap();
        assert!(!accepted.contains(fingerprint), "accepted, but still there: {detection}");
        let may_be_new = tastes.contains(detection["rule"].as_str().unwrap());
        let is_known = may_be_new || known.contains(fingerprint);
        assert!(is_known, "fixing brought a new finding: {detection}");
    }
    let Some(python) = python("independent judges of the fixed files") else { return };
    judge_edits(folder, &python);
    judge_schemas(folder, &python);
}

/// The accepted patches, for the judge.
fn accepted_patches(folder: &Folder) {
    let verdicts = folder.records("out/verified.jsonl");
    let accepted: BTreeSet<&str> =
        verdicts.iter().filter(|v| v["accepted"] == true).map(id).collect();
    let mut lines = String::new();
    for mut patch in folder.records("out/patches.jsonl") {
        if accepted.contains(id(&patch)) {
            let below = patch["manifest_path"].as_str().unwrap().strip_prefix("in/").unwrap();
            patch["manifest_path"] = below.into();
            lines += &format!("{patch}\n");
        }
    }
    // One fix can make way for another: where two exclude each other, or where a host network or
    // the like stood against it. `check --fix` comes to the other one in a second round, of which
    // a run knows nothing, so any path of the file may be its own.
    let left: BTreeSet<String> = folder.records("left.jsonl").iter().map(fingerprint).collect();
    let rule = |record: &Value| record["rule"].as_str().unwrap().to_owned();
    let fixing: BTreeSet<String> = folder.records("out/patches.jsonl").iter().map(rule).collect();
    let mut later = BTreeSet::new();
    for detection in folder.records("out/detections.jsonl") {
        // What only advises can go with somebody else's fix, and makes no edit of its own.
        if fixing.contains(&rule(&detection))
            && !accepted.contains(id(&detection))
            && !left.contains(&fingerprint(&detection))
        {
            let below = detection["manifest_path"].as_str().unwrap().strip_prefix("in/").unwrap();
            later.insert(below.to_owned());
        }
    }
    println!("  in a later round: fixes in {} files", later.len());
    assert!(later.len() * 100 < verdicts.len(), "{later:?}");
    for path in later {
        let any = serde_json::json!({"manifest_path": path, "patch": [{"op": "add", "path": ""}]});
        lines += &format!("{any}\n");
    }
    folder.write("accepted.jsonl", lines);
}

fn judge_edits(folder: &Folder, python: &Path) {
    accepted_patches(folder);
    let mut command = Command::new(python);
    command.arg(root().join("tools/judge/judge_edits.py"));
    command.args(["before", "in", "accepted.jsonl"]).current_dir(folder.path());
    let ran = run(command, b"").ended(0);
    println!("  {}", ran.out.trim());
}

/// Errors of every object by file and place, as kubernetes-validate's schemas see them.
fn schema_errors(
    folder: &Folder,
    below: &str,
    python: &Path,
) -> BTreeMap<(String, u64, String), BTreeSet<String>> {
    let names: Vec<String> = files(&folder.at(below)).into_keys().collect();
    let mut command = Command::new(python);
    command.arg(root().join("tools/schema-oracle/validate.py")).arg("1.37");
    command.current_dir(folder.at(below));
    let ran = run(command, names.join("\n").as_bytes()).ended(0);
    let mut found = BTreeMap::new();
    for line in ran.out.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let Some(errors) = row["verdicts"]["1.37"].as_array() else { continue };
        // By place and keyword: the message quotes the value, which a fix may change.
        let errors = errors.iter().map(|e| format!("{} {}", e[0], e[1])).collect();
        let object = format!("{} {}", row["object"]["kind"], row["object"]["metadata"]["name"]);
        let place =
            (row["file"].as_str().unwrap().to_owned(), row["document"].as_u64().unwrap(), object);
        found.insert(place, errors);
    }
    found
}

fn judge_schemas(folder: &Folder, python: &Path) {
    let before = schema_errors(folder, "before", python);
    let after = schema_errors(folder, "in", python);
    // A fix can give an object a version that the schemas know.
    assert!(before.keys().all(|place| after.contains_key(place)), "an object went");
    let none = BTreeSet::new();
    let mut judged = 0;
    let mut worse = Vec::new();
    for (place, errors) in &after {
        let before = before.get(place).unwrap_or(&none);
        judged += usize::from(before.is_empty());
        let new: Vec<_> = errors.difference(before).collect();
        if !new.is_empty() {
            worse.push(format!("{place:?}: {new:?}"));
        }
    }
    println!(
        "  {} objects by another validator, {judged} of them valid before: {} worse",
        after.len(),
        worse.len()
    );
    assert!(judged > 100 && worse.is_empty(), "{worse:#?}");
}

#[test]
fn written_by_hand() {
    let Some(data) = data("the loop over files written by hand") else { return };
    let folder = run_over(&data, "wild-dev.tar.zst", false);
    judge_records(&folder);
    judge_files(&folder);
}

#[test]
fn written_by_hand_with_values() {
    let Some(data) = data("the loop over files written by hand, with values") else { return };
    let folder = run_over(&data, "wild-dev.tar.zst", true);
    judge_records(&folder);
    judge_files(&folder);
}

#[test]
fn thousands_of_files() {
    let Some(data) = data("the loop over thousands of files") else { return };
    let folder = run_over(&data, "corpus-dev.tar.zst", true);
    judge_records(&folder);
    judge_files(&folder);
}

/// A judge that accepts everything proves nothing.
#[test]
fn the_judge_of_edits_finds_faults() {
    let Some(python) = python("the judge of edits") else { return };
    let before = format!("# head\n{POD}---\na: [1, 2]   # list\nb: {{}}\n");
    let judge = |after: &str| {
        let folder = Folder::with(&[("before/a.yaml", &before), ("after/a.yaml", after)]);
        let mut command = Command::new(&python);
        command.arg(root().join("tools/judge/judge_edits.py")).args(["before", "after"]);
        command.current_dir(folder.path());
        run(command, b"")
    };
    judge(&before.replace("privileged: true", "privileged: false")).ended(0);
    judge(&before.replace("privileged: true", "privileged: true\n      runAsUser: 1")).ended(0);
    for (after, fault) in [
        (before.replace("true", "false").replace("# head\n", ""), "lost comments"),
        (before.replace("true", "false").replace("   # pinned", ""), "lost comments"),
        (before.replace("true", "false").replace("[1, 2]", "[1,2]"), "same data in another text"),
        (
            before.replace("true", "false").replace("space: shop", "space: \"shop\""),
            "where no value",
        ),
        (before.replace("true", "false").replace("---\n", ""), "documents became"),
        (before.replace("true", "false") + "---\nc: d\n", "documents became"),
        (before.replace("true", "false").replace('\n', "\r\n"), "line ends"),
        (before.replace("true", "false").trim_end().to_owned(), "end of the file"),
        (before.replace("true", "\"true"), "no longer parses"),
        (before.clone(), "0 changed"),
    ] {
        judge(&after).ended(1).says(fault);
    }
}
