//! How fast items go through the queue, beside a bare table in the same run.

use crate::crash::Random;
use queue::testing::Postgres;
use queue::{Claim, Completed, Location, Queue, Stage};
use record::{ObjectRef, QueueItem, QueueState};
use serde::Serialize;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const WORKERS: usize = 8;
const ROUNDS: usize = 3;
const CLASSES: u64 = 200;
const BATCH: usize = 20;
/// Items for each round, more than are worked on.
const ENOUGH: usize = 60_000;

/// Items a second, each claimed and completed; the rounds of one kind, slowest first.
#[derive(Debug, Serialize)]
pub(crate) struct Throughput {
    workers: usize,
    classes: u64,
    batch: usize,
    bare: Vec<f64>,
    single: Vec<f64>,
    batched: Vec<f64>,
}

/// Claims of one item, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Claims {
    items: usize,
    classes: u64,
    /// SQLite, then PostgreSQL.
    on: Vec<Latency>,
}

#[derive(Debug, Serialize)]
struct Latency {
    database: String,
    claims: usize,
    first: f64,
    median: f64,
    p99: f64,
    /// When something was added before each claim, so that nothing known of the order helps.
    median_after_change: f64,
    p99_after_change: f64,
    enqueued_per_second: f64,
}

/// All three kinds in turn, so that each meets the same machine.
pub(crate) fn throughput(server: &Postgres, seconds: f64) -> anyhow::Result<Throughput> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let length = Duration::from_secs_f64(seconds);
    let mut done = Throughput {
        workers: WORKERS,
        classes: CLASSES,
        batch: BATCH,
        bare: Vec::new(),
        single: Vec::new(),
        batched: Vec::new(),
    };
    for _ in 0..ROUNDS {
        done.bare.push(runtime.block_on(bare(&server.database()?, length))?);
        done.single.push(runtime.block_on(ours(&server.database()?, length, 1))?);
        done.batched.push(runtime.block_on(ours(&server.database()?, length, BATCH))?);
    }
    for rates in [&mut done.bare, &mut done.single, &mut done.batched] {
        rates.sort_by(f64::total_cmp);
    }
    Ok(done)
}

/// One table and two statements for an item.
async fn bare(location: &str, length: Duration) -> anyhow::Result<f64> {
    let options = PgConnectOptions::from_str(location)?;
    let pool = PgPoolOptions::new()
        .max_connections(u32::try_from(WORKERS)?)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    sqlx::raw_sql(
        "CREATE TABLE work (id BIGINT PRIMARY KEY, priority DOUBLE PRECISION NOT NULL,
                            state TEXT NOT NULL, payload TEXT NOT NULL);
         CREATE INDEX ON work (priority DESC) WHERE state = 'queued';",
    )
    .execute(&pool)
    .await?;
    sqlx::query(
        "INSERT INTO work SELECT n, random(), 'queued', repeat('x', 400)
         FROM generate_series(1, $1::bigint) n",
    )
    .bind(i64::try_from(ENOUGH)?)
    .execute(&pool)
    .await?;
    sqlx::raw_sql("VACUUM ANALYZE work").execute(&pool).await?;
    let work = move |done: Arc<AtomicUsize>, end: Instant| {
        let pool = pool.clone();
        async move {
            while Instant::now() < end {
                let (id, _): (i64, String) = sqlx::query_as(
                    "UPDATE work SET state = 'leased' WHERE id = (
                         SELECT id FROM work WHERE state = 'queued'
                         ORDER BY priority DESC LIMIT 1 FOR UPDATE SKIP LOCKED)
                     RETURNING id, payload",
                )
                .fetch_one(&pool)
                .await?;
                sqlx::query("UPDATE work SET state = 'done' WHERE id = $1")
                    .bind(id)
                    .execute(&pool)
                    .await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }
    };
    rate(length, (0..WORKERS).map(|_| work.clone())).await
}

