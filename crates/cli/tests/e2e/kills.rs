//! Commands that are killed at random moments, together with all that they started, and done again.
//!
//! `K8S_AUTO_FIX_KILLS` says how often.

use crate::gitops::{branches, git, in_repo, two_apps, write};
use crate::tool::{BINARY, Folder};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kills of each command, unless said otherwise.
const KILLS: u32 = 24;

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

/// The same pause on every machine for the same trial, spread over the time that the command takes.
fn pause(trial: u32, trials: u32, whole: Duration) -> Duration {
    whole.mul_f64(f64::from(trial) / f64::from(trials))
}

#[test]
fn a_write_that_is_killed_leaves_all_branches_or_none() {
    const WRITE: [&str; 4] = ["gitops", "write", "../out", "--unsafe-fixes"];
    let undisturbed = two_apps();
    let begin = Instant::now();
    in_repo(&undisturbed, &WRITE).ended(0);
    let whole = begin.elapsed();
    let wanted = contents(&undisturbed);
    let (mut running, mut none) = (0, 0);
    for trial in 0..kills() {
        let folder = two_apps();
        running += u32::from(killed(&folder, &WRITE, pause(trial, kills(), whole)));
        let there = branches(&folder).len();
        none += u32::from(there == 0);
        assert!(there == 0 || there == wanted.len() - 1, "trial {trial}: {there} branches");
        git(&folder, &["fsck", "--no-dangling", "--strict"]);
        assert_eq!(git(&folder, &["status", "--porcelain"]), "", "trial {trial}");
        write(&folder, &[]);
        assert_eq!(contents(&folder), wanted, "trial {trial}");
        let left = std::fs::read_dir(folder.at("repo/.git/k8s-auto-fix")).unwrap().count();
        assert!(left <= 2, "trial {trial}: the journal, the lock and {} more", left - 2);
        in_repo(&folder, &["undo"]).ended(0).says("0 files");
    }
    println!("{} kills, {running} while it ran, {none} before any branch", kills());
    assert!(running > kills() / 2, "only {running} of {} kills hit", kills());
}
