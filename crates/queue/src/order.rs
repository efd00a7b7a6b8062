//! Which item is next. The rule is in the documentation of the crate.

use crate::store::{Transaction, Value};
use crate::{Claim, Error, Queue, Stage};
use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// What goes next.
pub(crate) struct Turn {
    pub(crate) lane: i64,
    pub(crate) seq: i64,
    pub(crate) due: bool,
}

/// The best items of a lane as they were at a generation, best first.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) generation: i64,
    pub(crate) lane: i64,
    seqs: VecDeque<i64>,
    ranked: Instant,
}

/// Items that are ranked at once for the claims to come.
const DEPTH: usize = 256;
/// Classes whose best items are looked at first, to tell how good an item must be to be among these;
/// of each, as many items as make twice the depth.
const SAMPLED: usize = 16;
/// Others who claim as much at the same time, before a claim finds all of its candidates taken.
const OTHERS: usize = 8;
/// Candidates of a claim beyond that, and most that are for others.
const SPARE: usize = 32;
const MOST_FOR_OTHERS: usize = 512;
/// A claim that was rolled back gives its item back without a sign; it is seen again after this.
const GOOD_FOR: Duration = Duration::from_secs(1);

const LANE: &str = "SELECT lane FROM items WHERE lane = $1 LIMIT 1";
const DUE: &str = "
    SELECT seq FROM items WHERE lane = $1 AND due_at <= $2 ORDER BY due_at, seq LIMIT 1";
/// Only the head of a class can be the best item.
const HEAD: &str = "
    SELECT i.seq
    FROM (SELECT weight, (SELECT seq FROM items WHERE lane = $1 AND class = classes.id
                          ORDER BY risk DESC, seq LIMIT 1) AS head
          FROM classes) AS heads
    JOIN items i ON i.seq = heads.head
    ORDER BY i.risk * heads.weight DESC, i.risk DESC, i.seq
    LIMIT 1";

/// The best items of the classes with the best heads are a sample: what is not as good as the last that
/// is wanted of the sample cannot be among the best of all.
const RANK: &str = "
    WITH lane AS MATERIALIZED (
        SELECT max(lane) AS n FROM (
            (SELECT lane FROM items WHERE lane = {high} LIMIT 1) UNION ALL
            (SELECT lane FROM items WHERE lane = {low} LIMIT 1)) lanes),
    heads AS MATERIALIZED (
        SELECT c.id AS class, c.weight, h.risk * c.weight AS index
        FROM classes c CROSS JOIN LATERAL (
            SELECT risk FROM items
            WHERE lane = (SELECT n FROM lane) AND class = c.id
            ORDER BY risk DESC, seq LIMIT 1) h),
    sample AS MATERIALIZED (
        SELECT i.risk * h.weight AS index
        FROM (SELECT class, weight FROM heads ORDER BY index DESC LIMIT {sampled}) h
        CROSS JOIN LATERAL (
            SELECT risk FROM items
            WHERE lane = (SELECT n FROM lane) AND class = h.class
            ORDER BY risk DESC, seq LIMIT {each}) i),
    least AS MATERIALIZED (
        SELECT coalesce(
            (SELECT index FROM sample ORDER BY index DESC OFFSET {depth} - 1 LIMIT 1) * (1 - 1e-9),
            0.0) AS index)
    SELECT (SELECT n FROM generations WHERE stage = {stage}), (SELECT n FROM lane), i.seq
    FROM heads h CROSS JOIN LATERAL (
        SELECT seq, risk FROM items
        WHERE lane = (SELECT n FROM lane) AND class = h.class
              AND risk >= (SELECT index FROM least) / h.weight
        ORDER BY risk DESC, seq LIMIT {depth}) i
    WHERE h.index >= (SELECT index FROM least)
    ORDER BY i.risk * h.weight DESC, i.risk DESC, i.seq
    LIMIT {depth}";

impl Order {
    /// As PostgreSQL writes an array.
    pub(crate) fn array(&self) -> String {
        let seqs: Vec<String> = self.seqs.iter().map(i64::to_string).collect();
        format!("{{{}}}", seqs.join(","))
    }

    /// Where an item stands; `None`, which comes first, when it does not.
    pub(crate) fn place(&self, seq: i64) -> Option<usize> {
        self.seqs.iter().position(|other| *other == seq)
    }
}

