//! Pod Security verdicts against upstream's own cases and against a real API server's admission.
//!
//! Both oracles live in the folder that `K8S_AUTO_FIX_DATA` names.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test")]

use manifest::{Limits, Source};
use rules::pod_security::{Edition, Level, failing_controls};
use rules::{Object, objects};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

fn data() -> Option<PathBuf> {
    let data = std::env::var_os("K8S_AUTO_FIX_DATA").map(PathBuf::from);
    if data.is_none() {
        eprintln!("SKIPPED: set K8S_AUTO_FIX_DATA to the folder with the oracles");
    }
    data
}

fn json_lines(path: &Path) -> Vec<Value> {
    let file = std::fs::File::open(path).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn with_objects<T>(yaml: &[u8], use_objects: impl FnOnce(&[Object<'_>]) -> T) -> T {
    let source = Source::parse(yaml.to_vec(), &Limits::default()).unwrap();
    let all: Vec<Object<'_>> = source
        .documents()
        .iter()
        .filter_map(|document| Some((source.root(document.index())?, document.index())))
        .flat_map(|(root, index)| objects(root, 0, index))
        .collect();
    use_objects(&all)
}

fn level(name: &str) -> Level {
    match name {
        "baseline" => Level::Baseline,
        _ => Level::Restricted,
    }
}

/// The controls that upstream says fail, of a level in a version.
fn expected(case: &Value, level: &str, minor: u32) -> Option<Vec<String>> {
    let minor_of =
        |range: &Value, key: &str| Edition::minor_from(range[key].as_str().unwrap()).unwrap();
    let range = case["failing_checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|range| minor_of(range, "from") <= minor && minor <= minor_of(range, "to"))?;
    let names = range[level].as_array().unwrap().iter();
    let mut names: Vec<String> = names.map(|name| name.as_str().unwrap().to_owned()).collect();
    names.sort();
    Some(names)
}

#[test]
fn every_upstream_case_and_version_gets_upstreams_verdict() {
    let Some(data) = data() else { return };
    let mut judged = 0;
    for case in json_lines(&data.join("oracle/cases-psa.jsonl.gz")) {
        let name = case["case"].as_str().unwrap();
        for version in case["versions"].as_array().unwrap() {
            let minor = Edition::minor_from(version.as_str().unwrap()).unwrap();
            for level_name in ["baseline", "restricted"] {
                let edition = Edition { level: level(level_name), minor };
                let yaml = case["manifest"].as_str().unwrap().as_bytes();
                let mut found = with_objects(yaml, |all| failing_controls(&all[0], edition));
                found.sort_unstable();
                if level_name == case["level"] {
                    let passes = found.is_empty();
                    assert_eq!(passes, case["expect"] == "pass", "{name} {version}: {found:?}");
                }
                // Upstream's list comes without the API server's defaulting.
                let defaulted = case["requires_defaulting"] == true;
                if let Some(expected) = expected(&case, level_name, minor).filter(|_| !defaulted) {
                    assert_eq!(found, expected, "{name} {level_name} {version}");
                }
                judged += 1;
            }
        }
    }
    println!("{judged} verdicts agree");
    assert!(judged > 4_000, "only {judged} verdicts");
}

#[test]
fn the_corpus_gets_the_verdicts_of_a_real_api_server() {
    let Some(data) = data() else { return };
    let folder = std::env::temp_dir().join(format!("k8s-auto-fix-psa-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let archive = data.join("corpus-dev.tar.zst");
    let mut tar = Command::new("tar");
    tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(&folder);
    assert!(tar.status().unwrap().success(), "tar cannot unpack the corpus");

    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in json_lines(&data.join("oracle/pod-security-admission-corpus.jsonl.gz")) {
        let path = row["manifest_path"].as_str().unwrap();
        for level_name in ["baseline", "restricted"] {
            // Invalid objects never reach admission: they have no verdict.
            let verdict = row[level_name].as_str().filter(|verdict| *verdict != "invalid");
            let Some(verdict) = verdict else {
                *counts.entry(format!("{level_name} refused before admission")).or_default() += 1;
                continue;
            };
            let failing = judge(&folder.join(path), &row, level_name);
            let ours = match &failing {
                Some(controls) if controls.is_empty() => "allowed",
                Some(_) => "denied",
                None => "no pod found",
            };
            *counts.entry(format!("{level_name} {verdict}")).or_default() += 1;
            if ours != verdict {
                wrong.push(format!("{path}: {level_name} {ours} {failing:?}, server {verdict}"));
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!("{counts:#?}");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts["restricted denied"] > 1_000 && counts["baseline denied"] > 100);
}

fn judge(path: &Path, row: &Value, level_name: &str) -> Option<Vec<&'static str>> {
    let document = usize::try_from(row["doc"].as_u64().unwrap()).unwrap();
    let edition = Edition { level: level(level_name), ..Edition::default() };
    with_objects(&std::fs::read(path).unwrap(), |all| {
        let wanted = |object: &&Object<'_>| {
            object.document == document && row["kind"] == object.kind && object.pod.is_some()
        };
        all.iter().find(wanted).map(|object| failing_controls(object, edition))
    })
}
