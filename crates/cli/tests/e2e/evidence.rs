//! Evidence of images, from a real registry on loopback and from files; and that nothing leaves the
//! machine without the flag.

use crate::tool::{BINARY, Folder, Ran, run};
use evidence::testing::{LocalRegistry, PROGRAM};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A registry, or a loud word that the test does not run.
fn local(test: &str) -> Option<LocalRegistry> {
    let started = LocalRegistry::start().unwrap();
    if started.is_none() {
        eprintln!("SKIPPED: {test}: set {PROGRAM} to the program of a registry");
    }
    started
}

fn pod(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop}}\nspec:\n  containers:\n\
         \x20 - name: web\n    image: {image} # ours\n"
    )
}

/// Runs with a cache and a Docker configuration of the test's own.
fn tool(folder: &Folder, args: &[&str]) -> Ran {
    let mut command = Command::new(BINARY);
    command.args(args).current_dir(folder.path());
    command.env("XDG_CACHE_HOME", folder.at("cache")).env("DOCKER_CONFIG", folder.at("docker"));
    run(command, b"")
}

const RULES: &str = "latest-tag,run-as-non-root";

fn asking(host: &str) -> [String; 6] {
    ["--select", RULES, "--evidence", "registry", "--registry-plain-http", host].map(str::to_owned)
}

fn applicabilities(records: &[Value]) -> Vec<(&str, &str)> {
    records
        .iter()
        .map(|r| (r["rule"].as_str().unwrap(), r["applicability"].as_str().unwrap()))
        .collect()
}

#[test]
fn what_a_registry_tells_makes_fixes_safe() {
    let Some(registry) = local("what_a_registry_tells_makes_fixes_safe") else { return };
    let host = registry.host();
    let digest = registry.image("web", &["latest", "2.1.0"], &json!({ "User": "1000" })).unwrap();
    let folder = Folder::with(&[("pod.yaml", &pod(&format!("{host}/web")))]);
    let asking = asking(host);
    let args: Vec<&str> = asking.iter().map(String::as_str).collect();
    tool(&folder, &[&["check", "--fix", "pod.yaml"], &args[..]].concat()).ended(0);
    let text = folder.read("pod.yaml");
    assert!(text.contains(&format!("image: {host}/web:2.1.0@{digest} # ours")), "{text}");
    assert!(text.contains("runAsNonRoot: true"), "{text}");
}

#[test]
fn a_run_leaves_its_evidence_and_a_later_one_needs_no_network() {
    let Some(mut registry) = local("a_run_leaves_its_evidence") else { return };
    let host = registry.host().to_owned();
    registry.image("web", &["latest"], &json!({ "User": "1000" })).unwrap();
    let folder = Folder::with(&[("m/pod.yaml", &pod(&format!("{host}/web")))]);
    let asking = asking(&host);
    let args: Vec<&str> = asking.iter().map(String::as_str).collect();
    tool(&folder, &[&["run", "m", "--out", "out"], &args[..]].concat()).ended(0);
    registry.stop();
    let expected = [("latest-tag", "safe"), ("run-as-non-root", "safe")];
    assert_eq!(applicabilities(&folder.records("out/detections.jsonl")), expected);
    let manifest: Value = serde_json::from_str(&folder.read("out/manifest.json")).unwrap();
    let records = folder.records("out/evidence.jsonl").len();
    assert_eq!(manifest["evidence"]["records"], json!(records));
    let sum = evidence::testing::sha256(folder.read("out/evidence.jsonl").as_bytes());
    assert_eq!(sum, format!("sha256:{}", manifest["evidence"]["sha256"].as_str().unwrap()));

    let offline = ["--select", RULES, "--evidence-file", "out/evidence.jsonl"];
    tool(&folder, &[&["run", "m", "--out", "again"], &offline[..]].concat()).ended(0);
    for name in ["detections", "patches", "verified", "outcomes", "evidence"] {
        let name = format!("{name}.jsonl");
        assert_eq!(folder.read(&format!("out/{name}")), folder.read(&format!("again/{name}")));
    }
    let patches = folder.records("again/patches.jsonl");
    let provenance = &patches[0]["provenance"][0];
    assert_eq!(provenance["source"], "evidence");
    let detail = provenance["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("registry:{host} {host}/web:latest@sha256:")), "{detail}");

    // The stages one by one decide by the same file.
    let detect = ["detect", "--in", "m", "--out", "d.jsonl"];
    tool(&folder, &[&detect, &offline[..]].concat()).ended(1);
    assert_eq!(applicabilities(&folder.records("d.jsonl")), expected);
    let propose = ["propose", "--detections", "d.jsonl", "--out", "p.jsonl"];
    tool(&folder, &[&propose, &offline[..]].concat()).ended(0);
    let verify = ["verify", "--patches", "p.jsonl", "--detections", "d.jsonl", "--out", "v.jsonl"];
    tool(&folder, &[&verify, &offline[..]].concat()).ended(0).says("2 of 2 patches accepted");

    // A former run's evidence does not stay with a run that has none.
    tool(&folder, &["run", "m", "--out", "out", "--select", RULES]).ended(1);
    assert!(!folder.at("out/evidence.jsonl").exists());
}

#[test]
fn an_image_of_root_gets_advice_with_the_reason() {
    let Some(registry) = local("an_image_of_root_gets_advice_with_the_reason") else { return };
    let host = registry.host();
    registry.image("web", &["1.0"], &json!({})).unwrap();
    let folder = Folder::with(&[("pod.yaml", &pod(&format!("{host}/web:1.0")))]);
    let asking = asking(host);
    let args: Vec<&str> = asking.iter().map(String::as_str).collect();
    tool(&folder, &[&["check", "--fix", "--unsafe-fixes", "pod.yaml"], &args[..]].concat())
        .ended(1)
        .says("the image's own user is root");
    assert_eq!(folder.read("pod.yaml"), pod(&format!("{host}/web:1.0")));
}

#[test]
fn what_could_not_be_looked_at_is_said_by_reason() {
    let Some(registry) = local("what_could_not_be_looked_at_is_said_by_reason") else { return };
    let host = registry.host();
    let both = format!("{}---\n{}", pod(&format!("{host}/a")), pod(&format!("{host}/b")));
    let folder = Folder::with(&[("pod.yaml", &both)]);
    let asking = asking(host);
    let args: Vec<&str> = asking.iter().map(String::as_str).collect();
    let ran = tool(&folder, &[&["check", "pod.yaml"], &args[..]].concat()).ended(1);
    let line = format!(
        "warning: 2 images are not fully known ({host}/a:latest, {host}/b:latest): {host} has no \
         such image"
    );
    ran.says(&line);
    let args = ["check", "pod.yaml", "--evidence", "registry", "--select", RULES];
    tool(&folder, &args).ended(1).says(&format!("--registry-plain-http {host}"));
}

#[test]
fn wrong_flags_and_files_are_named() {
    let folder = Folder::with(&[("pod.yaml", &pod("a")), ("e.jsonl", "{}\n")]);
    let check = |args: &[&str]| tool(&folder, &[&["check", "pod.yaml"], args].concat()).ended(2);
    check(&["--evidence-file", "e.jsonl"]).says("e.jsonl:1: missing field");
    check(&["--evidence-file", "none.jsonl"]).says("cannot read none.jsonl");
    check(&["--registry-mirror", "a=b"]).says("--evidence");
    check(&["--evidence", "registry", "--registry-mirror", "a"]).says("expected HOST=HOST");
    check(&["--evidence", "registry", "--registry-plain-http", "a/b"]).says("is no registry");
    folder.write("k8s-auto-fix.yaml", "evidence: registry\n");
    check(&[]).says("unknown key `evidence`");
}

/// A listener on loopback that counts who comes.
fn counting() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (host, count)
}

