//! `worker`, on a file and on a database: alone, among others, and when things go wrong.

use crate::tool::{BINARY, Folder, POD, Ran, pod, run};
use queue::testing::Postgres;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

/// Folders with manifests and the accepted fixes of them in a queue.
struct Work {
    folder: Folder,
    queue: String,
    fixes: usize,
}

impl Work {
    fn new(queue: &str, pods: usize) -> Self {
        let folder = Folder::new();
        for n in 0..pods {
            folder.write(&format!("in/pod{n}.yaml"), pod(&format!("web{n}")));
        }
        folder.run(&["run", "in", "--out", "out"]).code.filter(|code| *code < 2).unwrap();
        let work = Self { folder, queue: queue.to_owned(), fixes: 0 };
        work.run(&["queue", "init"]).ended(0);
        let fixes = usize::try_from(work.enqueue()["new"].as_u64().unwrap()).unwrap();
        assert!(fixes >= 3 * pods);
        Self { fixes, ..work }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(args).env("K8S_AUTO_FIX_QUEUE", &self.queue).env("USER", "ann");
        command.current_dir(self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(self.command(args), b"")
    }

    fn enqueue(&self) -> Value {
        let args = ["queue", "enqueue", "--verified", "out/verified.jsonl"];
        let rest = ["--detections", "out/detections.jsonl", "--patches", "out/patches.jsonl"];
        self.run(&[&args[..], &rest[..]].concat()).ended(0).json()
    }

    /// How many items are in which state.
    fn states(&self) -> BTreeMap<String, u64> {
        let report = self.run(&["queue", "report", "--output-format", "json"]).ended(0).json();
        let states = report["states"].as_array().unwrap().iter();
        let states = states
            .map(|one| (one["state"].as_str().unwrap().to_owned(), one["count"].as_u64().unwrap()));
        states.filter(|(_, count)| *count > 0).collect()
    }

    fn only(&self, state: &str) {
        assert_eq!(self.states(), BTreeMap::from([(state.to_owned(), self.fixes as u64)]));
    }
}

/// The test on a file and, where there is a server, on a database.
fn everywhere(pods: usize, test: impl Fn(&Work)) {
    test(&Work::new("q.db", pods));
    if let Some(server) = Postgres::shared().unwrap() {
        test(&Work::new(&server.database().unwrap(), pods));
    }
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_fix_is_judged_again_and_what_it_took_is_learnt() {
    everywhere(2, |work| {
        let drained = work.run(&["worker", "--drain", "--attempts-out", "attempts.jsonl"]);
        let told = lines(&drained.ended(0).out);
        assert_eq!(told.len(), work.fixes);
        assert!(told.iter().all(|line| line["state"] == "verified"), "{told:?}");
        work.only("verified");
        let attempts = work.folder.records("attempts.jsonl");
        assert_eq!(attempts.len(), work.fixes);
        assert!(attempts.iter().all(|one| one["seconds"].as_f64().unwrap() > 0.0));
        let report = work.run(&["queue", "report", "--output-format", "json"]).ended(0).json();
        assert_eq!(report["not_learnt"], 0);
        let successes = report["classes"].as_array().unwrap().iter();
        let successes: u64 = successes.map(|one| one["successes"].as_u64().unwrap()).sum();
        assert_eq!(successes, work.fixes as u64);
        // What was learnt orders the next run, too.
        work.folder.write("report.json", report.to_string());
        let schedule = ["schedule", "--verified", "out/verified.jsonl", "--detections"];
        let rest = ["out/detections.jsonl", "--statistics", "report.json", "--explain"];
        work.run(&[&schedule[..], &rest[..]].concat()).ended(0).says("place");
        // And simulations draw from it.
        let simulate = ["schedule", "simulate", "--attempts", "attempts.jsonl", "--items", "200"];
        work.run(&[&simulate[..], &["--learn", "50"]].concat()).ended(0).says("simulated");
    });
}

#[test]
fn a_source_that_changed_makes_stale_and_a_new_patch_renews() {
    everywhere(2, |work| {
        let text = work.folder.read("in/pod0.yaml");
        work.folder.write("in/pod0.yaml", text.replace("name: web0", "name: other"));
        std::fs::remove_file(work.folder.at("in/pod1.yaml")).unwrap();
        let drained = work.run(&["worker", "--drain", "--name", "w1"]).ended(1);
        assert!(lines(&drained.out).iter().all(|line| line["reason"].is_string()));
        let states = work.states();
        assert_eq!(states["stale"], work.fixes as u64 / 2, "{states:?}");
        // Whether a missing file comes back is not known: that is tried again.
        assert_eq!(states["failed"], work.fixes as u64 / 2, "{states:?}");
        work.folder.write("in/pod0.yaml", text);
        work.folder.write("in/pod1.yaml", pod("web1"));
        assert_eq!(work.enqueue()["renewed"], work.fixes / 2);
        work.run(&["queue", "requeue", "--state", "failed"]).ended(0);
        work.run(&["worker", "--drain"]).ended(0);
        work.only("verified");
    });
}

#[test]
fn only_safe_fixes_are_approved_without_a_person() {
    everywhere(1, |work| {
        work.run(&["worker", "--drain", "--approve", "safe"]).ended(0);
        let states = work.states();
        assert!(states["approved"] > 0 && states["verified"] > 0, "{states:?}");
        assert_eq!(states["approved"] + states["verified"], work.fixes as u64);
        let list = ["queue", "list", "--state", "approved", "--output-format", "json"];
        let approved = work.run(&list).ended(0);
        let show =
            |id: &str| work.run(&["queue", "show", id, "--output-format", "json"]).ended(0).json();
        for one in lines(&approved.out) {
            let journal = show(one["id"].as_str().unwrap())["journal"].clone();
            let last = journal.as_array().unwrap().last().unwrap().clone();
            assert_eq!(last["event"], "approve");
        }
    });
}

#[test]
fn several_workers_share_the_work_and_none_of_it_twice() {
    everywhere(12, |work| {
        let args = ["worker", "--drain", "--batch", "3"];
        let workers: Vec<Child> =
            (0..3).map(|_| work.command(&args).stdout(Stdio::piped()).spawn().unwrap()).collect();
        let mut ids = Vec::new();
        for worker in workers {
            let output = worker.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let told = lines(&String::from_utf8(output.stdout).unwrap());
            ids.extend(told.iter().map(|line| line["id"].as_str().unwrap().to_owned()));
        }
        assert_eq!(ids.len(), work.fixes);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), work.fixes);
        work.only("verified");
    });
}

