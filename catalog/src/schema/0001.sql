-- Version 1. Times are microseconds since 1970, durations nanoseconds. Partitions are texts as `partition_text` writes them, '' for none.

-- `larder`: the version of larder that changed the schema last.
CREATE TABLE about (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE asset (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
) STRICT;

-- A run that is only named by others has no `started`.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL UNIQUE,
    started INTEGER,
    selection TEXT,
    profile TEXT,
    tags TEXT,
    finished INTEGER,
    materialized INTEGER,
    failed INTEGER,
    skipped INTEGER,
    duration INTEGER
) STRICT;
CREATE INDEX run_by_start ON run (started) WHERE started IS NOT NULL;
CREATE INDEX run_unfinished ON run (started) WHERE started IS NOT NULL AND finished IS NULL;

-- `assets` and `partitions` are arrays of texts, as JSON.
CREATE TABLE step (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    at INTEGER NOT NULL,
    assets TEXT NOT NULL,
    partitions TEXT NOT NULL
) STRICT;
CREATE INDEX step_by_run ON step (run);

CREATE TABLE failure (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    assets TEXT NOT NULL,
    partitions TEXT NOT NULL
) STRICT;
CREATE INDEX failure_by_run ON failure (run);

-- What happened to assets, in the order in which it was committed.
-- `kind`: 1 materialized, 2 observed, 3 failed, 4 checked, 5 deleted. `detail` is JSON; for a failure, its `id`.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    asset INTEGER NOT NULL,
    partition TEXT NOT NULL,
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,
    run INTEGER,
    detail TEXT,
    inline BLOB
) STRICT;
CREATE INDEX event_by_asset ON event (asset);
CREATE INDEX event_by_partition ON event (asset, partition);
CREATE INDEX event_by_run ON event (run) WHERE kind = 1;

-- What is so now, packed: all states of an asset from `first` on, up to the `first` of the next block, in the order of their partitions.
-- `body` is described in `state.rs`. Everything in it follows from `event`. Not WITHOUT ROWID: only there does a block fill a page of its own.
CREATE TABLE state_block (
    id INTEGER PRIMARY KEY,
    asset INTEGER NOT NULL,
    first TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (asset, first)
) STRICT;

-- The values of dynamic partitions, in the order in which they were added.
CREATE TABLE dynamic_key (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (name, value)
) STRICT;
