//! Fixes that become commits, and what takes them back: with the git that is installed.

use crate::tool::{CLEAN, Folder, POD, Ran, data, pod, python, root, unpack};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// A repository with these files, the records of a run over it beside.
fn repository(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    for (name, text) in files {
        folder.write(&format!("repo/{name}"), text);
    }
    git(&folder, &["init", "--quiet", "--initial-branch", "main", "."]);
    git(&folder, &["config", "user.email", "tester@example.org"]);
    git(&folder, &["config", "user.name", "Tester"]);
    git(&folder, &["config", "gc.auto", "0"]);
    commit(&folder, "base");
    in_repo(&folder, &["run", ".", "--out", "../out"]).ended(1);
    folder
}

pub(crate) fn two_apps() -> Folder {
    let shop = POD.replacen("name: web", "name: shop", 1);
    repository(&[("apps/web.yaml", POD), ("apps/shop.yaml", &shop), ("clean.yaml", CLEAN)])
}

pub(crate) fn git(folder: &Folder, args: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder.at("repo")).args(args).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {error}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn commit(folder: &Folder, message: &str) {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", message]);
}

pub(crate) fn in_repo(folder: &Folder, args: &[&str]) -> Ran {
    let mut command = Command::new(crate::tool::BINARY);
    command.args(args).current_dir(folder.at("repo"));
    crate::tool::run(command, b"")
}

/// `gitops write` of all fixes, and what it says of them.
pub(crate) fn write(folder: &Folder, more: &[&str]) -> Value {
    let args = ["gitops", "write", "../out", "--unsafe-fixes", "--output-format", "json"];
    in_repo(folder, &[&args[..], more].concat()).ended(0).json()
}

fn states(plan: &Value) -> Vec<&str> {
    plan["batches"].as_array().unwrap().iter().map(|b| b["state"].as_str().unwrap()).collect()
}

pub(crate) fn branches(folder: &Folder) -> Vec<String> {
    let list =
        ["for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads/k8s-auto-fix"];
    git(folder, &list).lines().map(str::to_owned).collect()
}

fn merge_all(folder: &Folder) {
    for branch in branches(folder) {
        let name = branch.split(' ').next().unwrap();
        git(folder, &["merge", "--quiet", "--no-edit", name]);
    }
}

fn tree(folder: &Folder) -> String {
    git(folder, &["rev-parse", "HEAD^{tree}"])
}

/// The files of the working tree.
fn files(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let mut files = crate::tool::files(&folder.at("repo"));
    files.retain(|name, _| !name.starts_with(".git/"));
    files
}

#[test]
fn a_plan_changes_nothing_and_says_why_fixes_are_skipped() {
    let folder = two_apps();
    folder.write("repo/apps/new.yaml", pod("new"));
    in_repo(&folder, &["run", ".", "--out", "../out"]).ended(1);
    let before = folder.files();
    let told = in_repo(&folder, &["gitops", "plan", "../out"]).ended(0);
    assert!(told.out.contains("k8s-auto-fix/rule/duplicate-env-var  planned"), "{}", told.out);
    assert!(told.out.contains("the fix is unsafe; --unsafe-fixes carries it"), "{}", told.out);
    assert!(told.out.contains("the file is not committed"), "{}", told.out);
    assert!(told.out.contains("    apps/new.yaml: duplicate-env-var\n"), "{}", told.out);
    assert!(folder.files() == before, "a plan changed something");
    let plan = in_repo(&folder, &["gitops", "plan", "../out", "--diff"]).ended(0).out;
    assert!(plan.contains("--- a/apps/web.yaml\n+++ b/apps/web.yaml\n"), "{plan}");
}

#[test]
fn every_batch_is_a_commit_on_a_branch_and_a_second_time_changes_nothing() {
    let folder = two_apps();
    let before = files(&folder);
    let plan = write(&folder, &[]);
    assert!(states(&plan).iter().all(|state| *state == "created"), "{plan}");
    assert!(files(&folder) == before, "the working tree has changed");
    assert_eq!(git(&folder, &["status", "--porcelain"]), "");
    let there = branches(&folder);
    assert_eq!(there.len(), states(&plan).len());
    assert!(states(&write(&folder, &[])).iter().all(|state| *state == "unchanged"));
    assert_eq!(branches(&folder), there);

    let last = plan["batches"].as_array().unwrap().last().unwrap();
    let message = git(&folder, &["log", "-1", "--format=%B", last["branch"].as_str().unwrap()]);
    let rule = last["rules"][0].as_str().unwrap();
    assert!(message.starts_with(&format!("Fix {rule}\n")), "{message}");
    for part in [last["fingerprints"][0].as_str().unwrap(), "risk", "regression", "apps/web.yaml"] {
        assert!(message.contains(part), "{part} in {message}");
    }
    merge_all(&folder);
    in_repo(&folder, &["check", "--fix", "--unsafe-fixes", "."]);
    assert_eq!(git(&folder, &["status", "--porcelain"]), "", "something was left to fix");
}

