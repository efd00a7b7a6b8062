//! What runs the tool for others: the hooks of pre-commit and the GitHub Action.

use crate::tool::{BINARY, CLEAN, Folder, POD, Ran, python, root, run};
use manifest::{Limits, Source};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

fn yaml(name: &str) -> Value {
    let bytes = std::fs::read(root().join(name)).unwrap();
    Source::parse(bytes, &Limits::default()).unwrap().root(0).unwrap().to_json()
}

/// The `PATH` with other folders in front, and without a tool that this machine may have.
fn path(first: &[PathBuf]) -> OsString {
    let rest = std::env::var_os("PATH").unwrap();
    let rest = std::env::split_paths(&rest).filter(|f| !f.join("k8s-auto-fix").exists());
    std::env::join_paths(first.iter().cloned().chain(rest)).unwrap()
}

fn tool_folder() -> PathBuf {
    Path::new(BINARY).parent().unwrap().to_owned()
}

/// Runs the script of the action as a runner does: inputs reach it by the environment only.
fn action(folder: &Folder, inputs: &[(&str, &str)], first: &[PathBuf]) -> Ran {
    let action = yaml("action.yml");
    let given: BTreeMap<&str, &str> = inputs.iter().copied().collect();
    let steps = action["runs"]["steps"].as_array().unwrap();
    assert_eq!((action["runs"]["using"].as_str(), steps.len()), (Some("composite"), 1));
    let step = &steps[0];
    let script = step["run"].as_str().unwrap();
    assert!(!script.contains("${{"), "an input must not be part of the script");
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]);
    for (name, value) in step["env"].as_object().unwrap() {
        let value = value.as_str().unwrap();
        let input = value.strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}"));
        let input = input.unwrap_or_else(|| panic!("{value}"));
        let default = action["inputs"][input]["default"].as_str().unwrap();
        command.env(name, given.get(input).copied().unwrap_or(default));
    }
    for (name, _) in inputs {
        assert!(action["inputs"][*name].is_object(), "{name}");
    }
    command
        .env("PATH", path(first))
        .env("GITHUB_OUTPUT", folder.at("output.txt"))
        .env("GITHUB_ACTION_PATH", root())
        .env("RUNNER_TEMP", folder.at("temp"))
        .current_dir(folder.path());
    run(command, b"")
}

fn check(folder: &Folder, inputs: &[(&str, &str)]) -> Ran {
    let _ = std::fs::remove_file(folder.at("output.txt"));
    action(folder, &[&[("binary", BINARY)], inputs].concat(), &[])
}

#[test]
fn the_action_ends_as_the_tool_does() {
    let folder = Folder::with(&[("a b/pod.yaml", POD), ("clean.yaml", CLEAN)]);
    check(&folder, &[]).ended(1).says("::error file=a b/pod.yaml,line=16,");
    assert_eq!(folder.read("output.txt"), "exit-code=1\nreport=\n");
    check(&folder, &[("paths", "clean.yaml\n")]).ended(0);
    check(&folder, &[("paths", "nowhere.yaml")]).ended(2);
    assert_eq!(folder.read("output.txt"), "exit-code=2\nreport=\n");
    check(&folder, &[("paths", "clean.yaml\na b"), ("args", "--fail-on never  --quiet")]).ended(0);
    check(&folder, &[("profile", "nobody's")]).ended(2).says("unknown profile `nobody's`");
    check(&folder, &[("profile", "all"), ("format", "concise")]).ended(1).says("[run-as-non-root]");
}

#[test]
fn the_action_writes_reports() {
    let folder = Folder::with(&[("pod.yaml", POD)]);
    check(&folder, &[("format", "sarif")]).ended(1).says("report in k8s-auto-fix.sarif");
    let log: Value = serde_json::from_str(&folder.read("k8s-auto-fix.sarif")).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(folder.read("output.txt"), "exit-code=1\nreport=k8s-auto-fix.sarif\n");
    check(&folder, &[("format", "junit"), ("output", "my report.xml")]).ended(1);
    assert!(folder.read("my report.xml").starts_with("<?xml"));
}

#[test]
fn inputs_of_the_action_are_no_code() {
    let folder = Folder::with(&[("clean.yaml", CLEAN)]);
    let evil = "$(touch pwned)`touch pwned`\"; touch pwned; '; touch pwned; #";
    for input in ["paths", "profile", "args", "format", "version", "binary"] {
        let ran = action(&folder, &[("binary", BINARY), (input, evil)], &[]);
        assert_eq!(ran.code, Some(2), "{input}: {ran:?}");
        assert!(!folder.at("pwned").exists(), "{input}");
    }
    check(&folder, &[("paths", "--fix")]).ended(2).says("--fix: no such file");
    check(&folder, &[("args", "*")]).ended(2).says("*: no such file");
    check(&folder, &[("output", "a.json\nevil=1"), ("format", "json")]).ended(0);
    assert_eq!(folder.read("output.txt"), "exit-code=0\nreport=a.json\n");
}

