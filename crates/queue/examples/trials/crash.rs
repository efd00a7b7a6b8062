//! Workers, an enqueuer and an approver that are killed at random points. What they were told is
//! done is in files; afterwards the database is asked by plain SQL whether it is so.

use anyhow::{Context as _, ensure};
use queue::testing::Postgres;
use queue::{Claim, Claimed, Completed, Error, Failure, Queue, Retry, Stage, Which};
use record::{ObjectRef, QueueItem, QueueState};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What was found after the last kill; everything under `wrong` must be 0.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Found {
    pub(crate) kills: usize,
    pub(crate) server_kills: usize,
    /// Items that an enqueuer was told are in the queue.
    pub(crate) acknowledged: usize,
    /// Completions that a worker was told of.
    pub(crate) completed: usize,
    /// Claims whose lease was lost, by a kill or by being too slow.
    pub(crate) expired: usize,
    /// Settlements that were refused because the lease was over.
    pub(crate) fenced: usize,
    /// Effects that were begun under a lease that was then lost.
    pub(crate) effects_without_completion: usize,
    pub(crate) changes: usize,
    pub(crate) seconds: f64,
    pub(crate) wrong: Vec<String>,
}

/// Makes the process of a child: its role, the location, the folder of its files, a seed.
pub(crate) type Spawn = dyn Fn(&str, &str, &Path, u64) -> Command;

const ROLES: [&str; 4] = ["worker", "worker", "enqueuer", "approver"];
/// Kills on one database; then another begins.
const KILLS_EACH: usize = 2000;
/// A lease that ends while the others still run.
const LEASE: f64 = 0.03;
/// Longer than a lease.
const TOO_LONG: Duration = Duration::from_millis(50);
/// Most time between two kills, in microseconds: enough to begin anew, too little to get far.
const PAUSE_SQLITE: u64 = 8000;
const PAUSE_POSTGRES: u64 = 80_000;
/// Items that an enqueuer adds before it only adds those that are known.
const ITEMS: usize = 40;

/// Kills children of queues in files.
pub(crate) fn sqlite(folder: &Path, kills: usize, spawn: &Spawn) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let start = Instant::now();
    for (round, first) in (0..kills).step_by(KILLS_EACH).enumerate() {
        let folder = folder.join(round.to_string());
        std::fs::create_dir(&folder)?;
        let location = folder.join("queue.db").display().to_string();
        run(async |queue| queue.counts().await.map(drop), &location, true)?;
        let number = KILLS_EACH.min(kills - first);
        let trial = Trial { location: &location, folder: &folder, spawn, pause: PAUSE_SQLITE };
        trial.kill(number, &mut Random(first as u64 + 1), &mut || Ok(()))?;
        found.kills += number;
        drain(&location)?;
        check(&location, &folder, &mut found)?;
        std::fs::remove_dir_all(&folder)?;
    }
    found.seconds = start.elapsed().as_secs_f64();
    Ok(found)
}

/// Kills children of a queue at a server, and from time to time the server.
pub(crate) fn postgres(
    folder: &Path,
    mut server: Postgres,
    kills: usize,
    server_kills: usize,
    spawn: &Spawn,
) -> anyhow::Result<Found> {
    let start = Instant::now();
    let location = server.database()?;
    run(async |queue| queue.counts().await.map(drop), &location, true)?;
    let every = kills.checked_div(server_kills).unwrap_or(usize::MAX).max(1);
    let (mut n, mut done) = (0, 0);
    let mut crash = || {
        n += 1;
        if n % every == 0 && done < server_kills {
            server.kill()?;
            server.restart()?;
            done += 1;
        }
        Ok(())
    };
    let trial = Trial { location: &location, folder, spawn, pause: PAUSE_POSTGRES };
    trial.kill(kills, &mut Random(7), &mut crash)?;
    drain(&location)?;
    let mut found = Found { kills, server_kills: done, ..Found::default() };
    check(&location, folder, &mut found)?;
    indexes(&server, &location, &mut found)?;
    found.seconds = start.elapsed().as_secs_f64();
    Ok(found)
}

/// Children on one queue.
struct Trial<'t> {
    location: &'t str,
    folder: &'t Path,
    spawn: &'t Spawn,
    pause: u64,
}