/// Runs with every proxy variable at the listener.
fn watched(folder: &Folder, host: &str, args: &[&str]) -> Ran {
    let mut command = Command::new(BINARY);
    command.args(args).current_dir(folder.path()).env("XDG_CACHE_HOME", folder.at("cache"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
    {
        command.env(name, format!("http://{host}"));
    }
    for name in ["NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    run(command, b"")
}

#[test]
fn without_the_flag_nothing_leaves_the_machine() {
    let (host, count) = counting();
    let manifests = format!("{}---\n{}", pod(&format!("{host}/web")), pod("nginx"));
    let folder = Folder::with(&[("m/pod.yaml", &manifests)]);
    // A file that was written in better times does not make it ask either.
    folder.write("e.jsonl", "");
    watched(&folder, &host, &["check", "m"]).ended(1);
    watched(&folder, &host, &["check", "m", "--diff", "--unsafe-fixes"]).ended(1);
    watched(&folder, &host, &["check", "m", "--evidence-file", "e.jsonl"]).ended(1);
    watched(&folder, &host, &["run", "m", "--out", "out"]).ended(1);
    let detect = ["detect", "--in", "m", "--out", "d.jsonl", "--evidence-out", "o.jsonl"];
    watched(&folder, &host, &detect).ended(1);
    watched(&folder, &host, &["propose", "--detections", "d.jsonl", "--out", "p.jsonl"]);
    let verify = ["verify", "--patches", "p.jsonl", "--detections", "d.jsonl", "--out", "v.jsonl"];
    watched(&folder, &host, &verify);
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert_eq!(folder.read("o.jsonl"), "");
    // The same listener hears of it with the flag, so the zero above means something.
    let asking = ["check", "m", "--evidence", "registry", "--registry-timeout", "2"];
    watched(&folder, &host, &asking).ended(1);
    assert!(count.load(Ordering::SeqCst) > 0);
}

/// The network calls of a command, as the system saw them.
fn traced(folder: &Folder, args: &[&str]) -> String {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=%network", "-o", "trace.txt", BINARY]).args(args);
    command.current_dir(folder.path()).env("XDG_CACHE_HOME", folder.at("cache"));
    run(command, b"").ended(1);
    // Two ends within one process reach nobody.
    let calls = folder.read("trace.txt");
    let outward = calls.lines().filter(|call| !call.contains("socketpair(AF_UNIX"));
    outward.map(|call| format!("{call}\n")).collect()
}

#[test]
fn without_the_flag_no_socket_to_a_network_is_opened() {
    let can_trace = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !can_trace.is_ok_and(|ended| ended.status.success()) {
        eprintln!("SKIPPED: without_the_flag_no_socket_to_a_network_is_opened: no strace here");
        return;
    }
    let (host, _) = counting();
    let folder = Folder::with(&[("m/pod.yaml", &pod(&format!("{host}/web")))]);
    for args in [&["check", "m", "--diff", "--unsafe-fixes"][..], &["run", "m", "--out", "out"]] {
        assert_eq!(traced(&folder, args), "", "{args:?}");
    }
    let detect = ["detect", "--in", "m", "--out", "d.jsonl"];
    assert_eq!(traced(&folder, &detect), "");
    let asking = asking(&host);
    let args: Vec<&str> = asking.iter().map(String::as_str).collect();
    let calls = traced(&folder, &[&["check", "m"], &args[..]].concat());
    assert!(calls.contains("AF_INET"), "{calls}");
}