/// A worker that stays until it is told to end.
struct Staying {
    child: Child,
    address: SocketAddr,
}

impl Staying {
    fn new(work: &Work) -> Self {
        let args = ["worker", "--interval", "0.05", "--listen", "127.0.0.1:0"];
        let mut command = work.command(&args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        err.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
        std::thread::spawn(move || std::io::copy(&mut err, &mut std::io::stderr()));
        Self { child, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Told to end as a supervisor does it; what it said.
    fn end(self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn wait_for(what: impl Fn() -> bool) {
    for _ in 0..600 {
        if what() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("it never happened");
}

#[test]
fn a_worker_that_stays_answers_probes_takes_what_comes_and_ends_in_order() {
    everywhere(1, |work| {
        let worker = Staying::new(work);
        wait_for(|| work.states().get("verified") == Some(&(work.fixes as u64)));
        assert!(worker.get("/livez").starts_with("HTTP/1.1 200"));
        assert!(worker.get("/readyz").starts_with("HTTP/1.1 200"));
        let metrics = worker.get("/metrics");
        assert!(metrics.contains("application/openmetrics-text"), "{metrics}");
        let line = format!("k8s_auto_fix_queue_items{{state=\"verified\"}} {}", work.fixes);
        assert!(metrics.contains(&line), "{metrics}");
        assert!(metrics.ends_with("# EOF\n"), "{metrics}");
        assert_eq!(lines(&worker.end()).len(), work.fixes);
        work.only("verified");
    });
}

#[test]
fn a_server_that_restarts_is_waited_for() {
    let Some(mut server) = Postgres::start().unwrap() else {
        println!("SKIPPED: there is no PostgreSQL here");
        return;
    };
    let work = Work::new(&server.database().unwrap(), 2);
    let worker = Staying::new(&work);
    wait_for(|| work.states().get("verified") == Some(&(work.fixes as u64)));
    server.kill().unwrap();
    assert!(worker.get("/readyz").starts_with("HTTP/1.1 503"));
    server.restart().unwrap();
    wait_for(|| worker.get("/readyz").starts_with("HTTP/1.1 200"));
    work.folder.write("in/pod9.yaml", pod("web9"));
    work.folder.run(&["run", "in", "--out", "out"]);
    let new = work.enqueue()["new"].as_u64().unwrap();
    assert!(new > 0);
    wait_for(|| work.states().get("verified") == Some(&(work.fixes as u64 + new)));
    worker.end();
}

#[test]
fn nobody_who_listens_leaves_no_lease_behind() {
    everywhere(4, |work| {
        let script = "\"$TOOL\" worker --drain --batch 4 | head -1";
        let mut command = Command::new("bash");
        command.args(["-c", script]).env("TOOL", BINARY).env("K8S_AUTO_FIX_QUEUE", &work.queue);
        command.current_dir(work.folder.path());
        assert_eq!(lines(&run(command, b"").ended(0).out).len(), 1);
        let states = work.states();
        assert!(!states.contains_key("leased"), "{states:?}");
        assert!(states["verified"] >= 4, "{states:?}");
    });
}

#[test]
fn what_the_worker_cannot_use_is_named() {
    let folder = Folder::with(&[("pod.yaml", POD)]);
    folder.run(&["worker"]).ended(2).says("give --queue FILE or URL");
    folder.run(&["worker", "--queue", "none.db"]).ended(2).says("queue init");
    folder.run(&["queue", "init", "--queue", "q.db"]).ended(0);
    let with = |args: &[&str]| folder.run(&[&["worker", "--queue", "q.db"], args].concat());
    with(&["--root", "none"]).ended(2).says("--root none: there is no such folder");
    with(&["--lease", "0", "--drain"]).ended(2).says("lease");
    with(&["--batch", "0", "--drain"]).ended(2).says("limit is 0");
    with(&["--drain"]).ended(0);
    folder.write("url", "q.db\n");
    folder.run(&["worker", "--queue-file", "url", "--drain"]).ended(0);
    folder.run(&["worker", "--queue-file", "none", "--drain"]).ended(2).says("none");
    folder.write("url", "mysql://me:s3cret@db/x");
    let wrong = folder.run(&["worker", "--queue-file", "url", "--drain"]).ended(2);
    wrong.says("url").says("this names no queue").hides("s3cret");
}

/// The examples of a deployment: no rule of any profile objects, and a real API server would take
/// them.
#[test]
fn the_manifests_of_the_workers_pass_every_rule() {
    let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy");
    let folder = Folder::new();
    let profiles =
        ["default", "all", "pod-security-baseline", "pod-security-restricted", "nsa", "cis"];
    for profile in profiles.into_iter().chain(["kube-linter"]) {
        let args = ["check", deploy, "--profile", profile, "--output-format", "concise"];
        folder.run(&args).ended(0).says("No findings");
    }
    // What is ignored is what the deployment cannot know, with its reason.
    let shown = folder.run(&["check", deploy, "--profile", "all", "--no-ignores"]).ended(1);
    for rule in ["forbid-cpu-limits", "image-signature", "priority-class-name", "runtime-class"] {
        assert!(shown.said().contains(rule), "{rule} need not be ignored");
    }
}
