//! `doctor`: what is here, and what is not.

use crate::tool::{BINARY, Folder, has_server, run};
use serde_json::Value;
use std::process::Command;

fn find<'r>(report: &'r Value, what: &str) -> &'r Value {
    report.as_array().unwrap().iter().find(|finding| finding["what"] == what).unwrap()
}

#[test]
fn everything_that_is_looked_at_is_named() {
    let folder = Folder::with(&[(
        "k8s-auto-fix.yaml",
        "models: {local: {endpoint: 'http://127.0.0.1:1', model: m, api_key_env: NO_SUCH_KEY}}\n",
    )]);
    let ran = folder.run(&["doctor", "--output-format", "json"]).ended(0).json();
    for what in [
        "version",
        "configuration",
        "schemas",
        "rules",
        "writing",
        "threads",
        "git",
        "feeds",
        "API server",
        "kubeconfig",
        "model",
        "kyverno",
        "trivy",
    ] {
        assert!(["ok", "none"].contains(&find(&ran, what)["state"].as_str().unwrap()), "{what}");
    }
    assert!(find(&ran, "git")["detail"].as_str().unwrap().starts_with("git version"));
    assert!(find(&ran, "model")["detail"].as_str().unwrap().contains("NO_SUCH_KEY is not set"));
    folder.run(&["doctor"]).ended(0).says("k8s-auto-fix.yaml, 0 entries");
    // What is not here is told, and no fault.
    let mut command = Command::new(BINARY);
    command.args(["doctor", "--output-format", "json"]).current_dir(folder.path());
    command.env("PATH", "/nowhere").env("KUBECONFIG", "/nowhere").env_remove("KUBEBUILDER_ASSETS");
    command.env("XDG_CACHE_HOME", folder.path()).env("HOME", folder.path());
    let report = run(command, b"").ended(0).json();
    for what in ["git", "feeds", "API server", "kubeconfig", "kyverno"] {
        assert_eq!(find(&report, what)["state"], "none", "{what}: {report:#}");
    }
    folder.write("k8s-auto-fix.yaml", "profil: all\n");
    folder.run(&["doctor"]).ended(2).says("FAIL  configuration").says("did you mean `profile`?");
}

#[test]
fn a_server_that_is_asked_for_is_connected_to() {
    let folder = Folder::new();
    let mut command = Command::new(BINARY);
    command.args(["doctor", "--server", "kubeconfig"]).current_dir(folder.path());
    command.env("KUBECONFIG", "/nowhere");
    run(command, b"").ended(2).says("FAIL  server");
    if has_server("doctor with a server") {
        folder.run(&["doctor", "--server", "ephemeral"]).ended(0).says("ok    server");
    }
}
