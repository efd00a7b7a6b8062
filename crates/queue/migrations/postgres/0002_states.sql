-- The first version of this schema; its number is that of the same schema on SQLite, where the
-- columns are explained.
CREATE TABLE classes (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule               TEXT NOT NULL,
    kind               TEXT NOT NULL,
    proposer           TEXT NOT NULL,
    successes          BIGINT NOT NULL DEFAULT 0,
    failures           BIGINT NOT NULL DEFAULT 0,
    timed              BIGINT NOT NULL DEFAULT 0,
    seconds            DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    log_sum            DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    log_sum_of_squares DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    weight             DOUBLE PRECISION NOT NULL,
    UNIQUE (rule, kind, proposer)
);

CREATE TABLE items (
    seq           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    policy_id     TEXT NOT NULL,
    class         BIGINT NOT NULL REFERENCES classes (id),
    rule          TEXT,
    proposer      TEXT NOT NULL,
    state         TEXT NOT NULL,
    wakes_as      TEXT,
    attempts      BIGINT NOT NULL DEFAULT 0,
    max_attempts  BIGINT NOT NULL DEFAULT 3,
    enqueued_at   DOUBLE PRECISION NOT NULL,
    last_update   DOUBLE PRECISION NOT NULL,
    due_at        DOUBLE PRECISION NOT NULL,
    deadline      DOUBLE PRECISION,
    until         DOUBLE PRECISION,
    risk          DOUBLE PRECISION NOT NULL,
    probability   DOUBLE PRECISION NOT NULL,
    expected_time DOUBLE PRECISION NOT NULL,
    kev           BOOLEAN NOT NULL DEFAULT false,
    token         BIGINT NOT NULL DEFAULT 0,
    event         TEXT NOT NULL,
    who           TEXT,
    reason        TEXT,
    failure       TEXT,
    seconds       DOUBLE PRECISION,
    inverse       TEXT,
    manifest_path TEXT,
    namespace     TEXT,
    object        TEXT,
    patch         TEXT,
    applicability TEXT,
    lane          BIGINT GENERATED ALWAYS AS (CASE
                      WHEN until IS NOT NULL OR patch IS NULL THEN NULL
                      WHEN state = 'queued' THEN kev::int
                      WHEN state = 'approved' THEN 2 + kev::int
                  END) STORED
);

CREATE INDEX items_by_index ON items (lane, class, risk DESC, seq) WHERE lane IS NOT NULL;
CREATE INDEX items_by_due ON items (lane, due_at, seq) WHERE lane IS NOT NULL;
CREATE INDEX items_by_end ON items (until) WHERE until IS NOT NULL;
CREATE INDEX items_by_start ON items (last_update) WHERE until IS NOT NULL;

CREATE TABLE journal (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item       BIGINT NOT NULL,
    time       DOUBLE PRECISION NOT NULL,
    event      TEXT NOT NULL,
    state_from TEXT,
    state_to   TEXT NOT NULL,
    token      BIGINT NOT NULL,
    who        TEXT,
    reason     TEXT,
    failure    TEXT,
    seconds    DOUBLE PRECISION,
    inverse    TEXT
);

CREATE INDEX journal_by_item ON journal (item, seq);
-- A few bytes for a thousand rows: rows come in the order of time.
CREATE INDEX journal_by_time ON journal USING brin (time);

CREATE TABLE outcomes (
    seq     BIGINT GENERATED ALWAYS AS IDENTITY,
    class   BIGINT NOT NULL,
    success BOOLEAN NOT NULL,
    seconds DOUBLE PRECISION
);

-- Sequences, because a row that every claim writes would make them wait for each other.
CREATE SEQUENCE turns_0;
CREATE SEQUENCE turns_1;
CREATE SEQUENCE turns_2;
CREATE SEQUENCE turns_3;

-- Rises whenever an item becomes ready for a worker or the order changes, so that claimers know
-- when what they ranked is still the order. One row for each stage.
CREATE TABLE generations (
    stage BIGINT PRIMARY KEY,
    n     BIGINT NOT NULL
);
INSERT INTO generations VALUES (0, 0), (2, 0);

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value DOUBLE PRECISION NOT NULL
);
INSERT INTO settings VALUES ('max_wait', 604800.0), ('lead', 86400.0), ('version', 2);

CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (item, time, event, state_from, state_to, token, who, reason, failure,
                         seconds, inverse)
    VALUES (NEW.seq, NEW.last_update, NEW.event, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END,
            NEW.state, NEW.token, NEW.who, NEW.reason, NEW.failure, NEW.seconds, NEW.inverse);
    IF NEW.event IN ('complete', 'fail') THEN
        INSERT INTO outcomes (class, success, seconds)
        VALUES (NEW.class, NEW.event = 'complete', NEW.seconds);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM journal WHERE item = OLD.seq;
    RETURN NULL;
END $$;

CREATE TRIGGER items_come AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER items_change AFTER UPDATE ON items FOR EACH ROW
    WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION note();
CREATE TRIGGER items_go AFTER DELETE ON items FOR EACH ROW EXECUTE FUNCTION forget();
