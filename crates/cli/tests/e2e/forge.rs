//! Pull and merge requests, with servers on loopback that speak the forges' APIs and remotes that
//! are repositories beside.

use crate::gitops::{git, in_repo, two_apps};
use crate::tool::{BINARY, Folder, Ran};
use forge::testing::{Github, Gitlab, Server, Stage};
use serde_json::Value;
use std::process::Command;

const OWNERS: &str = "* @alice\n/apps/shop.yaml @bob @acme/platform\n/other nobody\n";

/// A repository with owners, its remote and the records of a run.
fn with_remote() -> Folder {
    let folder = two_apps();
    folder.write("repo/CODEOWNERS", OWNERS);
    git(&folder, &["add", "--all"]);
    git(&folder, &["commit", "--quiet", "--message", "owners"]);
    let bare = folder.at("remote.git");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&bare).status().unwrap();
    assert!(made.success());
    git(&folder, &["remote", "add", "origin", bare.to_str().unwrap()]);
    git(&folder, &["push", "--quiet", "origin", "main"]);
    folder
}

/// `gitops write` with requests on a forge, and how it ends.
fn ask(folder: &Folder, repo: &str, server: &Server, forge: &str, more: &[&str]) -> Ran {
    let (url, project, token) = {
        let state = server.state();
        (server.url(), state.project.clone(), state.token.clone())
    };
    let mut command = Command::new(BINARY);
    command.current_dir(folder.at(repo)).env("FORGE_TOKEN", token);
    let out = folder.at("out").display().to_string();
    command.args(["gitops", "write", &out, "--unsafe-fixes", "--push", "--output-format", "json"]);
    command.args(["--forge", forge, "--forge-url", &url, "--project", &project]);
    command.args(["--token-env", "FORGE_TOKEN"]).args(more);
    crate::tool::run(command, b"")
}

fn requests(plan: &Value) -> Vec<&str> {
    let batches = plan["batches"].as_array().unwrap().iter();
    batches.map(|batch| batch["request"]["state"].as_str().unwrap()).collect()
}

fn both(test: impl Fn(&Server, &str)) {
    test(&Github::start().unwrap(), "github");
    test(&Gitlab::start().unwrap(), "gitlab");
}

#[test]
fn requests_are_opened_once() {
    both(|server, forge| {
        let folder = with_remote();
        let plan =
            ask(&folder, "repo", server, forge, &["--label", "security,k8s"]).ended(0).json();
        let states = requests(&plan);
        assert!(states.len() > 2 && states.iter().all(|state| *state == "created"), "{plan:#}");
        let pulls = server.state().pulls.clone();
        assert_eq!(pulls.len(), states.len());
        // Both apps have all findings, so every batch but the first stands on another.
        assert_eq!(pulls[0].base, "main");
        assert_eq!(pulls[1].base, pulls[0].branch);
        assert_eq!(pulls[0].labels, ["security", "k8s"]);
        assert!(pulls[0].reviewers.contains(&"@bob".to_owned()), "{:?}", pulls[0]);
        assert!(pulls[0].reviewers.contains(&"@alice".to_owned()), "{:?}", pulls[0]);
        assert!(pulls[0].title.starts_with("Fix "), "{:?}", pulls[0]);
        assert!(pulls[0].body.contains("| apps/shop.yaml |"), "{}", pulls[0].body);
        {
            let state = server.state();
            let [issue] = state.issues.as_slice() else { panic!("{:?}", state.issues) };
            assert_eq!(issue.labels, ["security"]);
            assert!(issue.body.contains(&format!("[{}](", pulls[0].title)), "{}", issue.body);
        }
        let writes = server.state().writes().len();
        let plan =
            ask(&folder, "repo", server, forge, &["--label", "security,k8s"]).ended(0).json();
        assert!(requests(&plan).iter().all(|state| *state == "unchanged"), "{plan:#}");
        assert_eq!(server.state().writes().len(), writes);
        // A fresh clone, as CI has, finds what is at the remote.
        let clone = Command::new("git")
            .args(["clone", "--quiet", "--branch", "main"])
            .args([folder.at("remote.git"), folder.at("clone")])
            .status();
        assert!(clone.unwrap().success());
        let plan =
            ask(&folder, "clone", server, forge, &["--label", "security,k8s"]).ended(0).json();
        let states: Vec<&str> = plan["batches"]
            .as_array()
            .unwrap()
            .iter()
            .map(|batch| batch["state"].as_str().unwrap())
            .collect();
        assert!(states.iter().all(|state| *state == "unchanged"), "{plan:#}");
        assert_eq!(server.state().writes().len(), writes);
    });
}