impl Trial<'_> {
    fn start(&self, role: &str, seed: u64) -> anyhow::Result<Child> {
        let mut command = (self.spawn)(role, self.location, self.folder, seed);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().context("cannot start a child")
    }

    /// Kills one after the other and starts it anew; `between` comes after each kill.
    fn kill(
        &self,
        kills: usize,
        random: &mut Random,
        between: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut children = Vec::new();
        for (n, role) in ROLES.into_iter().enumerate() {
            children.push(self.start(role, n as u64)?);
        }
        for n in 0..kills {
            std::thread::sleep(Duration::from_micros(random.below(self.pause)));
            let slot = random.index(children.len());
            let ended = children[slot].try_wait()?;
            ensure!(ended.is_none(), "a child ended by itself: {ended:?}");
            children[slot].kill()?;
            children[slot].wait()?;
            between()?;
            children[slot] = self.start(ROLES[slot], (kills + n) as u64)?;
        }
        for mut child in children {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}

/// Brings every item to its end, as if a minute had passed: nothing may be stuck.
pub(crate) fn drain(location: &str) -> anyhow::Result<()> {
    let work = async |queue: &Queue| -> Result<(), Error> {
        let now = queue.report().await?.at;
        for round in 1..200 {
            let queue = queue.at(now + 60.0 * f64::from(round))?;
            for state in [QueueState::Failed, QueueState::Stale, QueueState::Dead] {
                queue.requeue(Which::State(state), "drain").await?;
            }
            for stage in [Stage::Verify, Stage::Apply] {
                queue.approve(Which::State(QueueState::Verified), "drain").await?;
                let claim =
                    Claim { worker: "drain".to_owned(), stage, lease_seconds: 30.0, limit: 1000 };
                for one in queue.claim(&claim).await? {
                    queue.complete(&one.item.id, one.token, &Completed::default()).await?;
                }
            }
            if queue.counts().await?.iter().all(|(state, _)| *state == QueueState::Applied) {
                break;
            }
        }
        Ok(())
    };
    run(work, location, false)
}

pub(crate) fn run<T>(
    work: impl AsyncFnOnce(&Queue) -> Result<T, Error>,
    location: &str,
    create: bool,
) -> anyhow::Result<T> {
    let location = location.parse()?;
    let open = if create { queue::blocking::Queue::init } else { queue::blocking::Queue::open };
    Ok(open(&location)?.run(work)?)
}

// What the children do until they are killed.

/// Runs one child. Returns only when something is wrong.
pub(crate) fn child(role: &str, location: &str, folder: &Path, seed: u64) -> anyhow::Result<()> {
    let location = location.parse()?;
    let mut files = Files::open(folder, seed)?;
    let mut random = Random(seed.wrapping_mul(31) + 5);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        loop {
            let done = match Queue::open(&location).await {
                Ok(queue) => act(role, &queue, &mut files, &mut random, seed).await,
                Err(error) => Err(error.into()),
            };
            let error = done.err().context("a child ends by a kill only")?;
            // The server is away, or somebody else has the file: what anybody would try again.
            let again = error.downcast_ref::<Error>().is_some_and(|error| {
                matches!(
                    error,
                    Error::Lost { .. } | Error::Unreachable { .. } | Error::Locked { .. }
                )
            });
            if !again {
                return Err(error);
            }
        }
    })
}

async fn act(
    role: &str,
    queue: &Queue,
    files: &mut Files,
    random: &mut Random,
    seed: u64,
) -> anyhow::Result<()> {
    match role {
        "worker" => loop {
            let stage = if random.below(2) == 0 { Stage::Verify } else { Stage::Apply };
            let limit = 1 + random.index(3);
            let claim = Claim { worker: format!("w{seed}"), stage, lease_seconds: LEASE, limit };
            for one in queue.claim(&claim).await? {
                attempt(queue, &one, files, random).await?;
            }
        },
        "enqueuer" => {
            for n in 0.. {
                let n = n % ITEMS;
                let items: Vec<_> =
                    (0..1 + random.index(4)).map(|m| item(seed, n * 4 + m, random)).collect();
                queue.enqueue(&items).await?;
                for item in items {
                    files.line(&format!("item {}", item.id))?;
                }
            }
            Ok(())
        }
        _ => loop {
            queue.approve(Which::State(QueueState::Verified), "approver").await?;
            match random.below(8) {
                0 => drop(queue.requeue(Which::State(QueueState::Dead), "approver").await?),
                1 => drop(queue.requeue(Which::State(QueueState::Stale), "approver").await?),
                2 => drop(queue.learn(|classes| vec![1.0; classes.len()]).await?),
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        },
    }
}

/// An effect outside the queue, then the word about it.
async fn attempt(
    queue: &Queue,
    one: &Claimed,
    files: &mut Files,
    random: &mut Random,
) -> anyhow::Result<()> {
    let (id, token) = (one.item.id.as_str(), one.token);
    files.line(&format!("effect {id} {token}"))?;
    if random.below(10) == 0 {
        tokio::time::sleep(TOO_LONG).await;
    }
    let settled = match random.below(20) {
        0 => {
            let (reason, class) = ("no".to_owned(), "trial".to_owned());
            let retry = Retry::After(0.01);
            let failure = Failure { reason, class, seconds: Some(0.01), retry };
            queue.fail(id, token, &failure).await
        }
        1 => queue.stale(id, token, "trial").await,
        2 => queue.release(id, token, None, None).await,
        3 => {
            let beat = queue.heartbeat(id, token, LEASE).await;
            return fenced_or(beat.map(drop), id, token, files);
        }
        _ => {
            let completed = Completed { seconds: Some(0.01), ..Completed::default() };
            let done = queue.complete(id, token, &completed).await;
            if done.is_ok() {
                files.line(&format!("complete {id} {token}"))?;
            }
            done
        }
    };
    fenced_or(settled.map(drop), id, token, files)
}

fn fenced_or(
    settled: Result<(), Error>,
    id: &str,
    token: i64,
    files: &mut Files,
) -> anyhow::Result<()> {
    match settled {
        Err(Error::Fenced { .. }) => files.line(&format!("fenced {id} {token}")),
        other => Ok(other?),
    }
}

pub(crate) fn item(seed: u64, n: usize, random: &mut Random) -> QueueItem {
    let rule = format!("rule{}", random.below(5));
    QueueItem {
        id: format!("{seed}-{n}"),
        policy_id: rule.clone(),
        state: QueueState::Queued,
        manifest_path: "a.yaml".to_owned(),
        object: ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: None,
            name: "web".to_owned(),
            generate_name: String::new(),
            document: 0,
            prefix: String::new(),
        },
        patch: Vec::new(),
        risk: random.below(100) as f64,
        probability: 0.9,
        expected_time: 1.0,
        kev: random.below(10) == 0,
        rule: Some(rule),
        proposer: "rules".to_owned(),
        applicability: None,
        deadline: None,
    }
}