impl Queue {
    /// Who goes next, with the lock of the file in hand.
    pub(crate) async fn turn(
        &self,
        transaction: &mut Transaction,
        stage: Stage,
        now: f64,
    ) -> Result<Option<Turn>, Error> {
        for lane in [stage.lane() + 1, stage.lane()] {
            let value = [Value::Int(lane)];
            let any: Vec<(i64,)> = self.rows(transaction, LANE, &value).await?;
            if any.is_empty() {
                continue;
            }
            let n = self.turns(transaction, lane).await? + 1;
            let due = [Value::Int(lane), Value::Real(Some(now))];
            let found: Vec<(i64,)> =
                if n % 2 == 0 { self.rows(transaction, DUE, &due).await? } else { Vec::new() };
            if let Some((seq,)) = found.first() {
                return Ok(Some(Turn { lane, seq: *seq, due: true }));
            }
            let best: Vec<(i64,)> = self.rows(transaction, HEAD, &value).await?;
            return Ok(best.first().map(|(seq,)| Turn { lane, seq: *seq, due: false }));
        }
        Ok(None)
    }

    /// Items that were handed out of a lane.
    async fn turns(&self, transaction: &mut Transaction, lane: i64) -> Result<i64, Error> {
        let sql = if self.store.is_postgres() {
            format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM turns_{lane}")
        } else {
            format!("SELECT n FROM turns WHERE lane = {lane}")
        };
        let found: Vec<(i64,)> = self.rows(transaction, &sql, &[]).await?;
        Ok(found.first().map_or(0, |(n,)| *n))
    }

    /// The candidates of a claim; `None` when nothing is ready. The first attempt takes what was
    /// ranked before; when others hold all of a lane, a later attempt looks into the other.
    pub(crate) async fn order(&self, claim: &Claim, attempt: u32) -> Result<Option<Order>, Error> {
        let wanted = claim.limit + (claim.limit * OTHERS).min(MOST_FOR_OTHERS) + SPARE;
        let known = self.orders()[claim.stage.index()].clone();
        let known = known.filter(|order| order.ranked.elapsed() < GOOD_FOR);
        if let (0, Some(mut order)) = (attempt, known) {
            order.seqs.truncate(wanted);
            return Ok(Some(order));
        }
        let ranked = Instant::now();
        let low = claim.stage.lane();
        let high = if attempt > 1 { low } else { low + 1 };
        let depth = DEPTH.max(wanted);
        let sql = RANK
            .replace("{high}", &high.to_string())
            .replace("{low}", &low.to_string())
            .replace("{sampled}", &SAMPLED.to_string())
            .replace("{each}", &(2 * depth).div_ceil(SAMPLED).to_string())
            // Written out, because the planner must know how few rows are wanted.
            .replace("{depth}", &depth.to_string())
            .replace("{stage}", &low.to_string());
        let rows: Vec<(i64, i64, i64)> = self.single(&sql, &[]).await?;
        let Some(&(generation, lane, _)) = rows.first() else { return Ok(None) };
        let seqs = rows.into_iter().map(|(.., seq)| seq).collect();
        let mut order = Order { generation, lane, seqs, ranked };
        if attempt <= 1 {
            self.orders()[claim.stage.index()] = Some(order.clone());
        }
        order.seqs.truncate(wanted);
        Ok(Some(order))
    }

    /// Forgets candidates up to the last that was taken: those before it are in other hands. When
    /// none was, all are, or the order is an old one.
    pub(crate) fn used(&self, stage: Stage, order: &Order, taken: &[i64]) {
        let mut orders = self.orders();
        let slot = &mut orders[stage.index()];
        let Some(known) = slot.as_mut().filter(|known| known.generation == order.generation) else {
            return;
        };
        match taken.iter().filter_map(|seq| order.place(*seq)).max() {
            Some(last) => {
                let gone: Vec<i64> = order.seqs.iter().take(last + 1).copied().collect();
                known.seqs.retain(|seq| !gone.contains(seq));
            }
            None if taken.is_empty() => known.seqs.clear(),
            None => {}
        }
        if known.seqs.is_empty() {
            *slot = None;
        }
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, [Option<Order>; 2]> {
        self.shared.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