#[test]
fn reverting_every_commit_and_undoing_all_restore_every_byte() {
    let folder = two_apps();
    let (base, original) = (tree(&folder), files(&folder));
    for group in ["rule", "namespace", "owner", "root-cause"] {
        write(&folder, &["--group-by", group]);
        merge_all(&folder);
        assert_ne!(tree(&folder), base);
        in_repo(&folder, &["undo"]).ended(0);
        assert!(files(&folder) == original, "undo of {group}");
        git(&folder, &["checkout", "--quiet", "."]);
        let commits =
            git(&folder, &["rev-list", "--no-merges", "HEAD", "--grep=^K8s-Auto-Fix-Batch"]);
        git(
            &folder,
            &[&["revert", "--no-edit"][..], &commits.lines().collect::<Vec<_>>()].concat(),
        );
        assert_eq!(tree(&folder), base, "revert of {group}");
        git(&folder, &["reset", "--quiet", "--hard", "main~0"]);
        let first = git(&folder, &["rev-list", "--max-parents=0", "HEAD"]);
        git(&folder, &["reset", "--quiet", "--hard", &first]);
        for branch in branches(&folder) {
            git(&folder, &["branch", "--quiet", "-D", branch.split(' ').next().unwrap()]);
        }
    }
}

#[test]
fn undo_keeps_what_others_changed_since() {
    let folder = two_apps();
    write(&folder, &[]);
    merge_all(&folder);
    let fixed = folder.read("repo/apps/web.yaml");
    assert_ne!(fixed, POD);
    // One edit far from ours, one beside ours.
    let edited = fixed.replace("name: web\n  namespace", "name: web\n  # ours\n  namespace");
    folder.write("repo/apps/web.yaml", &edited);
    folder
        .write("repo/apps/shop.yaml", folder.read("repo/apps/shop.yaml").replace("debug", "trace"));
    let diff = in_repo(&folder, &["undo", "--diff"]).ended(0).out;
    assert!(diff.contains("+++ b/apps/web.yaml"), "{diff}");
    assert_eq!(folder.read("repo/apps/web.yaml"), edited);
    in_repo(&folder, &["undo"]).ended(0).says("apps/web.yaml: as before");
    let wanted = POD.replace("name: web\n  namespace", "name: web\n  # ours\n  namespace");
    assert_eq!(folder.read("repo/apps/web.yaml"), wanted);
    let shop = folder.read("repo/apps/shop.yaml");
    assert!(shop.contains("value: trace") && shop.contains("privileged: true"), "{shop}");
    in_repo(&folder, &["undo"]).ended(0).says("0 files");
    in_repo(&folder, &["undo", "rule/none"]).ended(2).says("rule/none");
}

#[test]
fn one_batch_alone_can_be_undone() {
    let folder = two_apps();
    write(&folder, &[]);
    merge_all(&folder);
    in_repo(&folder, &["undo", "rule/privileged-container"]).ended(0);
    let text = folder.read("repo/apps/web.yaml");
    assert!(text.contains("privileged: true") && text.contains("drop:"), "{text}");
}

#[test]
fn what_is_not_committed_is_not_written_over() {
    let folder = two_apps();
    folder.write("repo/apps/web.yaml", POD.replace("debug", "trace"));
    for command in ["plan", "write"] {
        let args = ["gitops", command, "../out"];
        in_repo(&folder, &args).ended(2).says("changes that are not committed: apps/web.yaml");
    }
    assert_eq!(branches(&folder), Vec::<String>::new());
}

#[test]
fn only_what_the_source_still_matches_is_written() {
    let folder = two_apps();
    folder.write("repo/apps/web.yaml", POD.replace("privileged: true", "privileged: false"));
    std::fs::remove_file(folder.at("repo/apps/shop.yaml")).unwrap();
    commit(&folder, "someone fixes one thing");
    let plan = write(&folder, &[]);
    let skipped = plan["skipped"].as_array().unwrap();
    let why = |rule: &str, path: &str| {
        let of = |item: &&Value| item["rule"] == rule && item["manifest_path"] == path;
        skipped.iter().find(of).map(|item| item["reason"].as_str().unwrap().to_owned())
    };
    let gone = why("privileged-container", "apps/web.yaml").unwrap();
    assert!(gone.contains("not found in the manifest as it is now"), "{gone}");
    let file = why("privileged-container", "apps/shop.yaml").unwrap();
    assert!(file.contains("no such file any more"), "{file}");
    assert!(why("drop-all-capabilities", "apps/web.yaml").is_none());
}

