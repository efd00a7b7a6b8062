//! Handing out items: the order, leases, and what brings items back.

use crate::order::Order;
use crate::row::{COLUMNS, Stored};
use crate::store::{Transaction, Value};
use crate::transition::Event;
use crate::{Error, Queue, Stage};
use record::QueueItem;
use std::time::{Duration, Instant};

/// What a worker asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Name of the worker, for people.
    pub worker: String,
    /// What it is going to do.
    pub stage: Stage,
    /// Seconds that the items are its own, until [`Queue::heartbeat`]; at most a day.
    pub lease_seconds: f64,
    /// Most items at once, 1 to 1000.
    pub limit: usize,
}

/// An item that a worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The item, in its new state.
    pub item: QueueItem,
    /// Proves that the worker holds it. It rises with every lease of the item, so an effect outside
    /// the queue that keeps it can refuse workers that lost theirs.
    pub token: i64,
    /// When the lease runs out, Unix seconds of the queue's clock.
    pub lease_until: f64,
    /// The number of this attempt in this stage; the first is 1.
    pub attempt: i64,
    /// The attempt after which a failure is final.
    pub max_attempts: i64,
    /// When the item came in, Unix seconds.
    pub enqueued_at: f64,
    /// It was handed out because it was due.
    pub due: bool,
}

/// Longest lease, in seconds.
pub const LONGEST_LEASE: f64 = 86_400.0;
/// Seconds that a clock may go back before leases and sleeps that began later count as over.
pub const CLOCK_SLACK: f64 = 60.0;
/// Most items that one claim hands out.
const MOST: usize = 1000;

/// Leases and sleeps are looked through this often.
const SWEEP: Duration = Duration::from_secs(1);
/// A lease or sleep that is over, or that began in a future from which the clock came back.
const OVER: &str = "until IS NOT NULL AND (until <= {now} OR last_update > {now} + {slack})";
const ANY_OVER: &str =
    "SELECT EXISTS (SELECT 1 FROM items WHERE until IS NOT NULL AND until <= {now})
    OR EXISTS (SELECT 1 FROM items WHERE until IS NOT NULL AND last_update > {now} + {slack})";

const LEASE: &str = "
    state = {after}, event = 'claim', last_update = {now}, until = {now} + $2, token = token + 1,
    attempts = attempts + 1, who = $3, failure = NULL, seconds = NULL";

/// One statement, so that a claim is one question to the server: nothing of it happens unless the
/// order in `$6` is still that of generation `$5`. `lane + 0` keeps the index of all that waits out of
/// it: without statistics, as after a large import, the whole of it would be read.
const TAKE: &str = "
    WITH fresh AS MATERIALIZED (SELECT n FROM generations WHERE stage = {stage} AND n = $5),
    turns AS MATERIALIZED (
        SELECT count(*) FILTER (WHERE nextval('turns_{lane}') % 2 = 0) AS due
        FROM fresh, generate_series(1, $4)),
    due AS MATERIALIZED (
        SELECT seq FROM items
        WHERE lane = {lane} AND due_at <= {now}
        ORDER BY due_at, seq
        LIMIT (SELECT due FROM turns)
        FOR UPDATE SKIP LOCKED),
    best AS MATERIALIZED (
        SELECT seq FROM items
        WHERE seq = ANY ($6::text::bigint[]) AND lane + 0 = {lane} AND EXISTS (SELECT 1 FROM fresh)
              AND NOT seq = ANY (ARRAY (SELECT seq FROM due))
        ORDER BY array_position($6::text::bigint[], seq)
        LIMIT $4 - (SELECT count(*) FROM due)
        FOR UPDATE SKIP LOCKED)
    UPDATE items
    SET {lease},
        reason = CASE WHEN seq = ANY (ARRAY (SELECT seq FROM due)) THEN 'due' END
    WHERE seq = ANY (ARRAY (SELECT seq FROM due UNION ALL SELECT seq FROM best))
    RETURNING {columns}";

impl Queue {
    /// Hands out the next items of a stage, by the order that the crate describes; none when nothing
    /// is ready. Fewer than asked for are no sign that nothing is left.
    ///
    /// # Errors
    /// When an argument is out of range, or the queue cannot be written.
    pub async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, Error> {
        lease_seconds(claim.lease_seconds)?;
        if !(1..=MOST).contains(&claim.limit) {
            let value = f64::from(u32::try_from(claim.limit).unwrap_or(u32::MAX));
            return Err(Error::Number { name: "limit", value, expected: "1 to 1000" });
        }
        let rows = if self.store.is_postgres() {
            self.sweep_now_and_then().await?;
            self.claim_shared(claim).await?
        } else {
            self.claim_alone(claim).await?
        };
        rows.into_iter().map(|row| self.claimed(row)).collect()
    }

    fn claimed(&self, row: Stored) -> Result<Claimed, Error> {
        let row = row.read(&self.location)?;
        let (token, lease_until) = (row.token, row.until.unwrap_or_default());
        let (attempt, max_attempts) = (row.attempts, row.max_attempts);
        let (enqueued_at, due) = (row.enqueued_at, row.reason.as_deref() == Some(WAS_DUE));
        let id = row.id.clone();
        let item = row.into_item().ok_or(Error::Unknown { id })?;
        Ok(Claimed { item, token, lease_until, attempt, max_attempts, enqueued_at, due })
    }

