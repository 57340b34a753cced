-- Version 1. Times are microseconds since 1970, durations nanoseconds. Partitions are texts as `partition_text` writes them, '' for none.
-- Texts that may hold NUL have it as \0, and \ as \\ : `asset.key`, `run.run`, `run.selection`, `run.profile`, `failure.kind`, `failure.message`.
-- Numbers are given by who holds the catalogue's lock, so that their order is that of the commits. Made in the schema that comes first in the search path.

-- `catalogue`: that it is larder's; `version`: of these tables; `larder`: the version of larder that changed them last.
CREATE TABLE about (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

-- How many changes of each writer are committed: one whose answer was lost looks here, and does nothing twice.
CREATE TABLE writer (
    id text COLLATE "C" PRIMARY KEY,
    changes bigint NOT NULL,
    seen timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE asset (
    id bigint PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE
);

-- A run that is only named by others has no `started`.
CREATE TABLE run (
    id bigint PRIMARY KEY,
    run text COLLATE "C" NOT NULL UNIQUE,
    started bigint,
    selection text,
    profile text,
    tags text,
    finished bigint,
    materialized bigint,
    failed bigint,
    skipped bigint,
    duration bigint
);
CREATE INDEX run_by_start ON run (started) WHERE started IS NOT NULL;
CREATE INDEX run_unfinished ON run (started) WHERE started IS NOT NULL AND finished IS NULL;

-- `assets` and `partitions` are arrays of texts, as JSON: not jsonb, which cannot hold NUL.
CREATE TABLE step (
    id bigint PRIMARY KEY,
    run bigint NOT NULL,
    at bigint NOT NULL,
    assets text NOT NULL,
    partitions text NOT NULL
);
CREATE INDEX step_by_run ON step (run);

CREATE TABLE failure (
    id bigint PRIMARY KEY,
    run bigint NOT NULL,
    at bigint NOT NULL,
    kind text NOT NULL,
    message text NOT NULL,
    assets text NOT NULL,
    partitions text NOT NULL
);
CREATE INDEX failure_by_run ON failure (run);

-- What happened to assets, in the order in which it was committed.
-- `kind`: 1 materialized, 2 observed, 3 failed, 4 checked, 5 deleted. `detail` is JSON; `failure` is the number of a failure.
CREATE TABLE event (
    id bigint PRIMARY KEY,
    asset bigint NOT NULL,
    partition text COLLATE "C" NOT NULL,
    kind bigint NOT NULL,
    at bigint NOT NULL,
    run bigint,
    failure bigint,
    detail text,
    inline bytea
);
CREATE INDEX event_by_asset ON event (asset, id);
CREATE INDEX event_by_partition ON event (asset, partition, id);
CREATE INDEX event_by_run ON event (run, id) WHERE kind = 1;

-- What is so now, packed: all states of an asset from `first` on, up to the `first` of the next block, in the order of their partitions.
-- `body` is described in `state.rs`. Everything in it follows from `event`. A block fills a page: it is neither compressed nor moved out of it.
CREATE TABLE state_block (
    asset bigint NOT NULL,
    first text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (asset, first)
) WITH (toast_tuple_target = 8160);
ALTER TABLE state_block ALTER COLUMN body SET STORAGE EXTERNAL;

-- The values of dynamic partitions, in the order in which they were added.
CREATE TABLE dynamic_key (
    id bigint PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    UNIQUE (name, value)
);