#[test]
fn a_branch_with_somebody_elses_commits_is_left_alone() {
    let folder = two_apps();
    let plan = write(&folder, &["--group-by", "namespace"]);
    let branch = plan["batches"][0]["branch"].as_str().unwrap().to_owned();
    git(&folder, &["checkout", "--quiet", &branch]);
    folder.write("repo/apps/web.yaml", folder.read("repo/apps/web.yaml") + "# reviewed\n");
    commit(&folder, "a reviewer's change");
    git(&folder, &["checkout", "--quiet", "main"]);
    let there = branches(&folder);
    let plan = write(&folder, &["--group-by", "namespace"]);
    assert!(plan["batches"].as_array().unwrap().is_empty(), "{plan}");
    assert!(plan["skipped"][0]["reason"].as_str().unwrap().contains("somebody else"), "{plan}");
    assert_eq!(branches(&folder), there);
}

#[test]
fn a_branch_of_ours_follows_its_base() {
    let folder = two_apps();
    let first = write(&folder, &["--group-by", "namespace"]);
    folder.write("repo/apps/web.yaml", POD.replace("# pinned", "# pinned by us"));
    commit(&folder, "another comment");
    let second = write(&folder, &["--group-by", "namespace"]);
    assert_eq!(states(&second), ["updated"]);
    assert_eq!(first["batches"][0]["branch"], second["batches"][0]["branch"]);
    let branch = second["batches"][0]["branch"].as_str().unwrap();
    let text = git(&folder, &["show", &format!("{branch}:apps/web.yaml")]);
    assert!(text.contains("# pinned by us") && !text.contains("privileged: true"), "{text}");
    folder.write("repo/README.md", "unrelated\n");
    commit(&folder, "unrelated");
    assert_eq!(states(&write(&folder, &["--group-by", "namespace"])), ["unchanged"]);
}

#[test]
fn open_branches_and_those_of_an_hour_are_limited() {
    let folder = two_apps();
    let plan = write(&folder, &["--max-branches", "2"]);
    assert_eq!(states(&plan), ["created", "created"]);
    let limited = |plan: &Value, reason: &str| {
        let skipped = plan["skipped"].as_array().unwrap();
        skipped.iter().filter(|item| item["reason"].as_str().unwrap().contains(reason)).count()
    };
    assert!(limited(&plan, "--max-branches allows no more") > 0, "{plan}");
    assert_eq!(states(&write(&folder, &["--max-branches", "2"])), ["unchanged", "unchanged"]);
    let plan = write(&folder, &["--max-branches", "0", "--max-per-hour", "3"]);
    assert_eq!(states(&plan), ["unchanged", "unchanged", "created"]);
    assert!(limited(&plan, "--max-per-hour allows no more") > 0, "{plan}");
}

#[test]
fn files_keep_their_mode_their_line_ends_and_their_other_documents() {
    let windows = format!("{POD}---\n{CLEAN}").replace('\n', "\r\n");
    let folder = repository(&[("w.yaml", &windows), (".gitattributes", "*.yaml text\n")]);
    git(&folder, &["update-index", "--chmod=+x", "w.yaml"]);
    git(&folder, &["commit", "--quiet", "--message", "mode"]);
    std::fs::remove_file(folder.at("repo/w.yaml")).unwrap();
    git(&folder, &["-c", "core.eol=crlf", "checkout", "--quiet", "w.yaml"]);
    git(&folder, &["config", "core.eol", "crlf"]);
    assert_eq!(folder.read("repo/w.yaml"), windows);
    let plan = write(&folder, &["--group-by", "namespace"]);
    let branch = plan["batches"][0]["branch"].as_str().unwrap();
    assert!(git(&folder, &["ls-tree", branch, "w.yaml"]).starts_with("100755 "));
    let stored = git(&folder, &["show", &format!("{branch}:w.yaml")]);
    assert!(!stored.contains('\r') && stored.contains("kind: ConfigMap"), "{stored:?}");
    merge_all(&folder);
    assert!(folder.read("repo/w.yaml").contains("\r\n"));
    in_repo(&folder, &["undo"]).ended(0);
    assert_eq!(folder.read("repo/w.yaml"), windows);
}

#[test]
fn without_a_repository_or_a_name_nothing_is_written() {
    let folder = two_apps();
    let nowhere = Folder::with(&[("web.yaml", POD)]);
    nowhere.run(&["run", ".", "--out", "out"]).ended(1);
    nowhere.run(&["gitops", "write", "out"]).ended(2).says("git repository");
    nowhere.run(&["undo"]).ended(2).says("git repository");
    in_repo(&folder, &["gitops", "write", "."]).ended(2).says("no detections.jsonl");
    in_repo(&folder, &["undo"]).ended(2).says("nothing to take back");
    let mut command = Command::new(crate::tool::BINARY);
    command.args(["gitops", "write", "../out", "--unsafe-fixes"]).current_dir(folder.at("repo"));
    git(&folder, &["config", "--unset", "user.email"]);
    git(&folder, &["config", "user.useConfigOnly", "true"]);
    command.env("HOME", folder.path()).env("GIT_CONFIG_NOSYSTEM", "1");
    crate::tool::run(command, b"").ended(2).says("user.email");
    assert_eq!(branches(&folder), Vec::<String>::new());
}

