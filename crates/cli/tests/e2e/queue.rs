//! `queue`, as scripts use it.

use crate::tool::{BINARY, Folder, POD, Ran, run};
use queue::testing::Postgres;
use serde_json::Value;
use std::process::Command;

/// A folder with the records of a pod's fixes, and a queue in it or at a server.
struct Tool {
    folder: Folder,
    queue: String,
    fixes: usize,
}

impl Tool {
    fn new(queue: &str) -> Self {
        let folder = Folder::with(&[("in/pod.yaml", POD)]);
        // 1: there are findings.
        folder.run(&["detect", "--in", "in", "--out", "d.json"]).ended(1);
        let propose = ["propose", "--detections", "d.json", "--out", "p.json"];
        assert!(folder.run(&propose).code.is_some_and(|code| code < 2));
        let args = ["verify", "--detections", "d.json", "--patches", "p.json", "--out", "v.json"];
        assert!(folder.run(&args).code.is_some_and(|code| code < 2));
        let tool = Self { folder, queue: queue.to_owned(), fixes: 0 };
        tool.run(&["init"]).ended(0);
        let enqueued = tool.enqueue();
        let fixes = usize::try_from(enqueued["new"].as_u64().unwrap()).unwrap();
        assert!(fixes > 2, "{enqueued}");
        Self { fixes, ..tool }
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.bare(&[&["queue"], args].concat())
    }

    /// The id of any item.
    fn first(&self) -> String {
        let list = self.run(&["list", "--limit", "1", "--output-format", "json"]).ended(0).json();
        list["id"].as_str().unwrap().to_owned()
    }

    /// The location comes from the environment.
    fn bare(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(BINARY);
        command.args(args).env("K8S_AUTO_FIX_QUEUE", &self.queue).env("USER", "ann");
        command.current_dir(self.folder.path());
        run(command, b"")
    }

    fn enqueue(&self) -> Value {
        let records = ["--verified", "v.json", "--detections", "d.json", "--patches", "p.json"];
        self.run(&[&["enqueue"], &records[..]].concat()).ended(0).json()
    }

    fn claim(&self, args: &[&str]) -> (String, String) {
        let one = self.run(&[&["claim", "--worker", "w1"], args].concat()).ended(0).json();
        (one["id"].as_str().unwrap().to_owned(), one["token"].to_string())
    }

    fn state(&self, id: &str) -> String {
        let shown = self.run(&["show", id, "--output-format", "json"]).ended(0).json();
        shown["state"].as_str().unwrap().to_owned()
    }
}

/// The test on a file and, where there is a server, on a database.
fn everywhere(test: impl Fn(&Tool)) {
    test(&Tool::new("q.db"));
    if let Some(server) = Postgres::shared().unwrap() {
        test(&Tool::new(&server.database().unwrap()));
    }
}