    /// With the whole file locked: one item after the other.
    async fn claim_alone(&self, claim: &Claim) -> Result<Vec<Stored>, Error> {
        let mut transaction = self.begin().await?;
        let now = self.now(&mut transaction).await?;
        if self.is_time_to_sweep() {
            self.sweep(&mut transaction, now).await?;
        }
        let sql = format!(
            "UPDATE items SET {}, reason = $4 WHERE seq = $5 RETURNING {COLUMNS}",
            lease(claim.stage, "$1")
        );
        let mut taken = Vec::new();
        while taken.len() < claim.limit {
            let turn = self.turn(&mut transaction, claim.stage, now).await?;
            let Some(turn) = turn else { break };
            let lane = [Value::Int(turn.lane)];
            self.run(&mut transaction, "UPDATE turns SET n = n + 1 WHERE lane = $1", &lane).await?;
            let values = [
                Value::Real(Some(now)),
                Value::Real(Some(claim.lease_seconds)),
                Value::Text(Some(&claim.worker)),
                Value::Text(turn.due.then_some(WAS_DUE)),
                Value::Int(turn.seq),
            ];
            taken.extend(self.rows::<Stored>(&mut transaction, &sql, &values).await?);
        }
        self.commit(transaction).await?;
        Ok(taken)
    }

    /// Beside others: ranks without a lock, then takes what nobody else holds.
    async fn claim_shared(&self, claim: &Claim) -> Result<Vec<Stored>, Error> {
        for attempt in 0..ATTEMPTS {
            let Some(order) = self.order(claim, attempt).await? else { return Ok(Vec::new()) };
            let taken = self.take(claim, &order).await;
            let seqs = taken.iter().flatten().map(|row| row.seq).collect::<Vec<_>>();
            self.used(claim.stage, &order, &seqs);
            let taken = taken?;
            if !taken.is_empty() {
                return Ok(taken);
            }
            tokio::time::sleep(PAUSE * attempt).await;
        }
        Ok(Vec::new())
    }

    async fn take(&self, claim: &Claim, order: &Order) -> Result<Vec<Stored>, Error> {
        let sql = TAKE
            .replace("{lease}", &lease(claim.stage, "{now}"))
            .replace("{now}", self.store.now())
            .replace("{columns}", COLUMNS)
            .replace("{stage}", &claim.stage.lane().to_string())
            .replace("{lane}", &order.lane.to_string());
        let values = [
            self.store.clock(self.fixed),
            Value::Real(Some(claim.lease_seconds)),
            Value::Text(Some(&claim.worker)),
            Value::Int(i64::try_from(claim.limit).unwrap_or(i64::MAX)),
            Value::Int(order.generation),
            Value::Text(Some(&order.array())),
        ];
        let mut rows: Vec<Stored> = self.single(&sql, &values).await?;
        // What is due is in nobody's order; it goes first.
        rows.sort_by_key(|row| order.place(row.seq));
        Ok(rows)
    }

    async fn sweep_now_and_then(&self) -> Result<(), Error> {
        if !self.is_time_to_sweep() {
            return Ok(());
        }
        let any = over(ANY_OVER, self.store.now());
        let found: Vec<(bool,)> = self.single(&any, &[self.store.clock(self.fixed)]).await?;
        if found.iter().any(|(found,)| *found) {
            let mut transaction = self.begin().await?;
            let now = self.now(&mut transaction).await?;
            self.sweep(&mut transaction, now).await?;
            self.commit(transaction).await?;
        }
        Ok(())
    }

    fn is_time_to_sweep(&self) -> bool {
        let mut last = self.shared.swept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Somebody else's time does not pass by itself.
        let is_time = self.fixed.is_some() || last.is_none_or(|at| at.elapsed() >= SWEEP);
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }

    /// Ends the leases and sleeps that are over.
    async fn sweep(&self, transaction: &mut Transaction, now: f64) -> Result<(), Error> {
        let values = [Value::Real(Some(now))];
        let found: Vec<(bool,)> = self.rows(transaction, &over(ANY_OVER, "$1"), &values).await?;
        if !found.iter().any(|(found,)| *found) {
            return Ok(());
        }
        let expire = format!(
            "UPDATE items SET state = {}, event = 'expire', last_update = $1, until = NULL, \
             token = token + 1, reason = 'the lease ran out' WHERE {}",
            Event::Expire.after(),
            self.store.locked(&format!("state IN ({}) AND {OVER}", Event::Expire.before())),
        );
        let wake = format!(
            "UPDATE items SET state = wakes_as, event = 'wake', last_update = $1, until = NULL \
             WHERE {}",
            self.store.locked(&format!("state IN ({}) AND {OVER}", Event::Wake.before())),
        );
        let resume = format!(
            "UPDATE items SET until = NULL WHERE {}",
            self.store.locked(&format!("state IN ('queued', 'approved') AND {OVER}")),
        );
        for sql in [expire, wake, resume] {
            self.run(transaction, &over(&sql, "$1"), &values).await?;
        }
        self.bump(transaction, &[Stage::Verify, Stage::Apply]).await
    }
}

/// The reason in the journal of a claim that went to a due item.
pub(crate) const WAS_DUE: &str = "due";
/// Tries to take something that others do not take first.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(2);

fn lease(stage: Stage, now: &str) -> String {
    let after = match stage {
        Stage::Verify => "'leased'",
        Stage::Apply => "'applying'",
    };
    LEASE.replace("{after}", after).replace("{now}", now)
}

fn over(sql: &str, now: &str) -> String {
    sql.replace("{now}", now).replace("{slack}", &format!("{CLOCK_SLACK:?}"))
}

pub(crate) fn lease_seconds(value: f64) -> Result<(), Error> {
    if value > 0.0 && value <= LONGEST_LEASE {
        return Ok(());
    }
    Err(Error::Number { name: "lease", value, expected: "more than 0 and at most 86400 seconds" })
}
