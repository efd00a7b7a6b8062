//! The reference system's files as input: its detections, patches and configuration.

use crate::tool::{Folder, POD, data};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// What the reference's detector writes: raw scanner ids, paths relative to its folder, text or
/// null.
fn detections(embedded: bool) -> Value {
    let text = if embedded { json!(POD) } else { Value::Null };
    let of = |id: &str, policy: &str, violation: &str| {
        json!({
            "id": id, "manifest_path": "manifests/pod.yaml", "manifest_yaml": text,
            "policy_id": policy, "violation_text": violation,
        })
    };
    json!([
        of("001", "latest-tag", "The container \"web\" is using an invalid container image"),
        of("002", "privileged-container", "container \"web\" is privileged"),
        of("003", "drop-net-raw-capability", "container \"web\" has ADD capability: \"NET_RAW\""),
        of("004", "unset-cpu-requirements", "container \"web\" has cpu request 0"),
        of("005", "no-such-policy", "whatever"),
        of(
            "006",
            "privilege-escalation-container",
            "container \"web\" has AllowPrivilegeEscalation"
        ),
    ])
}

/// The pod of the detections with the findings that they name.
fn manifest() -> String {
    POD.replace("nginx:1.29.3", "nginx:latest")
}

fn chain(folder: &Folder) -> (Vec<Value>, Vec<Value>) {
    let propose =
        folder.run(&["propose", "--detections", "d/detections.json", "--out", "patches.json"]);
    propose.ended(1).says("no-such-policy");
    let records = ["--detections", "d/detections.json", "--patches", "patches.json"];
    let args = ["verify", "--include-errors", "--patched-yaml", "--out", "verified.json"];
    folder.run(&[&args[..], &records[..]].concat()).ended(0).says("patches accepted");
    let detections = ["--detections", "d/detections.json"];
    folder.run(&[&["risk", "--out", "risk.json"][..], &detections[..]].concat()).ended(0);
    let verified = ["--verified", "verified.json", "--risk", "risk.json"];
    let args = [&["schedule", "--out", "schedule.json"], &verified[..], &detections[..]].concat();
    folder.run(&args).ended(0);
    folder.run(&["queue", "init", "--db", "q.db"]).ended(0);
    let args = [&["queue", "enqueue", "--db", "q.db"], &verified[..], &records[..]].concat();
    folder.run(&args).ended(0).says("\"new\":");
    folder.run(&args).ended(0).says("\"new\":0");
    (folder.records("patches.json"), folder.records("verified.json"))
}