#[test]
fn an_item_goes_all_the_way_by_commands() {
    everywhere(|tool| {
        assert_eq!(tool.enqueue()["known"], tool.fixes);
        let next = tool.run(&["next"]).ended(0).json();
        let (id, token) = tool.claim(&[]);
        assert_eq!(next["id"], id.as_str());
        let beat = tool.run(&["heartbeat", &id, "--token", &token, "--lease", "1h"]).ended(0);
        assert!(beat.json()["lease_until"].as_f64().unwrap() > 0.0);
        tool.run(&["approve", &id]).ended(2).says("is leased; it stays so");
        tool.run(&["complete", &id, "--token", &token, "--seconds", "1.5"]).ended(0);
        assert_eq!(tool.run(&["approve", &id[..8]]).ended(0).json()["changed"], 1);
        let (same, token) = tool.claim(&["--stage", "apply"]);
        assert_eq!(same, id);
        tool.folder.write("inverse.json", r#"[{"op":"remove","path":"/x"}]"#);
        let args = ["complete", &id, "--token", &token, "--inverse", "inverse.json"];
        assert_eq!(tool.run(&args).ended(0).json()["state"], "applied");
        let shown = tool.run(&["show", &id, "--output-format", "json"]).ended(0).json();
        assert_eq!(shown["inverse"][0]["op"], "remove");
        let way: Vec<&str> = shown["journal"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["to"].as_str().unwrap())
            .collect();
        assert_eq!(way, ["queued", "leased", "verified", "approved", "applying", "applied"]);
        assert_eq!(shown["journal"][3]["who"], "ann");
        tool.run(&["show", &id[..8]]).ended(0).says("approve").says("applied");
    });
}

#[test]
fn an_old_token_is_refused_and_nothing_ready_ends_with_one() {
    everywhere(|tool| {
        let (id, token) = tool.claim(&["--lease", "0.001s"]);
        let limit = (tool.fixes + 5).to_string();
        std::thread::sleep(std::time::Duration::from_millis(50));
        let all = tool.run(&["claim", "--worker", "w2", "--limit", &limit]).ended(0).out;
        assert_eq!(all.lines().count(), tool.fixes, "the lease that ran out is there again");
        let refused = ["complete", &id, "--token", &token];
        tool.run(&refused).ended(2).says("the lease of token");
        tool.run(&["claim", "--worker", "w1"]).ended(1).says("nothing is ready");
    });
}

#[test]
fn failed_stale_and_rejected_items_can_begin_again() {
    everywhere(|tool| {
        let (id, token) = tool.claim(&[]);
        let fail = ["fail", &id, "--token", &token, "--reason", "no", "--class", "gate"];
        assert_eq!(tool.run(&fail).ended(0).json()["state"], "failed");
        tool.run(&["reject", &id, "--reason", "not now", "--by", "bob"]).ended(0);
        assert_eq!(tool.state(&id), "dead");
        let (other, token) = tool.claim(&[]);
        tool.run(&["stale", &other, "--token", &token, "--reason", "edited"]).ended(0);
        assert_eq!(tool.enqueue()["renewed"], 1);
        assert_eq!(tool.run(&["requeue", "--state", "dead"]).ended(0).json()["changed"], 1);
        let (third, token) = tool.claim(&[]);
        let until = ["release", &third, "--token", &token, "--until", "99999999999"];
        assert_eq!(tool.run(&until).ended(0).json()["state"], "queued");
        let (fourth, token) = tool.claim(&[]);
        assert_ne!(third, fourth, "it sleeps");
        tool.run(&["fail", &fourth, "--token", &token, "--reason", "x", "--give-up"]).ended(0);
        let purge = ["purge", "--state", "dead,applied", "--older-than", "0s"];
        assert_eq!(tool.run(&purge).ended(0).json()["purged"], 1);
        tool.run(&["show", &fourth]).ended(2).says("no item has the id");
    });
}

#[test]
fn lists_and_reports_are_for_people_and_for_programs() {
    everywhere(|tool| {
        let (id, token) = tool.claim(&[]);
        let fail = ["fail", &id, "--token", &token, "--reason", "no", "--class", "a\"b"];
        tool.run(&fail).ended(0);
        let list = tool.run(&["list"]).ended(0).says("STATE").says("Pod shop/web");
        assert_eq!(list.out.lines().count(), tool.fixes + 1);
        let args = ["list", "--state", "failed", "--output-format", "json"];
        assert_eq!(tool.run(&args).ended(0).json()["id"], id.as_str());
        assert_eq!(tool.run(&["list", "--namespace", "none"]).ended(0).out.lines().count(), 1);
        tool.run(&["report"]).ended(0).says("queued").says("failed in the last day: a\"b 1");
        let report = tool.run(&["report", "--output-format", "json"]).ended(0).json();
        assert_eq!(report["states"][0]["count"], tool.fixes - 1);
        assert_eq!(report["failures_last_day"][0]["count"], 1);
        let metrics = tool.run(&["report", "--output-format", "prometheus"]).ended(0).out;
        assert!(metrics.contains("k8s_auto_fix_queue_items{state=\"failed\"} 1\n"), "{metrics}");
        assert!(metrics.contains("failures_last_day{class=\"a\\\"b\"} 1\n"), "{metrics}");
        assert!(metrics.ends_with("# EOF\n"));
        let watched = tool.run(&["watch", "--interval", "0.01", "--count", "3"]).ended(0).out;
        assert_eq!(watched.matches("failed=1").count(), 3, "{watched}");
    });
}

#[test]
fn a_closed_change_window_keeps_a_fix_from_being_put_in_place() {
    everywhere(|tool| {
        let all = tool.fixes.to_string();
        tool.run(&["claim", "--worker", "w", "--limit", &all]).ended(0).out.lines().for_each(
            |line| {
                let one: Value = serde_json::from_str(line).unwrap();
                let (id, token) = (one["id"].as_str().unwrap(), one["token"].to_string());
                tool.run(&["complete", id, "--token", &token]).ended(0);
            },
        );
        tool.run(&["approve", "--all"]).ended(0);
        tool.folder.write("closed.yaml", closed_now());
        let claim = ["--config", "closed.yaml", "queue", "claim", "--worker", "w"];
        let claim = |args: &[&str]| tool.bare(&[&claim[..], args].concat());
        claim(&["--stage", "apply"]).ended(1).says("nothing is ready");
        tool.run(&["show", &tool.first()]).ended(0).says("its change window is closed");
        // It sleeps until the window opens, whoever asks.
        tool.run(&["claim", "--worker", "w", "--stage", "apply"]).ended(1);
    });
}

/// A configuration whose only window is far from now.
fn closed_now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let hour = (now.as_secs() / 3600 + 12) % 24;
    format!("scheduling: {{windows: [{{from: '{hour:02}:00', to: '{hour:02}:30'}}]}}\n")
}

#[test]
fn a_queue_that_is_not_there_or_not_named_is_an_error() {
    let folder = Folder::new();
    folder.run(&["queue", "list"]).ended(2).says("give --queue FILE or URL");
    folder.run(&["queue", "list", "--queue", "none.db"]).ended(2).says("queue init");
    let wrong = folder.run(&["queue", "list", "--queue", "mysql://me:s3cret@db/x"]).ended(2);
    wrong.says("this names no queue").hides("s3cret");
    let dead = "postgres://me:s3cret@127.0.0.1:1/x?connect_timeout=1";
    folder.run(&["queue", "list", "--queue", dead]).ended(2).says("cannot connect").hides("s3cret");
}

#[test]
fn a_backup_and_the_formula_of_the_reference() {
    let tool = Tool::new("q.db");
    tool.run(&["backup", "copy.db"]).ended(0);
    let list = ["queue", "list", "--db", "copy.db"];
    assert_eq!(tool.folder.run(&list).ended(0).out.lines().count(), tool.fixes + 1);
    tool.run(&["backup", "copy.db"]).ended(2).says("something is there already");
    let by_sum = tool.run(&["next", "--alpha", "0", "--kev-weight", "0"]).ended(0).json();
    assert!(by_sum["id"].is_string());
    tool.run(&["next", "--alpha", "nan"]).ended(2).says("alpha is NaN");
}