/// One file for each child, to which it only appends. A kill does not undo what is written.
pub(crate) struct Files(File);

impl Files {
    pub(crate) fn open(folder: &Path, seed: u64) -> anyhow::Result<Self> {
        let path = folder.join(format!("child-{seed}.log"));
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    pub(crate) fn line(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.0.write_all(format!("{text}\n").as_bytes())?)
    }
}

/// Numbers that look random and are the same for a seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub(crate) fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(limit as u64)).unwrap_or_default()
    }
}

// The check shares no code with the queue: SQL on its tables, and the files of the children.

/// What must have no row, on both databases.
const NEVER: [(&str, &str); 7] = [
    (
        "a change does not begin where the one before ended",
        "SELECT item FROM (SELECT item, state_from, lag(state_to) OVER (PARTITION BY item ORDER BY seq)
             AS before FROM journal) AS steps
         WHERE state_from IS DISTINCT FROM before",
    ),
    (
        "an item did not begin as queued",
        "SELECT id FROM items WHERE 'queued' IS DISTINCT FROM
             (SELECT state_to FROM journal WHERE item = items.seq ORDER BY seq LIMIT 1)",
    ),
    (
        "an item is not where its last change left it",
        "SELECT id FROM items WHERE state IS DISTINCT FROM
             (SELECT state_to FROM journal WHERE item = items.seq ORDER BY seq DESC LIMIT 1)",
    ),
    (
        "an item was applied twice",
        "SELECT item FROM journal WHERE state_to = 'applied' GROUP BY item HAVING count(*) > 1",
    ),
    (
        "a lease has no higher token than the one before",
        "SELECT item FROM (SELECT item, token, lag(token) OVER (PARTITION BY item ORDER BY seq)
             AS before FROM journal WHERE event = 'claim') AS leases
         WHERE token <= before",
    ),
    (
        "a token was used for two settlements",
        "SELECT item FROM journal WHERE event IN ('complete', 'fail', 'stale', 'release')
         GROUP BY item, token HAVING count(*) > 1",
    ),
    ("an item did not come to its end", "SELECT id FROM items WHERE state <> 'applied'"),
];

pub(crate) fn check(location: &str, folder: &Path, found: &mut Found) -> anyhow::Result<()> {
    let logs = Logs::read(folder)?;
    let tables = Tables::read(location)?;
    found.wrong.extend(tables.wrong);
    found.acknowledged += logs.items.len();
    found.completed += logs.completed.len();
    found.fenced += logs.fenced;
    found.expired += tables.expired;
    found.changes += tables.changes;
    for lost in logs.items.difference(&tables.items) {
        found.wrong.push(format!("acknowledged and lost: {lost}"));
    }
    for lost in logs.completed.difference(&tables.completed) {
        found.wrong.push(format!("completed and forgotten: {lost}"));
    }
    // Those of the drain have no effect.
    for without in tables.completed.difference(&logs.effects) {
        found.wrong.push(format!("completed without an effect: {without}"));
    }
    let without = logs.effects.difference(&tables.completed).count();
    found.effects_without_completion += without;
    Ok(())
}