#[test]
fn the_action_finds_or_builds_the_tool() {
    let folder = Folder::with(&[("clean.yaml", CLEAN)]);
    let version = env!("CARGO_PKG_VERSION");
    let found = |inputs: &[(&str, &str)]| action(&folder, inputs, &[tool_folder()]);
    found(&[("version", version)]).ended(0);
    found(&[("version", &format!("v{version}"))]).ended(0);
    found(&[("version", "99.0.0")]).ended(2).says("expected version 99.0.0, found k8s-auto-fix ");
    // Where there is none, it is built from the source of the action. This cargo only says how.
    let script = "#!/bin/sh\necho \"cargo $*\"\nmkdir -p \"$RUNNER_TEMP/k8s-auto-fix/release\"\n\
        ln -s \"$TOOL\" \"$RUNNER_TEMP/k8s-auto-fix/release/k8s-auto-fix\"\n";
    folder.write("bin/cargo", script.replace("$TOOL", BINARY));
    folder.shell("chmod +x bin/cargo").ended(0);
    let ran = action(&folder, &[("paths", "clean.yaml")], &[folder.at("bin")]).ended(0);
    let manifest = root().join("Cargo.toml");
    ran.says("cargo build --locked --release").says(&manifest.display().to_string());
}

/// A Git repository with everything in it committed.
fn repository(folder: &Folder) -> Ran {
    git(
        folder,
        "git init -q && git add -A && git commit -q --no-verify -m first && \
                 git rev-parse HEAD",
    )
    .ended(0)
}

/// Runs a script away from the settings of this machine, with the tool in the `PATH`.
fn git(folder: &Folder, script: &str) -> Ran {
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(folder.path()).env("PATH", path(&[tool_folder()]));
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "a"),
        ("GIT_AUTHOR_EMAIL", "a@example.org"),
        ("GIT_COMMITTER_NAME", "a"),
        ("GIT_COMMITTER_EMAIL", "a@example.org"),
    ] {
        command.env(name, value);
    }
    run(command, b"")
}

#[test]
fn the_hooks_are_declared() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let ids: Vec<&str> =
        hooks.as_array().unwrap().iter().map(|hook| hook["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["k8s-auto-fix", "k8s-auto-fix-fix"]);
}

#[test]
fn pre_commit_runs_the_hooks() {
    let Some(python) = python("the hooks of pre-commit") else { return };
    let hooks = Folder::new();
    hooks.write(
        ".pre-commit-hooks.yaml",
        std::fs::read(root().join(".pre-commit-hooks.yaml")).unwrap(),
    );
    let revision = repository(&hooks).out;
    let project = Folder::with(&[("deploy/pod.yaml", POD), ("readme.txt", "x")]);
    let config = |id: &str, args: &str| {
        format!(
            "repos:\n- repo: {}\n  rev: {}\n  hooks:\n  - id: {id}\n    args: [{args}]\n",
            hooks.path().display(),
            revision.trim()
        )
    };
    project.write(".pre-commit-config.yaml", config("k8s-auto-fix", "deploy"));
    repository(&project);
    let cache = Folder::new();
    let pre_commit = |command: &str| {
        let script = format!(
            "export PRE_COMMIT_HOME='{}'; '{}' -m pre_commit {command}",
            cache.path().display(),
            python.display()
        );
        git(&project, &script)
    };
    let manifest = hooks.at(".pre-commit-hooks.yaml");
    pre_commit(&format!("validate-manifest '{}'", manifest.display())).ended(0);
    pre_commit("install").ended(0);
    let commit = |file: &str, text: &str| {
        project.write(file, text);
        let home = cache.path().display();
        git(&project, &format!("export PRE_COMMIT_HOME='{home}'; git add -A && git commit -m x"))
    };
    // A commit that touches no YAML is not checked; one that does is refused.
    commit("readme.txt", "y").ended(0).hides("privileged");
    commit("deploy/clean.yaml", CLEAN).ended(1).says("deploy/pod.yaml:16:19").says("Failed");
    // The fix changes the file, which is refused once more; then the commit is good.
    let args = "deploy, --select, duplicate-env-var";
    let config = config("k8s-auto-fix-fix", args);
    commit(".pre-commit-config.yaml", &config).ended(1).says("files were modified by this hook");
    assert_eq!(project.read("deploy/pod.yaml").matches("LOG_LEVEL").count(), 1);
    commit("readme.txt", "z").ended(0).says("Passed");
}
