//! New items, and new patches for stale ones.

use crate::row::unreadable;
use crate::store::{Transaction, Value};
use crate::transition::Event;
use crate::{Error, Queue, Stage};
use record::QueueItem;
use serde_json::json;
use std::collections::HashSet;

/// What [`Queue::enqueue`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// Items that the queue did not know.
    pub new: usize,
    /// Items that it knew, or that came twice; nothing of them changed.
    pub known: usize,
    /// Items that it knew with another risk, probability, time or deadline: they have the new ones
    /// and keep everything else.
    pub rescored: usize,
    /// Items that were stale: they have the new patch, are queued again and keep their age.
    pub renewed: usize,
}

/// No index is so small that it vanishes, and no product of two such numbers leaves the range that
/// both databases compute in.
const SMALLEST: f64 = 1e-9;
const LARGEST: f64 = 1e9;

const COLUMNS: [(&str, &str); 17] = [
    ("id", "text"),
    ("policy_id", "text"),
    ("class_rule", "text"),
    ("kind", "text"),
    ("rule", "text"),
    ("proposer", "text"),
    ("risk", "float8"),
    ("probability", "float8"),
    ("expected_time", "float8"),
    ("weight", "float8"),
    ("kev", "bool"),
    ("deadline", "float8"),
    ("manifest_path", "text"),
    ("namespace", "text"),
    ("object", "text"),
    ("patch", "text"),
    ("applicability", "text"),
];

const CLASSES: &str = "
    INSERT INTO classes (rule, kind, proposer, weight)
    SELECT class_rule, kind, proposer, weight FROM {rows} AS r WHERE true
    ORDER BY class_rule, kind, proposer, place
    ON CONFLICT DO NOTHING";

const RENEW: &str = "
    UPDATE items
    SET state = {after}, event = '{event}', last_update = $1, until = NULL, attempts = 0,
        who = NULL, reason = NULL, failure = NULL, seconds = NULL, inverse = NULL,
        policy_id = r.policy_id, class = c.id, rule = r.rule, proposer = r.proposer,
        risk = r.risk, probability = r.probability, expected_time = r.expected_time, kev = r.kev,
        deadline = r.deadline, due_at = {due}, manifest_path = r.manifest_path,
        namespace = r.namespace, object = r.object, patch = r.patch,
        applicability = r.applicability
    FROM {rows} AS r
    JOIN classes c ON c.rule = r.class_rule AND c.kind = r.kind AND c.proposer = r.proposer
    WHERE items.id = r.id AND items.state IN ({before})";

/// Also what a worker holds, because it may come back. What has ended stays as it was.
const RESCORE: &str = "
    UPDATE items
    SET risk = r.risk, probability = r.probability, expected_time = r.expected_time, kev = r.kev,
        deadline = r.deadline, due_at = {due}
    FROM {rows} AS r
    WHERE items.id = r.id AND items.state NOT IN ('applied', 'dead')
      AND (items.risk <> r.risk OR items.probability <> r.probability
           OR items.expected_time <> r.expected_time OR {kev}
           OR items.deadline IS DISTINCT FROM r.deadline)";

const INSERT: &str = "
    INSERT INTO items (id, policy_id, class, rule, proposer, state, enqueued_at, last_update, due_at,
                       deadline, risk, probability, expected_time, kev, event, manifest_path,
                       namespace, object, patch, applicability)
    SELECT r.id, r.policy_id, c.id, r.rule, r.proposer, 'queued', $1, $1, {due}, r.deadline, r.risk,
           r.probability, r.expected_time, r.kev, 'enqueue', r.manifest_path, r.namespace, r.object,
           r.patch, r.applicability
    FROM {rows} AS r
    JOIN classes c ON c.rule = r.class_rule AND c.kind = r.kind AND c.proposer = r.proposer
    ORDER BY r.place
    ON CONFLICT (id) DO NOTHING";

/// A lead before the earlier of the deadline and the longest wait.
pub(crate) const DUE: &str = "
    CASE WHEN r.deadline < {since} + (SELECT value FROM settings WHERE name = 'max_wait')
         THEN r.deadline ELSE {since} + (SELECT value FROM settings WHERE name = 'max_wait') END
    - (SELECT value FROM settings WHERE name = 'lead')";