#[test]
fn what_a_person_closed_or_changed_is_left_alone() {
    both(|server, forge| {
        let folder = with_remote();
        let grouped = &["--group-by", "owner"];
        let plan = ask(&folder, "repo", server, forge, grouped).ended(0).json();
        assert!(requests(&plan).len() == 2, "{plan:#}");
        let keys: Vec<&str> = plan["batches"]
            .as_array()
            .unwrap()
            .iter()
            .map(|batch| batch["key"].as_str().unwrap())
            .collect();
        assert!(keys.contains(&"@alice") && keys.contains(&"@bob @acme/platform"), "{keys:?}");
        server.state().pulls[0].stage = Stage::Closed;
        let plan = ask(&folder, "repo", server, forge, grouped).ended(0).json();
        assert_eq!(requests(&plan), ["closed", "unchanged"]);
        // Somebody adds a commit to a branch that was pushed.
        let branch = server.state().pulls[1].branch.clone();
        let script = format!(
            "git clone --quiet --branch {branch} remote.git other && cd other && \
             git -c user.name=o -c user.email=o@o commit --quiet --allow-empty -m more && \
             git push --quiet origin {branch}"
        );
        let pushed = Command::new("bash").arg("-c").arg(script).current_dir(folder.path()).status();
        assert!(pushed.unwrap().success());
        let plan = ask(&folder, "repo", server, forge, grouped).ended(0).json();
        let reason = plan["skipped"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("somebody else has commits on its branch"), "{plan:#}");
        let tip = git(&folder, &["ls-remote", "origin", &branch]);
        assert!(!tip.starts_with(&git(&folder, &["rev-parse", &branch])), "{tip}");
    });
}

#[test]
fn what_the_forge_refuses_is_told_and_the_branches_stay() {
    let server = Github::start().unwrap();
    let folder = with_remote();
    let args = ["gitops", "write", "../out", "--unsafe-fixes", "--push", "--forge", "github"];
    in_repo(&folder, &args).ended(2).says("GITHUB_TOKEN holds no token");
    let with_token = |more: &[&str]| {
        let mut command = Command::new(BINARY);
        command.current_dir(folder.at("repo")).env("GITHUB_TOKEN", "wrong");
        crate::tool::run(command_with(command, &args, more), b"")
    };
    with_token(&[]).ended(2).says("names no project; give --project");
    let url = server.url();
    let ran = with_token(&["--project", "acme/shop", "--forge-url", &url]).ended(2);
    let ran = ran.says("401").hides("wrong\n");
    assert!(!ran.err.contains("test-token"), "{}", ran.err);
    assert_eq!(git(&folder, &["ls-remote", "--heads", "origin"]).lines().count(), 1);
    // Reviewers that the forge does not know are no reason not to open a request.
    server.state().users.retain(|user| user != "bob");
    let ran = ask(&folder, "repo", &server, "github", &[]).ended(0);
    let plan = ran.json();
    assert!(requests(&plan).iter().all(|state| *state == "created"), "{plan:#}");
    assert!(plan["batches"][0]["request"]["warnings"][0].as_str().unwrap().contains("@bob"));
    assert!(ran.err.contains("CODEOWNERS:3: `nobody` is no owner"), "{}", ran.err);
}

fn command_with(mut command: Command, args: &[&str], more: &[&str]) -> Command {
    command.args(args).args(more);
    command
}
