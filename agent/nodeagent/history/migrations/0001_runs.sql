-- One row a run with all of its evidence, its samples, and the judgements made from them.
-- Times are seconds since 1970 (UTC); values are in base units; JSON columns hold what is only shown, never searched.

-- "nahs": tells our file from any other SQLite database.
PRAGMA application_id = 1851877491;

-- One invocation that measured: its runs belong together.
CREATE TABLE suite (
    id             TEXT PRIMARY KEY,
    started_at     REAL NOT NULL,
    stage          TEXT NOT NULL,
    profile        TEXT NOT NULL,
    profile_digest TEXT NOT NULL,
    machine_id     TEXT NOT NULL,
    boot_id        TEXT NOT NULL,
    agent_version  TEXT NOT NULL,
    command        TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX suite_started_at ON suite (started_at);

-- What results depend on; a JSON object of strings.
CREATE TABLE fingerprint (
    digest TEXT PRIMARY KEY,
    parts  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    suite            TEXT NOT NULL REFERENCES suite (id),
    fingerprint      TEXT NOT NULL REFERENCES fingerprint (digest),
    benchmark        TEXT NOT NULL,
    role             TEXT NOT NULL,
    identity         TEXT NOT NULL,
    detail           TEXT NOT NULL,
    started_at       REAL NOT NULL,
    duration_seconds REAL NOT NULL,
    command          TEXT NOT NULL,
    tool             TEXT NOT NULL,
    tool_version     TEXT NOT NULL,
    options          TEXT NOT NULL,
    notes            TEXT NOT NULL,
    aborted          TEXT NOT NULL,
    raw              BLOB NOT NULL
) STRICT;

CREATE INDEX run_series ON run (benchmark, role, started_at);
CREATE INDEX run_suite ON run (suite);

-- `value` is NULL where a tool gave no number; `series` is a JSON array of one-second values.
CREATE TABLE sample (
    run    INTEGER NOT NULL REFERENCES run (id),
    metric TEXT NOT NULL,
    value  REAL,
    series TEXT NOT NULL,
    UNIQUE (run, metric)
) STRICT;

CREATE INDEX sample_metric ON sample (metric, run);

-- `document` is the judgement as JSON; the columns beside it are what it is looked up by.
CREATE TABLE judgement (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    suite     TEXT NOT NULL REFERENCES suite (id),
    benchmark TEXT NOT NULL,
    metric    TEXT NOT NULL,
    role      TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    judged_at REAL NOT NULL,
    document  TEXT NOT NULL
) STRICT;

CREATE INDEX judgement_series ON judgement (metric, role, id);
CREATE INDEX judgement_suite ON judgement (suite);

CREATE TABLE judgement_run (
    judgement INTEGER NOT NULL REFERENCES judgement (id),
    run       INTEGER NOT NULL REFERENCES run (id),
    PRIMARY KEY (judgement, run)
) STRICT, WITHOUT ROWID;
