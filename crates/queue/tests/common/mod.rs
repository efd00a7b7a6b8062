//! Queues on both databases, and items to put into them.

// Not every test uses all of it.
#![allow(dead_code, clippy::needless_pass_by_value, clippy::print_stderr)]

use queue::testing::Postgres;
use queue::{Claim, Claimed, Queue, Stage};
use record::{ObjectRef, QueueItem, QueueState};

pub(crate) const NOW: f64 = 1_800_000_000.0;
pub(crate) const HOUR: f64 = 3600.0;
pub(crate) const DAY: f64 = 86_400.0;

pub(crate) fn item(id: &str, risk: f64) -> QueueItem {
    QueueItem {
        id: id.to_owned(),
        policy_id: "no_privileged".to_owned(),
        state: QueueState::Queued,
        manifest_path: "deploy/it's.yaml".to_owned(),
        object: ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web \"x\"".to_owned(),
            generate_name: String::new(),
            document: 2,
            prefix: String::new(),
        },
        patch: serde_json::from_str(r#"[{"op":"add","path":"/a~1b","value":{"c":[1.5,null]}}]"#)
            .unwrap(),
        risk,
        probability: 0.9,
        expected_time: 10.0,
        kev: false,
        rule: None,
        proposer: "rules".to_owned(),
        applicability: None,
        deadline: None,
    }
}

pub(crate) fn claim(stage: Stage, limit: usize) -> Claim {
    Claim { worker: "w1".to_owned(), stage, lease_seconds: 60.0, limit }
}

/// Runs the test on an empty queue of either kind, at `NOW`.
pub(crate) fn everywhere(test: impl AsyncFn(&Queue)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("queue.db");
    let server = Postgres::shared().unwrap();
    let database = server.as_ref().map(|server| server.database().unwrap().parse().unwrap());
    for location in [Some(file.as_path().into()), database].into_iter().flatten() {
        runtime.block_on(async {
            eprintln!("on {location}");
            let queue = Queue::init(&location).await.unwrap();
            test(&queue.at(NOW).unwrap()).await;
            queue.close().await;
        });
    }
}

/// The one item that a claim hands out.
pub(crate) async fn one(queue: &Queue, stage: Stage) -> Claimed {
    let mut claimed = queue.claim(&claim(stage, 1)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

/// Ids in the order in which a stage hands them out, one by one.
pub(crate) async fn ids(queue: &Queue, stage: Stage) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(claimed) = queue.claim(&claim(stage, 1)).await.unwrap().pop() {
        ids.push(claimed.item.id);
    }
    ids
}