#[test]
fn the_stages_take_the_references_detections() {
    for embedded in [false, true] {
        let folder = Folder::new();
        let text = detections(embedded).to_string();
        folder.write("d/detections.json", text.replace("nginx:1.29.3", "nginx:latest"));
        if !embedded {
            folder.write("d/manifests/pod.yaml", manifest());
        }
        let (patches, verdicts) = chain(&folder);
        let ids: Vec<&str> = patches.iter().map(|patch| patch["id"].as_str().unwrap()).collect();
        assert!(ids.contains(&"002") && ids.contains(&"006"), "{embedded}: {ids:?}");
        assert!(!ids.contains(&"005"), "there is no rule for it");
        assert!(!ids.contains(&"001") && !ids.contains(&"004"), "no value is guessed");
        assert_eq!(patches[0]["policy_id"], "no_privileged");
        assert_eq!(verdicts.len(), patches.len());
        for verdict in &verdicts {
            assert_eq!(verdict["accepted"], true, "{verdict:#}");
            let named = verdict["patched_yaml"].as_str().unwrap().contains("# pinned");
            assert!(named, "the patched text keeps its comments: {verdict:#}");
        }
        let schedule = folder.records("schedule.json");
        assert_eq!(schedule.len(), verdicts.len());
        for field in ["id", "score", "R", "p", "Et", "wait", "kev"] {
            assert!(schedule.iter().all(|entry| !entry[field].is_null()), "{field}: {schedule:?}");
        }
        let scores: Vec<f64> = schedule.iter().map(|e| e["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        let next = folder.run(&["queue", "next", "--db", "q.db"]).ended(0).json();
        for field in ["id", "policy_id", "risk", "p", "Et", "kev"] {
            assert!(!next[field].is_null(), "{field}: {next}");
        }
        let args = ["queue", "list", "--db", "q.db", "--output-format", "json"];
        let list = folder.run(&args).ended(0).out;
        assert_eq!(list.lines().count(), verdicts.len(), "{embedded}");
    }
}

#[test]
fn an_empty_queue_says_so() {
    let folder = Folder::new();
    folder.run(&["queue", "next", "--db", "none.db"]).ended(2).says("none.db");
    folder.run(&["queue", "init", "--db", "q.db"]).ended(0);
    folder.run(&["queue", "next", "--db", "q.db"]).ended(0).says("Queue empty");
}

#[test]
fn patches_of_others_are_judged() {
    let folder = Folder::with(&[("d/manifests/pod.yaml", &manifest())]);
    folder.write("d/detections.json", detections(false).to_string());
    let container = "/spec/containers/0";
    let patch = |id: &str, policy: &str, operations: Value| {
        json!({
            "id": id, "policy_id": policy, "source": "grok", "hardened": true,
            "patch": operations, "latency_ms": 12, "total_latency_ms": 15,
            "model_usage": {"total_tokens": 9}, "attempt_errors": ["x"],
        })
    };
    let minimal = json!([
        {"op": "replace", "path": format!("{container}/securityContext/privileged"), "value": false},
    ]);
    // What the reference's rules append to every patch: a rewrite of the whole pod.
    let rewrite = json!([
        {"op": "add", "path": format!("{container}/securityContext"), "value": {
            "privileged": false, "allowPrivilegeEscalation": false, "runAsNonRoot": true,
            "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}}},
        {"op": "add", "path": format!("{container}/resources"), "value": {
            "requests": {"cpu": "100m", "memory": "128Mi"}}},
        {"op": "replace", "path": format!("{container}/image"), "value": "nginx:stable"},
    ]);
    folder.write(
        "patches.json",
        json!([
            patch("002", "no_privileged", minimal.clone()),
            patch("002", "no_privileged", rewrite),
            patch("002", "no_privileged", json!([{"op": "remove", "path": container}])),
            patch("002", "no_privileged", json!([{"op": "remove", "path": "/spec/nothing"}])),
            patch("002", "no_privileged", json!([])),
            patch("999", "no_privileged", minimal),
        ])
        .to_string(),
    );
    let records = ["--detections", "d/detections.json", "--patches", "patches.json"];
    let args = ["verify", "--include-errors", "--out", "verified.json"];
    folder.run(&[&args[..], &records[..]].concat()).ended(1).says("1 of 6 patches accepted");
    let verdicts = folder.records("verified.json");
    let accepted: Vec<bool> = verdicts.iter().map(|v| v["accepted"].as_bool().unwrap()).collect();
    assert_eq!(accepted, [true, false, false, false, false, false], "{verdicts:#?}");
    for verdict in &verdicts[1..] {
        let errors = verdict["errors"].as_array().unwrap();
        assert!(!errors.is_empty(), "{verdict:#}");
    }
    for verdict in &verdicts[1..4] {
        let first = verdict["errors"][0].as_str().unwrap();
        assert!(first.starts_with("patch: "), "{first}");
    }
    for field in ["id", "policy_id", "accepted", "ok_policy", "ok_schema", "ok_safety", "ok_rescan"]
    {
        assert!(!verdicts[0][field].is_null(), "{field}");
    }
    let limited = [&["verify", "--id", "002", "--limit", "1"], &records[..]].concat();
    assert_eq!(folder.run(&limited).ended(0).json().as_array().unwrap().len(), 1);
}

#[test]
fn the_references_configuration_loads_and_its_model_is_not_forgotten() {
    let folder = Folder::with(&[("d/manifests/pod.yaml", &manifest())]);
    folder.write("d/detections.json", detections(false).to_string());
    folder.write("run.yaml", RUN_YAML);
    let propose = ["propose", "--detections", "d/detections.json", "--config", "run.yaml"];
    // The key is not there in the tests, and nobody else proposes in the model's place unasked.
    folder
        .shell(&format!("unset XAI_API_KEY; $TOOL {}", propose.join(" ")))
        .ended(2)
        .says("environment variable `XAI_API_KEY` is not set");
    let ran = folder.run(&[&propose[..], &["--proposer", "rules"]].concat()).ended(1);
    assert!(!ran.json().as_array().unwrap().is_empty());
    folder.run(&["check", "d", "--config", "run.yaml"]).ended(1);
    folder.write("run.yaml", RUN_YAML.replace("mode: grok ", "mode: rules"));
    folder.run(&propose).ended(1).hides("warning: ");
    folder.write("run.yaml", RUN_YAML.replace("mode: grok ", "mode: other"));
    folder.run(&propose).ended(2).says("other");
}

/// The configuration that the reference ships.
const RUN_YAML: &str = "\
seed: 1337
max_attempts: 3
proposer:
  mode: grok          # rules | grok | vendor | vllm
  retries: 2
  timeout_seconds: 60
  cache_dir: tmp/proposer-cache
grok:
  endpoint: \"https://api.x.ai/v1/chat/completions\"
  model: \"grok-4.3\"
  api_key_env: \"XAI_API_KEY\"
retry_budgets:
  default: 3
  no_latest_tag: 2
vendor:
  endpoint: \"https://api.openai.com/v1/chat/completions\"
  model: \"gpt-4o-mini\"
  api_key_env: \"OPENAI_API_KEY\"
vllm:
  endpoint: \"https://<RUNPOD_ENDPOINT>/v1/chat/completions\"
  model: \"meta-llama/Meta-Llama-3-8B-Instruct\"
  api_key_env: \"RUNPOD_API_KEY\"
rules:
  enabled: true
";

/// Recorded answers of a model, judged by our gates: each ends with a verdict and a reason.
#[test]
fn recorded_answers_of_a_model_are_judged() {
    let Some(data) = data("recorded answers of a model") else { return };
    let file = data.join("oracle/recorded-llm-patches.jsonl.gz");
    let unpacked = Command::new("gzip").arg("-dc").arg(&file).output().unwrap();
    assert!(unpacked.status.success(), "cannot unpack {}", file.display());
    let text = String::from_utf8(unpacked.stdout).unwrap();
    // Every twentieth, so that all parts of the file have their say.
    let rows: Vec<Value> =
        text.lines().step_by(20).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.len() > 150, "{}", rows.len());
    let pick = |row: &Value, fields: &[&str]| -> Value {
        fields.iter().map(|field| ((*field).to_owned(), row[*field].clone())).collect()
    };
    let detections: Vec<Value> = rows
        .iter()
        .map(|r| pick(r, &["id", "manifest_path", "manifest_yaml", "policy_id", "violation_text"]))
        .collect();
    let patches: Vec<Value> = rows
        .iter()
        .map(|row| {
            let mut patch = pick(row, &["id", "policy_id", "patch"]);
            patch["source"] = json!("grok");
            patch
        })
        .collect();
    let folder = Folder::new();
    folder.write("detections.json", Value::from(detections).to_string());
    folder.write("patches.json", Value::from(patches).to_string());
    let args = [
        "verify",
        "--detections",
        "detections.json",
        "--patches",
        "patches.json",
        "--include-errors",
        "--out",
        "verified.json",
    ];
    let ran = folder.run(&args).ended(1);
    let verdicts = folder.records("verified.json");
    assert_eq!(verdicts.len(), rows.len());
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for verdict in &verdicts {
        if verdict["accepted"] == true {
            continue;
        }
        let first = verdict["errors"][0].as_str().unwrap_or_else(|| panic!("{verdict:#}"));
        let words: Vec<&str> = first.split_whitespace().take(4).collect();
        *reasons.entry(words.join(" ")).or_default() += 1;
    }
    println!("{}{reasons:#?}", ran.err);
    // The stages after it take what it wrote, and ours fixes most of the same findings.
    let propose = ["propose", "--detections", "detections.json", "--out", "ours.json"];
    println!("{}", folder.run(&propose).err);
    let args = [
        "verify",
        "--detections",
        "detections.json",
        "--patches",
        "ours.json",
        "--include-errors",
        "--out",
        "ours-verified.json",
    ];
    let ran = folder.run(&args);
    println!("ours: {}", ran.err);
    for verdict in folder.records("ours-verified.json") {
        if verdict["accepted"] != true {
            println!("{} {}", verdict["id"], verdict["errors"]);
        }
    }
}