/// What the children wrote; leases are `ID TOKEN`.
#[derive(Default)]
struct Logs {
    items: HashSet<String>,
    effects: HashSet<String>,
    completed: HashSet<String>,
    fenced: usize,
}

impl Logs {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut logs = Self::default();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|kind| kind != "log") {
                continue;
            }
            for line in std::fs::read_to_string(path)?.lines() {
                match line.split_once(' ') {
                    Some(("item", id)) => drop(logs.items.insert(id.to_owned())),
                    Some(("effect", lease)) => drop(logs.effects.insert(lease.to_owned())),
                    Some(("complete", lease)) => drop(logs.completed.insert(lease.to_owned())),
                    _ => logs.fenced += 1,
                }
            }
        }
        Ok(logs)
    }
}

/// What the database says when it is asked directly.
struct Tables {
    items: HashSet<String>,
    completed: HashSet<String>,
    expired: usize,
    changes: usize,
    wrong: Vec<String>,
}

impl Tables {
    fn read(location: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut plain = Plain::connect(location).await?;
            let mut wrong = Vec::new();
            for (what, sql) in NEVER {
                let rows = plain.rows(sql).await?;
                if !rows.is_empty() {
                    wrong.push(format!("{what}: {} times", rows.len()));
                }
            }
            wrong.extend(plain.damage().await?);
            let mut counts = HashMap::new();
            for what in ["expire", "%"] {
                let sql = format!("SELECT count(*) FROM journal WHERE event LIKE '{what}'");
                let count = plain.rows(&sql).await?.pop().unwrap_or_default();
                counts.insert(what, count.parse::<usize>()?);
            }
            let completed = "SELECT i.id || ' ' || j.token FROM journal j
                JOIN items i ON i.seq = j.item
                WHERE j.event = 'complete' AND j.who <> 'drain'";
            Ok(Self {
                items: plain.rows("SELECT id FROM items").await?.into_iter().collect(),
                completed: plain.rows(completed).await?.into_iter().collect(),
                expired: counts["expire"],
                changes: counts["%"],
                wrong,
            })
        })
    }
}

/// A connection of our own.
pub(crate) enum Plain {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Plain {
    pub(crate) async fn connect(location: &str) -> anyhow::Result<Self> {
        use sqlx::Connection as _;
        if !location.starts_with("postgres://") {
            let url = format!("sqlite:{location}");
            return Ok(Self::Sqlite(sqlx::SqliteConnection::connect(&url).await?));
        }
        let mut connection = sqlx::PgConnection::connect(location).await?;
        sqlx::raw_sql("SET search_path = k8s_auto_fix").execute(&mut connection).await?;
        Ok(Self::Postgres(connection))
    }

    /// The first column as text.
    async fn rows(&mut self, sql: &str) -> anyhow::Result<Vec<String>> {
        let text = format!("SELECT CAST(c AS text) FROM ({sql}) AS rows(c)");
        let with = format!("WITH rows(c) AS ({sql}) SELECT CAST(c AS text) FROM rows");
        let rows: Vec<(String,)> = match self {
            Self::Sqlite(connection) => {
                sqlx::query_as(sqlx::AssertSqlSafe(with)).fetch_all(connection).await?
            }
            Self::Postgres(connection) => {
                sqlx::query_as(sqlx::AssertSqlSafe(text)).fetch_all(connection).await?
            }
        };
        Ok(rows.into_iter().map(|(text,)| text).collect())
    }

    /// What the database says of its own file.
    async fn damage(&mut self) -> anyhow::Result<Vec<String>> {
        let Self::Sqlite(connection) = self else { return Ok(Vec::new()) };
        let said: Vec<(String,)> =
            sqlx::query_as("PRAGMA integrity_check").fetch_all(connection).await?;
        Ok(said.into_iter().map(|(text,)| text).filter(|text| text != "ok").collect())
    }
}

/// Every index of the queue agrees with its table, as PostgreSQL's own check says.
fn indexes(server: &Postgres, location: &str, found: &mut Found) -> anyhow::Result<()> {
    let database = location.rsplit('/').next().unwrap_or_default();
    let sql = "CREATE EXTENSION IF NOT EXISTS amcheck;
        SELECT count(bt_index_check(c.oid, true)) FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
        WHERE n.nspname = 'k8s_auto_fix' AND c.relkind = 'i' AND a.amname = 'btree'";
    if let Err(error) = server.sql(database, sql) {
        found.wrong.push(format!("the check of the indexes: {error}"));
    }
    Ok(())
}
