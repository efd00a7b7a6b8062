//! A copy of the queue, and rows of a queue of the reference system.

use crate::enqueue::first_weight;
use crate::store::{Store, Value};
use crate::{Enqueued, Error, Filter, Location, Queue, Row};
use std::fs::File;
use std::path::Path;

impl Queue {
    /// Writes a copy of an SQLite queue as it is at one moment, while others go on. The copy is a
    /// queue of its own.
    ///
    /// # Errors
    /// When something is at the path, the copy cannot be written, or the queue is on PostgreSQL,
    /// which has tools of its own for this.
    pub async fn backup(&self, target: &Path) -> Result<(), Error> {
        let refused = |reason: String| Error::Backup {
            queue: self.location.clone(),
            target: target.display().to_string(),
            reason,
        };
        let Store::Sqlite(pool) = &self.store else {
            return Err(refused(
                "use pg_dump, which copies a database while it is used".to_owned(),
            ));
        };
        if target.try_exists().unwrap_or(true) {
            return Err(refused("something is there already; give another path".to_owned()));
        }
        let mut name = target.as_os_str().to_owned();
        name.push(".part");
        let part = Path::new(&name);
        let text = part.to_str().ok_or_else(|| refused("the path is not UTF-8".to_owned()))?;
        let written = sqlx::query("VACUUM INTO $1").bind(text).execute(pool).await;
        let placed = written.map_err(|error| error.to_string()).and_then(|_| {
            // Only a whole copy gets the name.
            File::open(part)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(part, target))
                .map_err(|error| error.to_string())
        });
        placed.map_err(|reason| {
            let _ = std::fs::remove_file(part);
            refused(reason)
        })
    }

    /// Copies the rows of a queue of the reference system, a file that stays as it is. Rows that are
    /// known are left alone. They have no patch, so no worker can take them; they are there to be
    /// seen. To turn the file itself into a queue, open it.
    ///
    /// # Errors
    /// When the file is no such queue or has rows that cannot be kept, or this queue cannot be
    /// written.
    pub async fn import(&self, file: &Path) -> Result<Enqueued, Error> {
        // A copy becomes a queue of our kind, which checks every row.
        let refused = |reason: String| Error::Import { queue: file.into(), reason };
        let folder = tempfile::tempdir().map_err(|error| refused(error.to_string()))?;
        let copy = folder.path().join("queue.db");
        std::fs::copy(file, &copy).map_err(|error| refused(error.to_string()))?;
        let source = Self::open(&Location::from(copy.as_path())).await?;
        let rows = source.list(&Filter::default()).await?;
        source.close().await;
        if rows.iter().any(|row| row.work.is_some()) {
            return Err(refused("it is a queue of this program, not of the reference".to_owned()));
        }
        let new = self.write_reference(&rows).await?;
        let known = rows.len().saturating_sub(new);
        Ok(Enqueued { new, known, rescored: 0, renewed: 0 })
    }

    async fn write_reference(&self, rows: &[Row]) -> Result<usize, Error> {
        let rows: Vec<serde_json::Value> = rows.iter().map(columns).collect();
        let text = serde_json::Value::from(rows).to_string();
        let from = self.store.records("$1", &COLUMNS);
        let mut transaction = self.begin().await?;
        let values = [Value::Text(Some(&text))];
        self.run(&mut transaction, &CLASSES.replace("{rows}", &from), &values).await?;
        let new = self.run(&mut transaction, &ITEMS.replace("{rows}", &from), &values).await?;
        self.commit(transaction).await?;
        Ok(new)
    }
}

const COLUMNS: [(&str, &str); 10] = [
    ("id", "text"),
    ("policy_id", "text"),
    ("attempts", "bigint"),
    ("max_attempts", "bigint"),
    ("enqueued_at", "float8"),
    ("risk", "float8"),
    ("probability", "float8"),
    ("expected_time", "float8"),
    ("weight", "float8"),
    ("kev", "bool"),
];

const CLASSES: &str = "
    INSERT INTO classes (rule, kind, proposer, weight)
    SELECT policy_id, '', 'rules', weight FROM {rows} AS r WHERE true ORDER BY policy_id, place
    ON CONFLICT DO NOTHING";

const ITEMS: &str = "
    INSERT INTO items (id, policy_id, class, proposer, state, attempts, max_attempts, enqueued_at,
                       last_update, due_at, risk, probability, expected_time, kev, event)
    SELECT r.id, r.policy_id, c.id, 'rules', 'queued', r.attempts, r.max_attempts, r.enqueued_at,
           r.enqueued_at,
           r.enqueued_at + (SELECT value FROM settings WHERE name = 'max_wait')
           - (SELECT value FROM settings WHERE name = 'lead'), r.risk,
           r.probability, r.expected_time, r.kev, 'enqueue'
    FROM {rows} AS r
    JOIN classes c ON c.rule = r.policy_id AND c.kind = '' AND c.proposer = 'rules'
    ORDER BY r.place
    ON CONFLICT (id) DO NOTHING";

fn columns(row: &Row) -> serde_json::Value {
    serde_json::json!({
        "id": row.id, "policy_id": row.policy_id, "attempts": row.attempts,
        "max_attempts": row.max_attempts, "enqueued_at": row.enqueued_at, "risk": row.risk,
        "probability": row.probability, "expected_time": row.expected_time,
        "weight": first_weight(row.probability, row.expected_time), "kev": row.kev,
    })
}