impl Queue {
    /// Adds the items that are not known yet and renews those that are stale, all or none of them.
    /// A known item in any other state keeps its state, age, attempts and patch; when its scores are
    /// others than before, as after a feed has changed, it takes the new ones.
    ///
    /// # Errors
    /// When a number of an item is out of range, or the queue cannot be written.
    pub async fn enqueue(&self, items: &[QueueItem]) -> Result<Enqueued, Error> {
        items.iter().try_for_each(check)?;
        let mut seen = HashSet::new();
        let fresh: Vec<&QueueItem> = items.iter().filter(|item| seen.insert(&item.id)).collect();
        let rows: Vec<serde_json::Value> =
            fresh.into_iter().map(|item| self.columns(item)).collect::<Result<_, _>>()?;
        let text = serde_json::Value::from(rows).to_string();
        let mut transaction = self.begin().await?;
        let [renewed, rescored, new] = self.write(&mut transaction, &text).await?;
        self.commit(transaction).await?;
        let known = items.len().saturating_sub(new + renewed + rescored);
        Ok(Enqueued { new, known, rescored, renewed })
    }

    /// How many were renewed, how many have other scores, and how many are new.
    async fn write(&self, transaction: &mut Transaction, items: &str) -> Result<[usize; 3], Error> {
        if self.store.is_postgres() {
            // Two who add the same items in different orders would wait for each other for ever.
            let sql = format!("SELECT pg_advisory_xact_lock({ENQUEUE_LOCK})");
            self.run(transaction, &sql, &[]).await?;
        }
        let now = self.now(transaction).await?;
        let rows = &self.store.records("$2", &COLUMNS);
        let values = [Value::Real(Some(now)), Value::Text(Some(items))];
        let due = |since| DUE.replace("{since}", since);
        self.run(transaction, &CLASSES.replace("{rows}", rows), &values).await?;
        let renew = RENEW
            .replace("{after}", &Event::Renew.after())
            .replace("{event}", Event::Renew.as_str())
            .replace("{before}", &Event::Renew.before())
            .replace("{due}", &due("items.enqueued_at"))
            .replace("{rows}", rows);
        let renewed = self.run(transaction, &renew, &values).await?;
        let kev = if self.store.is_postgres() { "items.kev" } else { "(items.kev = 1)" };
        let rescore = RESCORE
            .replace("{kev}", &format!("{kev} <> r.kev"))
            .replace("{due}", &due("items.enqueued_at"))
            .replace("{rows}", rows);
        let rescored = self.run(transaction, &rescore, &values).await?;
        let insert = INSERT.replace("{due}", &due("$1")).replace("{rows}", rows);
        let new = self.run(transaction, &insert, &values).await?;
        if renewed + rescored + new > 0 {
            self.bump(transaction, &[Stage::Verify, Stage::Apply]).await?;
        }
        Ok([renewed, rescored, new])
    }

    fn columns(&self, item: &QueueItem) -> Result<serde_json::Value, Error> {
        let text = |value: serde_json::Result<String>| {
            value.map_err(|source| unreadable(&self.location, &item.id, source))
        };
        let class = item.class();
        let applicability =
            item.applicability.map(|applicability| text(serde_json::to_string(&applicability)));
        Ok(json!({
            "id": item.id, "policy_id": item.policy_id, "class_rule": class.rule,
            "kind": class.kind, "rule": item.rule, "proposer": item.proposer,
            "risk": normal(item.risk), "probability": item.probability,
            "expected_time": item.expected_time,
            "weight": first_weight(item.probability, item.expected_time),
            "kev": item.kev, "deadline": item.deadline, "manifest_path": item.manifest_path,
            "namespace": item.object.namespace,
            "object": text(serde_json::to_string(&item.object))?,
            "patch": text(serde_json::to_string(&item.patch))?,
            "applicability": applicability.transpose()?,
        }))
    }
}

/// "k8ae": any number that others do not use.
const ENQUEUE_LOCK: i64 = 0x6b38_6165;

/// The weight of a class of which nothing is learnt yet.
pub(crate) fn first_weight(probability: f64, expected_time: f64) -> f64 {
    (probability / expected_time.max(1e-6)).clamp(SMALLEST, LARGEST)
}

/// A weight in the range that both databases compute in; `None` when it is none.
pub(crate) fn weight(value: f64) -> Option<f64> {
    (value.is_finite() && value >= 0.0).then(|| value.clamp(SMALLEST, LARGEST))
}

fn normal(risk: f64) -> f64 {
    if risk < SMALLEST { 0.0 } else { risk }
}

fn check(item: &QueueItem) -> Result<(), Error> {
    let numbers = [
        ("risk", item.risk),
        ("probability", item.probability),
        ("expected_time", item.expected_time),
        ("deadline", item.deadline.unwrap_or_default()),
    ];
    // A deadline is a time, and times are larger.
    let bad = |(field, value): &&(&str, f64)| {
        let most = if *field == "deadline" { f64::MAX } else { LARGEST };
        !(0.0..=most).contains(value)
    };
    match numbers.iter().find(bad) {
        Some(&(field, value)) => Err(Error::Item { id: item.id.clone(), field, value }),
        None => Ok(()),
    }
}
