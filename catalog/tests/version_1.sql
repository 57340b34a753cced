-- Made once by larder 0.1.0, and never again.
PRAGMA application_id = 1282565234;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE about (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "about" VALUES('larder','0.1.0');
CREATE TABLE asset (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "asset" VALUES(1,'reports/delays');
CREATE TABLE dynamic_key (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (name, value)
) STRICT;
INSERT INTO "dynamic_key" VALUES(1,'region','eu');
INSERT INTO "dynamic_key" VALUES(2,'region','asia');
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
INSERT INTO "event" VALUES(1,1,'day=2024-01-01,region=a\,b\=c\\d\0é',1,1704434828123456,1,'{"io_manager":"default","data_version":"v1","durations":[[0,0],[0,0],[0,0]]}',NULL);
INSERT INTO "event" VALUES(2,1,'day=2024-01-01,region=a\,b\=c\\d\0é',2,1704434828123456,NULL,'{"data_version":"seen"}',NULL);
INSERT INTO "event" VALUES(3,1,'day=2024-01-02,region=a\,b\=c\\d\0é',3,1704434828123456,1,'1',NULL);
INSERT INTO "event" VALUES(4,1,'day=2024-01-01,region=a\,b\=c\\d\0é',4,1704434828123456,1,'{"name":"rows","passed":false,"blocking":true,"message":"none","metadata":{"n":0}}',NULL);
INSERT INTO "event" VALUES(5,1,'day=2024-01-01,region=a\,b\=c\\d\0é',5,1704434828123456,NULL,NULL,NULL);
INSERT INTO "event" VALUES(6,1,'day=2024-01-01,region=a\,b\=c\\d\0é',1,1704434828123456,1,'{"io_manager":"default","version":"7","data_version":"v2","fingerprint":"00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff","code_version":"c1","config":"{}","inputs":[{"asset":"raw/flights","each":[[[["day","2024-01-01"],["region","a,b=c\\d\u0000é"]],"x"]],"count":1,"digest":"d8f26ebad1495dceec8accf79d69561665d97979dde70519b5e38fad46776bfd"}],"receipt":{"asset":"reports/delays","partition":[["day","2024-01-01"],["region","a,b=c\\d\u0000é"]],"location":"reports/delays/d.parquet","write":"","run":"","form":"table","format":"parquet","bytes":0,"rows":3,"stored_at":"1970-01-01T00:00:00Z","duration":{"secs":0,"nanos":0}},"uri":"file:///x","metadata":{"rows":3},"tags":{"team":"ops"},"durations":[[2,0],[0,3000000],[0,1500000]]}',X'00FF27');
CREATE TABLE failure (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    assets TEXT NOT NULL,
    partitions TEXT NOT NULL
) STRICT;
INSERT INTO "failure" VALUES(1,1,1704434828123456,'Timeout','it took too long','["reports/delays"]','["day=2024-01-02,region=a\\,b\\=c\\\\d\\0é"]');
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
INSERT INTO "run" VALUES(1,'run-1',1704434828123456,'reports/*','prod','{"by":"cron"}',1704434828123456,1,1,0,9000000000);
INSERT INTO "run" VALUES(2,'run-2',1704434828123456,'',NULL,'{}',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE state_block (
    id INTEGER PRIMARY KEY,
    asset INTEGER NOT NULL,
    first TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (asset, first)
) STRICT;
INSERT INTO "state_block" VALUES(1,1,'',X'00401D79A82C0E0600060000000000000024006461793D323032342D30312D30312C726567696F6E3D615C2C625C3D635C5C645C30C3A9020200000076320100FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF020200000063310001401D79A82C0E0600000000000000000024006461793D323032342D30312D30322C726567696F6E3D615C2C625C3D635C5C645C30C3A900000000');
CREATE TABLE step (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    at INTEGER NOT NULL,
    assets TEXT NOT NULL,
    partitions TEXT NOT NULL
) STRICT;
INSERT INTO "step" VALUES(1,1,1704434828123456,'["reports/delays"]','["day=2024-01-01,region=a\\,b\\=c\\\\d\\0é","day=2024-01-02,region=a\\,b\\=c\\\\d\\0é"]');
CREATE INDEX run_by_start ON run (started) WHERE started IS NOT NULL;
CREATE INDEX run_unfinished ON run (started) WHERE started IS NOT NULL AND finished IS NULL;
CREATE INDEX step_by_run ON step (run);
CREATE INDEX failure_by_run ON failure (run);
CREATE INDEX event_by_asset ON event (asset);
CREATE INDEX event_by_partition ON event (asset, partition);
CREATE INDEX event_by_run ON event (run) WHERE kind = 1;
COMMIT;
