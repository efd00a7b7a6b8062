//! Commands that are killed at random moments, together with all that they started, and done again.
//!
//! `K8S_AUTO_FIX_KILLS` says how often.

use crate::gitops::{branches, git, in_repo, two_apps, write};
use crate::tool::{BINARY, Folder};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kills of each command, unless said otherwise.
const KILLS: u32 = 12;

fn kills() -> u32 {
    std::env::var("K8S_AUTO_FIX_KILLS").map_or(KILLS, |text| text.parse().unwrap())
}

/// Runs a command in the repository and kills it and its children after a while; whether it was
/// still running.
fn killed(folder: &Folder, args: &[&str], after: Duration) -> bool {
    let mut child = Command::new(BINARY)
        .args(args)
        .current_dir(folder.at("repo"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    let running = child.try_wait().unwrap().is_none();
    let group = format!("-{}", child.id());
    // What has ended already cannot be killed.
    let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
    child.wait().unwrap();
    running
}

/// The content of every branch of ours, by its name.
fn contents(folder: &Folder) -> Vec<String> {
    let list = ["for-each-ref", "--format=%(refname) %(tree)", "refs/heads"];
    git(folder, &list).lines().map(str::to_owned).collect()
}

/// The same pause on every machine for the same trial, spread over the time that the command takes
/// and a little longer, because it takes longer while other tests run.
fn pause(trial: u32, trials: u32, whole: Duration) -> Duration {
    whole.mul_f64(1.25 * f64::from(trial) / f64::from(trials))
}

#[test]
fn a_write_that_is_killed_leaves_whole_branches_and_is_done_again() {
    const WRITE: [&str; 4] = ["gitops", "write", "../out", "--unsafe-fixes"];
    let undisturbed = two_apps();
    let begin = Instant::now();
    in_repo(&undisturbed, &WRITE).ended(0);
    let whole = begin.elapsed();
    let wanted = contents(&undisturbed);
    let (mut running, mut none, mut some) = (0, 0, 0);
    for trial in 0..kills() {
        let folder = two_apps();
        running += u32::from(killed(&folder, &WRITE, pause(trial, kills(), whole)));
        let there = branches(&folder).len();
        none += u32::from(there == 0);
        some += u32::from(there > 0 && there < wanted.len() - 1);
        // Git moves branches one after the other, each whole.
        let there = contents(&folder);
        assert!(there.iter().all(|branch| wanted.contains(branch)), "trial {trial}: {there:?}");
        git(&folder, &["fsck", "--no-dangling", "--strict"]);
        assert_eq!(git(&folder, &["status", "--porcelain"]), "", "trial {trial}");
        write(&folder, &[]);
        assert_eq!(contents(&folder), wanted, "trial {trial}");
        let left = std::fs::read_dir(folder.at("repo/.git/k8s-auto-fix")).unwrap().count();
        assert!(left <= 2, "trial {trial}: the journal, the lock and {} more", left - 2);
        in_repo(&folder, &["undo"]).ended(0).says("0 files");
    }
    println!(
        "{} kills, {running} while it ran, {none} before any branch, {some} between branches",
        kills()
    );
    assert!(running > kills() / 4, "only {running} of {} kills hit", kills());
}

/// Enough objects for several parts of a run.
fn many_pods() -> Folder {
    let folder = Folder::new();
    for file in 0..30 {
        let pods: Vec<String> =
            (0..60).map(|number| crate::tool::pod(&format!("p{file}-{number}"))).collect();
        folder.write(&format!("in/{file:02}.yaml"), pods.join("---\n"));
    }
    folder
}

/// What a run wrote, but for the queue, which knows the time.
fn outputs(folder: &Folder) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut files = crate::tool::files(&folder.at("out"));
    files.retain(|name, _| !name.starts_with("queue.db"));
    files
}

#[test]
fn a_run_that_is_killed_goes_on_and_ends_with_the_same_bytes() {
    let folder = many_pods();
    let run = ["run", "in", "--out", "out"];
    let begin = Instant::now();
    folder.run(&run).ended(1);
    let whole = begin.elapsed();
    let wanted = outputs(&folder);
    let (mut running, mut halfway) = (0, 0);
    for trial in 0..kills() {
        std::fs::remove_dir_all(folder.at("out")).unwrap();
        let mut child = Command::new(BINARY)
            .args(run)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(pause(trial, kills(), whole));
        running += u32::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        // What has its name is whole.
        if folder.at("out").exists() {
            for (name, bytes) in outputs(&folder) {
                let own = name.starts_with(".partial/") || name == "state.json";
                let temporary = name.contains(".k8s-auto-fix-");
                assert!(own || temporary || wanted[&name] == bytes, "trial {trial}: {name}");
            }
            let status = folder.run(&["status", "out"]).out;
            halfway += u32::from(status.contains(" of 1800") && !status.contains(" 0 of"));
        }
        folder.run(&["run", "in", "--out", "out", "--resume"]).ended(1);
        let got = outputs(&folder);
        assert_eq!(
            got.keys().collect::<Vec<_>>(),
            wanted.keys().collect::<Vec<_>>(),
            "trial {trial}"
        );
        for (name, bytes) in &wanted {
            assert!(got[name] == *bytes, "trial {trial}: {name} differs");
        }
        let queued =
            folder.run(&["queue", "report", "--queue", "out/queue.db", "--output-format", "json"]);
        let fixes = String::from_utf8_lossy(&wanted["schedule.jsonl"]).lines().count();
        let queued = queued.ended(0).json();
        let state = queued["states"].as_array().unwrap().iter().find(|s| s["state"] == "queued");
        assert_eq!(state.unwrap()["count"], fixes, "trial {trial}");
    }
    println!("{} kills, {running} while it ran, {halfway} halfway", kills());
    assert!(running > kills() / 4, "only {running} of {} kills hit", kills());
}

#[test]
fn a_resumed_run_of_other_inputs_or_settings_begins_anew() {
    let folder = many_pods();
    let resume = ["run", "in", "--out", "out", "--resume"];
    folder.run(&resume).ended(1).says("a new one begins");
    folder.run(&resume).ended(1).says("out is complete already");
    folder.run(&[&resume[..], &["--profile", "all"]].concat()).ended(1).says("a new one begins");
    folder.write("in/00.yaml", crate::tool::CLEAN);
    folder.run(&resume).ended(1).says("a new one begins");
    folder.write("k8s-auto-fix.yaml", "fail_on: never\n");
    folder.run(&resume).ended(0).says("a new one begins");
    folder.run(&resume).ended(0).says("out is complete already");
    // A state that speaks of files that are not there.
    let state = folder.read("out/state.json").replace("\"complete\": true", "\"complete\": false");
    folder.write("out/state.json", state.replace("\"exit_code\": 0", "\"exit_code\": null"));
    std::fs::remove_file(folder.at("out/patches.jsonl")).unwrap();
    folder.run(&resume).ended(2).says("run it again without --resume");
    folder.run(&resume[..4]).ended(0);
}
