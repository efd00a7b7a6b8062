-- Leases, the way of every item, and classes whose outcomes are learnt.
ALTER TABLE items RENAME TO items_1;
DROP INDEX items_by_state;

-- Fixes whose outcomes say something about each other.
CREATE TABLE classes (
    id                 INTEGER PRIMARY KEY,
    rule               TEXT NOT NULL,
    kind               TEXT NOT NULL,
    proposer           TEXT NOT NULL,
    successes          INTEGER NOT NULL DEFAULT 0,
    failures           INTEGER NOT NULL DEFAULT 0,
    timed              INTEGER NOT NULL DEFAULT 0,
    seconds            REAL NOT NULL DEFAULT 0.0,
    log_sum            REAL NOT NULL DEFAULT 0.0,
    log_sum_of_squares REAL NOT NULL DEFAULT 0.0,
    weight             REAL NOT NULL, -- successes per second; an item's index is risk * weight
    UNIQUE (rule, kind, proposer)
);

CREATE TABLE items (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    policy_id     TEXT NOT NULL,
    class         INTEGER NOT NULL REFERENCES classes (id),
    rule          TEXT,
    proposer      TEXT NOT NULL,
    state         TEXT NOT NULL,
    wakes_as      TEXT, -- what a failed item becomes when its sleep ends
    attempts      INTEGER NOT NULL DEFAULT 0, -- of this stage
    max_attempts  INTEGER NOT NULL DEFAULT 3,
    enqueued_at   REAL NOT NULL, -- all times are Unix seconds
    last_update   REAL NOT NULL,
    due_at        REAL NOT NULL,
    deadline      REAL,
    until         REAL, -- end of the lease, or of the sleep
    risk          REAL NOT NULL,
    probability   REAL NOT NULL,
    expected_time REAL NOT NULL, -- seconds
    kev           INTEGER NOT NULL DEFAULT 0,
    token         INTEGER NOT NULL DEFAULT 0, -- rises whenever a lease begins or is taken away
    event         TEXT NOT NULL, -- the last change, as the journal has it
    who           TEXT,
    reason        TEXT,
    failure       TEXT,
    seconds       REAL,
    inverse       TEXT, -- JSON; takes an applied patch back
    manifest_path TEXT,
    namespace     TEXT,
    object        TEXT, -- JSON
    patch         TEXT, -- JSON
    applicability TEXT, -- JSON
    -- Where it waits for a worker: 0 and 1 to be verified, 2 and 3 to be applied; odd with a known
    -- exploited vulnerability. Without a patch there is nothing to do.
    lane          INTEGER GENERATED ALWAYS AS (CASE
                      WHEN until IS NOT NULL OR patch IS NULL THEN NULL
                      WHEN state = 'queued' THEN kev
                      WHEN state = 'approved' THEN 2 + kev
                  END) VIRTUAL
);

CREATE INDEX items_by_index ON items (lane, class, risk DESC, seq) WHERE lane IS NOT NULL;
CREATE INDEX items_by_due ON items (lane, due_at, seq) WHERE lane IS NOT NULL;
CREATE INDEX items_by_end ON items (until) WHERE until IS NOT NULL;
CREATE INDEX items_by_start ON items (last_update) WHERE until IS NOT NULL;

-- Every change of state, in order.
CREATE TABLE journal (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    item       INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    time       REAL NOT NULL,
    event      TEXT NOT NULL,
    state_from TEXT,
    state_to   TEXT NOT NULL,
    token      INTEGER NOT NULL,
    who        TEXT,
    reason     TEXT,
    failure    TEXT,
    seconds    REAL,
    inverse    TEXT
);

CREATE INDEX journal_by_item ON journal (item, seq);
CREATE INDEX journal_by_time ON journal (time);

-- Attempts that no class has learnt from yet.
CREATE TABLE outcomes (
    seq     INTEGER PRIMARY KEY,
    class   INTEGER NOT NULL,
    success INTEGER NOT NULL,
    seconds REAL
);

-- How many items were handed out of each lane: every second one may be a due item.
CREATE TABLE turns (
    lane INTEGER PRIMARY KEY,
    n    INTEGER NOT NULL
);
INSERT INTO turns VALUES (0, 0), (1, 0), (2, 0), (3, 0);

CREATE TABLE settings (
    name  TEXT PRIMARY KEY NOT NULL,
    value REAL NOT NULL
);
INSERT INTO settings VALUES ('max_wait', 604800.0), ('lead', 86400.0);

CREATE TRIGGER items_come AFTER INSERT ON items BEGIN
    INSERT INTO journal (item, time, event, state_from, state_to, token, who, reason)
    VALUES (NEW.seq, NEW.last_update, NEW.event, NULL, NEW.state, NEW.token, NEW.who, NEW.reason);
END;

CREATE TRIGGER items_change AFTER UPDATE OF state ON items WHEN NEW.state <> OLD.state BEGIN
    INSERT INTO journal (item, time, event, state_from, state_to, token, who, reason, failure,
                         seconds, inverse)
    VALUES (NEW.seq, NEW.last_update, NEW.event, OLD.state, NEW.state, NEW.token, NEW.who,
            NEW.reason, NEW.failure, NEW.seconds, NEW.inverse);
    INSERT INTO outcomes (class, success, seconds)
    SELECT NEW.class, NEW.event = 'complete', NEW.seconds
    WHERE NEW.event IN ('complete', 'fail');
END;

INSERT INTO classes (rule, kind, proposer, weight)
SELECT policy_id, coalesce(object ->> 'kind', ''), 'rules',
       max(probability / max(expected_time, 1e-6), 1e-9)
FROM items_1
WHERE true
ORDER BY rowid
ON CONFLICT DO NOTHING;

INSERT INTO items (id, policy_id, class, proposer, state, attempts, max_attempts, enqueued_at,
                   last_update, due_at, risk, probability, expected_time, kev, event,
                   manifest_path, namespace, object, patch)
SELECT i.id, i.policy_id, c.id, 'rules', i.state, i.attempts, i.max_attempts, i.enqueued_at,
       i.last_update, i.enqueued_at + 518400.0, i.risk, i.probability, i.expected_time, i.kev <> 0,
       'enqueue', i.manifest_path, i.object ->> 'namespace', i.object, i.patch
FROM items_1 i
JOIN classes c ON (c.rule, c.kind, c.proposer)
                = (i.policy_id, coalesce(i.object ->> 'kind', ''), 'rules')
ORDER BY i.rowid;

DROP TABLE items_1;

PRAGMA user_version = 2;