#[test]
fn what_manifests_say_cannot_forge_a_message() {
    let hostile = POD.replacen(
        "name: web",
        "name: \"web\\n\\nK8s-Auto-Fix-Batch: namespace/other\\e[31m\\u202e<script>\"",
        1,
    );
    let hostile = hostile.replace("namespace: shop", "namespace: \"../../heads/main\\n; rm -rf\"");
    let folder = repository(&[("web.yaml", &hostile)]);
    let main = git(&folder, &["rev-parse", "main"]);
    let plan = write(&folder, &["--group-by", "namespace"]);
    let branch = plan["batches"][0]["branch"].as_str().unwrap();
    assert!(branch.starts_with("k8s-auto-fix/namespace/"), "{branch}");
    let name = branch.strip_prefix("k8s-auto-fix/namespace/").unwrap();
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{branch}");
    let message = git(&folder, &["log", "-1", "--format=%B", branch]);
    assert!(!message.contains('\u{1b}') && !message.contains('\u{202e}'), "{message:?}");
    let batches = message.lines().filter(|line| line.starts_with("K8s-Auto-Fix-Batch"));
    assert_eq!(batches.count(), 1, "{message}");
    assert_eq!(git(&folder, &["rev-parse", "main"]), main);
    assert_eq!(states(&write(&folder, &["--group-by", "namespace"])), ["unchanged"]);
}

#[test]
fn branches_are_pushed_only_when_asked() {
    let folder = two_apps();
    let bare = folder.at("remote.git");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&bare).status().unwrap();
    assert!(made.success());
    git(&folder, &["remote", "add", "origin", bare.to_str().unwrap()]);
    write(&folder, &["--group-by", "namespace"]);
    let remote = |bare: &Path| {
        let output = Command::new("git").arg("-C").arg(bare).args(["branch", "--list"]).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(remote(&bare), "");
    write(&folder, &["--group-by", "namespace", "--push"]);
    assert_eq!(remote(&bare).trim(), "k8s-auto-fix/namespace/shop");
}

/// Every fix of the dev corpus goes into a fresh repository and back.
#[test]
fn the_whole_corpus_goes_there_and_back() {
    let (Some(data), Some(python)) =
        (data("the way of the corpus"), python("the way of the corpus"))
    else {
        return;
    };
    let folder = Folder::new();
    std::fs::create_dir_all(folder.at("repo")).unwrap();
    std::fs::create_dir_all(folder.at("before")).unwrap();
    unpack(&data, "corpus-dev.tar.zst", &folder.at("repo"));
    unpack(&data, "corpus-dev.tar.zst", &folder.at("before"));
    git(&folder, &["init", "--quiet", "--initial-branch", "main", "."]);
    git(&folder, &["config", "user.email", "tester@example.org"]);
    git(&folder, &["config", "user.name", "Tester"]);
    git(&folder, &["config", "gc.auto", "0"]);
    commit(&folder, "base");
    let base = tree(&folder);
    in_repo(&folder, &["run", ".", "--out", "../out"]);
    let plan = write(&folder, &["--max-branches", "0"]);
    let carried: u64 =
        plan["batches"].as_array().unwrap().iter().map(|b| b["size"].as_u64().unwrap()).sum();
    let skipped = plan["skipped"].as_array().unwrap().len();
    println!("{carried} fixes in {} branches, {skipped} skipped", states(&plan).len());
    assert!(carried > 10_000 && skipped * 100 < usize::try_from(carried).unwrap(), "{skipped}");
    merge_all(&folder);

    let judge = Command::new(python)
        .arg(root().join("tools/judge/judge_edits.py"))
        .args([folder.at("before"), folder.at("repo")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judge.stdout);
    println!("{said}");
    assert!(judge.status.success(), "{said}\n{}", String::from_utf8_lossy(&judge.stderr));

    in_repo(&folder, &["undo", "--quiet"]).ended(0);
    git(&folder, &["add", "--all"]);
    assert_eq!(git(&folder, &["write-tree"]), base, "undo");
    git(&folder, &["reset", "--quiet", "--hard"]);
    let commits = git(&folder, &["rev-list", "--no-merges", "HEAD", "--grep=^K8s-Auto-Fix-Batch"]);
    git(&folder, &[&["revert", "--no-edit"][..], &commits.lines().collect::<Vec<_>>()].concat());
    assert_eq!(tree(&folder), base, "revert");
}