/// Every worker has a handle of its own, as if it were a process of its own.
async fn ours(location: &str, length: Duration, limit: usize) -> anyhow::Result<f64> {
    let place: Location = location.parse()?;
    let queue = Queue::init(&place).await?;
    fill(&queue, ENOUGH, CLASSES).await?;
    let pool = sqlx::PgPool::connect(location).await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&pool).await?;
    let mut workers = Vec::new();
    for n in 0..WORKERS {
        let queue = Queue::open(&place).await?;
        let claim =
            Claim { worker: format!("w{n}"), stage: Stage::Verify, lease_seconds: 60.0, limit };
        workers.push(move |done: Arc<AtomicUsize>, end: Instant| async move {
            while Instant::now() < end {
                let claimed = queue.claim(&claim).await?;
                anyhow::ensure!(!claimed.is_empty(), "too few items for this machine");
                let completed = Completed { seconds: Some(0.5), ..Completed::default() };
                if let [one] = &claimed[..] {
                    queue.complete(&one.item.id, one.token, &completed).await?;
                } else {
                    let all: Vec<_> = claimed
                        .iter()
                        .map(|one| (one.item.id.as_str(), one.token, completed.clone()))
                        .collect();
                    for became in queue.complete_all(&all).await? {
                        became?;
                    }
                }
                done.fetch_add(claimed.len(), Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    rate(length, workers.into_iter()).await
}

/// Items a second that all workers finish together.
async fn rate<W, F>(length: Duration, workers: impl Iterator<Item = W>) -> anyhow::Result<f64>
where
    W: FnOnce(Arc<AtomicUsize>, Instant) -> F,
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let done = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let tasks: Vec<_> =
        workers.map(|work| tokio::spawn(work(Arc::clone(&done), start + length))).collect();
    for task in tasks {
        task.await??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

/// Both databases, one after the other.
pub(crate) fn claims(server: &Postgres, items: usize, classes: u64) -> anyhow::Result<Claims> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let file = Location::from(folder.path().join("queue.db").as_path());
    let database = server.database()?.parse()?;
    let mut on = Vec::new();
    for (name, location) in [("SQLite", file), ("PostgreSQL", database)] {
        on.push(runtime.block_on(latency(name, &location, items, classes))?);
    }
    Ok(Claims { items, classes, on })
}

const CLAIMS: usize = 2000;
const CHANGES: usize = 300;

async fn latency(
    name: &str,
    location: &Location,
    items: usize,
    classes: u64,
) -> anyhow::Result<Latency> {
    let queue = Queue::init(location).await?;
    let start = Instant::now();
    fill(&queue, items, classes).await?;
    let enqueued_per_second = items as f64 / start.elapsed().as_secs_f64();
    let mut times = Vec::new();
    for _ in 0..CLAIMS {
        times.push(timed(&queue).await?);
    }
    let first = times.first().copied().unwrap_or_default();
    let mut changed = Vec::new();
    let mut random = Random(3);
    for n in 0..CHANGES {
        queue.enqueue(&[item(items + n, classes, &mut random)]).await?;
        changed.push(timed(&queue).await?);
    }
    queue.close().await;
    let [median, p99] = middle_and_end(times);
    let [median_after_change, p99_after_change] = middle_and_end(changed);
    let database = name.to_owned();
    let claims = CLAIMS;
    Ok(Latency {
        database,
        claims,
        first,
        median,
        p99,
        median_after_change,
        p99_after_change,
        enqueued_per_second,
    })
}

async fn timed(queue: &Queue) -> anyhow::Result<f64> {
    let claim =
        Claim { worker: "w".to_owned(), stage: Stage::Verify, lease_seconds: 3600.0, limit: 1 };
    let start = Instant::now();
    let claimed = queue.claim(&claim).await?;
    let elapsed = start.elapsed();
    anyhow::ensure!(claimed.len() == 1, "a claim got {} items", claimed.len());
    Ok(elapsed.as_secs_f64() * 1e3)
}

fn middle_and_end(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [times.len() / 2, times.len() * 99 / 100].map(|at| times.get(at).copied().unwrap_or_default())
}

async fn fill(queue: &Queue, items: usize, classes: u64) -> anyhow::Result<()> {
    let mut random = Random(1);
    let all: Vec<usize> = (0..items).collect();
    for part in all.chunks(5000) {
        let part: Vec<_> = part.iter().map(|n| item(*n, classes, &mut random)).collect();
        queue.enqueue(&part).await?;
    }
    Ok(())
}

fn item(n: usize, classes: u64, random: &mut Random) -> QueueItem {
    let rule = format!("rule{}", random.below(classes));
    QueueItem {
        id: format!("{:032x}", n as u128 * 0x9e37_79b9_7f4a_7c15_f39c),
        policy_id: rule.clone(),
        state: QueueState::Queued,
        manifest_path: format!("deploy/app{}/deployment.yaml", n % 1000),
        object: ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some(format!("team{}", n % 50)),
            name: format!("app{n}"),
            generate_name: String::new(),
            document: 0,
            prefix: String::new(),
        },
        patch: patch(),
        risk: random.below(100_000) as f64 / 1000.0,
        probability: 0.5 + random.below(50) as f64 / 100.0,
        expected_time: 1.0 + random.below(20) as f64,
        kev: false,
        rule: Some(rule),
        proposer: "rules".to_owned(),
        applicability: None,
        deadline: None,
    }
}

/// Two operations, as most fixes have.
fn patch() -> Vec<record::PatchOperation> {
    let text = r#"[{"op":"test","path":"/spec/template/spec/containers/0/name","value":"app"},
        {"op":"add","path":"/spec/template/spec/containers/0/securityContext",
         "value":{"allowPrivilegeEscalation":false,"runAsNonRoot":true}}]"#;
    serde_json::from_str(text).unwrap_or_default()
}
