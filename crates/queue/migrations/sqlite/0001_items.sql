-- The columns up to `wait` are the reference system's, with its meanings; the rest is ours and
-- empty in rows that come from there.
CREATE TABLE items (
    id            TEXT PRIMARY KEY NOT NULL,
    policy_id     TEXT NOT NULL,
    state         TEXT NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    max_attempts  INTEGER NOT NULL DEFAULT 3,
    enqueued_at   REAL NOT NULL, -- Unix seconds
    last_update   REAL NOT NULL, -- Unix seconds
    risk          REAL NOT NULL,
    probability   REAL NOT NULL,
    expected_time REAL NOT NULL, -- seconds
    kev           INTEGER NOT NULL DEFAULT 0,
    wait          REAL NOT NULL DEFAULT 0.0, -- unused: waiting is counted from enqueued_at
    manifest_path TEXT,
    object        TEXT, -- JSON
    patch         TEXT  -- JSON
);

CREATE INDEX items_by_state ON items (state);

PRAGMA application_id = 1798857062; -- "k8af"
PRAGMA user_version = 1;
