"""Makes Delta tables with the package `deltalake`, and prints tables so that two readers can be compared.

    delta_golden.py make ROOT             makes every table below ROOT
    delta_golden.py show ROOT             prints what the package reads: {"table@version": {"schema": [..], "rows": [..]}}
    delta_golden.py duckdb ROOT           prints the same of DuckDB, whose extension reads with Delta's own kernel
    delta_golden.py arrow DIRECTORY       prints the same of Arrow files `table@version.arrow`

What the package cannot write is made by hand: deletion vectors, checkpoints of several parts and of version 2. It reads
them all, and so does DuckDB, which proves that they are right.
"""

import base64
import datetime as dt
import decimal
import glob
import json
import os
import struct
import sys
import uuid
import zlib

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Field, QueryBuilder, Schema, Transaction, write_deltalake
from deltalake.exceptions import DeltaError
from deltalake.schema import PrimitiveType

D = decimal.Decimal

# Printing ----------------------------------------------------------------------------------------------------------


def value(it):
    """A value with its type, so that 1, 1.0, True and '1' are four things."""
    if isinstance(it, dict):
        return {key: value(item) for key, item in it.items()}
    if isinstance(it, (list, tuple)):
        return [value(item) for item in it]
    if isinstance(it, dt.datetime) and it.tzinfo is not None:
        it = it.astimezone(dt.timezone.utc)
    return None if it is None else f"{type(it).__name__} {it!r}"


def schema(of):
    # Names within a list, and whether texts are views, are no part of a value's type.
    def named(kind):
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind):
            return ["list", named(kind.value_type), kind.value_field.nullable]
        if pa.types.is_struct(kind):
            return ["struct"] + [[field.name, named(field.type), field.nullable] for field in kind]
        if pa.types.is_map(kind):
            return ["map", named(kind.key_type), named(kind.item_type), kind.item_field.nullable]
        text = pa.types.is_string_view(kind) or pa.types.is_large_string(kind)
        data = pa.types.is_binary_view(kind) or pa.types.is_large_binary(kind)
        return "string" if text else "binary" if data else str(kind)

    return [[field.name, named(field.type), field.nullable] for field in of]


def told(table):
    # Rows as lists: pyarrow cannot show days that Python has no date for.
    rows = sorted(json.dumps(value(row), ensure_ascii=False, sort_keys=True) for row in table.to_pylist())
    return {"schema": schema(table.schema), "rows": rows}


def whole(root, name, version):
    table = DeltaTable(f"{root}/{name}.delta", version=version)
    found = pa.table(QueryBuilder().register("t", table).execute("select * from t").read_all())
    # The engine's answer knows types and values; which columns may be null stands in the log.
    known = {field.name: field.nullable for field in table.schema().fields}
    return found.cast(pa.schema([field.with_nullable(known[field.name]) for field in found.schema]))


def every(root, read):
    tables = {}
    for directory in sorted(glob.glob(f"{root}/*.delta")):
        name = os.path.basename(directory).removesuffix(".delta")
        if name.startswith("refused_"):
            continue
        newest = DeltaTable(directory).version()
        first = json.load(open(f"{directory}/first")) if os.path.exists(f"{directory}/first") else 0
        for version in range(first, newest + 1):
            tables[f"{name}@{version}"] = told(read(root, name, version))
    return tables


def show(root):
    return every(root, whole)


def by_duckdb(root):
    import duckdb
    import duckdb_extension_delta

    [directory] = duckdb_extension_delta.__path__
    [extension] = glob.glob(f"{directory}/extensions/*/delta.duckdb_extension")
    # Nothing is fetched from elsewhere, and times are told in UTC.
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    connection.execute(f"load '{extension}'")
    connection.execute("set TimeZone = 'UTC'")

    def read(root, name, version):
        path = f"{root}/{name}.delta"
        if version == DeltaTable(path).version():
            # As everybody asks who knows of no versions.
            scan, names = "delta_scan($path)", {"path": path}
        else:
            scan, names = "delta_scan($path, version => $version)", {"path": path, "version": version}
        return connection.execute(f"select * from {scan}", names).to_arrow_table()

    return every(root, read)


def arrow(directory):
    return {
        os.path.basename(file).removesuffix(".arrow"): told(ipc.open_file(file).read_all())
        for file in sorted(glob.glob(f"{directory}/*.arrow"))
    }


# Making ------------------------------------------------------------------------------------------------------------

EVERY_TYPE = pa.table({
    "bool": pa.array([True, None, False]),
    "i8": pa.array([-128, None, 127], pa.int8()),
    "i16": pa.array([-(2**15), None, 2**15 - 1], pa.int16()),
    "i32": pa.array([-(2**31), None, 2**31 - 1], pa.int32()),
    "i64": pa.array([-(2**63), None, 2**63 - 1]),
    "f32": pa.array([float("nan"), None, -0.0], pa.float32()),
    "f64": pa.array([float("-inf"), None, 5e-324]),
    "day": pa.array([dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
    "at": pa.array([-1, None, 1704067200123456], pa.timestamp("us", "UTC")),
    "local": pa.array([-62135596800000000, None, 1], pa.timestamp("us")),
    "text": pa.array(["ü 日本\n\0", None, ""]),
    "data": pa.array([b"\x00\xff", None, b""]),
    "wide": pa.array([D("9" * 38), None, D("-1")], pa.decimal128(38, 0)),
    "small": pa.array([D("-0.01"), None, D("9.99")], pa.decimal128(3, 2)),
})

LINES = pa.list_(pa.struct([("x", pa.decimal128(5, 2))]))
NESTED = pa.table({
    "id": [1, 2, 3],
    "list": pa.array([[1, None], None, []], pa.list_(pa.int32())),
    "struct": pa.array(
        [{"a": 1, "b": {"c": ["x"]}}, None, {"a": None, "b": None}],
        pa.struct([("a", pa.int64()), ("b", pa.struct([("c", pa.list_(pa.string()))]))]),
    ),
    "map": pa.array([[("k", 1.5), ("l", None)], None, []], pa.map_(pa.string(), pa.float64())),
    "deep": pa.array([[[("k", [{"x": D("1.20")}])]], None, []], pa.list_(pa.map_(pa.string(), LINES))),
})

PARTITIONS = {
    "bool": ([True, None, False], pa.bool_()),
    "i8": ([-1, None, 2], pa.int8()),
    "i16": ([-1, None, 2], pa.int16()),
    "i32": ([-1, None, 2], pa.int32()),
    "i64": ([-(2**63), None, 1], pa.int64()),
    "f32": ([1.5, None, -2.0], pa.float32()),
    "f64": ([1.5, None, -2.0], pa.float64()),
    "day": ([dt.date(2024, 1, 31), None, dt.date(1969, 12, 31)], pa.date32()),
    "at": ([1704067200123456, None, -1], pa.timestamp("us", "UTC")),
    "local": ([1704067200123456, None, -1], pa.timestamp("us")),
    "text": (["a/b %=:?#'\"\\ü 日本 ", None, "x", "__HIVE", "%2F", "..", "a\nb"], pa.string()),
    "dec": ([D("1.20"), None, D("0.05")], pa.decimal128(5, 2)),
}


def make(root):
    at = lambda name: f"{root}/{name}.delta"
    write_deltalake(at("types"), EVERY_TYPE)
    write_deltalake(at("nested"), NESTED)
    for name, (values, kind) in PARTITIONS.items():
        rows = {"n": pa.array(range(len(values)), pa.int64()), "p": pa.array(values, kind)}
        write_deltalake(at(f"by_{name}"), pa.table(rows), partition_by=["p"])
    # Binary values of partitions are written as the protocol says, and read by the package as that text.
    rows = {"n": [0, 1, 2], "p": pa.array([b"ab", None, b"\xff\x00"])}
    write_deltalake(at("refused_binary"), pa.table(rows), partition_by=["p"])
    # The package commits `0.-1`, and cannot read it.
    rows = {"n": [0], "p": pa.array([D("-0.01")], pa.decimal128(5, 2))}
    try:
        write_deltalake(at("refused_decimal"), pa.table(rows), partition_by=["p"])
    except DeltaError as error:
        assert "0.-1" in str(error), error
    history(at("history"))
    checkpoints(at)
    deletion_vectors(at)
    write_deltalake(at("empty"), pa.table({"n": pa.array([], pa.int64()), "t": pa.array([], pa.string())}))
    DeltaTable.create(at("created"), Schema([Field("n", PrimitiveType("long")), Field("t", PrimitiveType("string"), nullable=False)]))
    write_deltalake(at("no_stats"), keyed([1, 2], ["a", None]), configuration={"delta.dataSkippingNumIndexedCols": "0"})
    write_deltalake(at("no_stats"), keyed([3], ["c"]), mode="append")
    for number in range(3):
        # The second one of the same number is a mistake of its writer, and a version like any other.
        marks = CommitProperties(app_transactions=[Transaction("loader", min(number, 1)), Transaction(f"other {number}", 7)])
        write_deltalake(at("transactions"), keyed([number], ["x"]), mode="append", commit_properties=marks)
    recorded(at("recorded"))


def keyed(ids, texts):
    return pa.table({"id": pa.array(ids, pa.int64()), "t": pa.array(texts, pa.string())})


def merge(path, source):
    merging = DeltaTable(path).merge(source, "s.id = t.id", source_alias="s", target_alias="t")
    merging.when_matched_update_all().when_not_matched_insert_all().execute()


def history(path):
    write_deltalake(path, keyed([1, 2, 3], ["a", "b", "c"]), partition_by=["t"])
    write_deltalake(path, keyed([4, 5], ["a", None]), mode="append")
    DeltaTable(path).delete("id = 2")
    merge(path, keyed([3, 9], ["C", "new"]))
    DeltaTable(path).update(predicate="id = 4", updates={"t": "'moved'"})
    write_deltalake(path, keyed([7], ["a"]), mode="overwrite", predicate="t = 'a'")
    more = keyed([10], ["j"]).append_column("more", pa.array([[1.5]], pa.list_(pa.float64())))
    write_deltalake(path, more, mode="append", schema_mode="merge")
    write_deltalake(path, keyed([11, 12], ["j", None]), mode="append", schema_mode="merge")
    DeltaTable(path).optimize.compact()
    DeltaTable(path).restore(4)
    write_deltalake(path, pa.table({"t": ["x"], "other": [True]}), mode="overwrite", schema_mode="overwrite")


def recorded(path):
    write_deltalake(path, keyed([1, 2, 3], ["a", "b", "c"]), configuration={"delta.enableChangeDataFeed": "true"})
    DeltaTable(path).update(predicate="id = 1", updates={"t": "'A'"})
    DeltaTable(path).delete("id = 2")
    merge(path, keyed([3, 4], ["C", "D"]))


def appended(path, versions, **options):
    for number in range(versions):
        write_deltalake(path, keyed([number], [f"row {number}"]), mode="append", **(options if number == 0 else {}))


def log(path, version, end="json"):
    return f"{path}/_delta_log/{version:020}.{end}"


def checkpoints(at):
    path = at("checkpoint")
    appended(path, 3)
    DeltaTable(path).create_checkpoint()
    write_deltalake(path, keyed([9], ["after"]), mode="append")
    # The log begins at the checkpoint.
    path = at("cleaned")
    appended(path, 4)
    DeltaTable(path).create_checkpoint()
    write_deltalake(path, keyed([9], ["after"]), mode="append")
    for version in range(3):
        os.remove(log(path, version))
    json.dump(3, open(f"{path}/first", "w"))
    # The same actions in two files.
    path = at("parts")
    appended(path, 4)
    DeltaTable(path).create_checkpoint()
    actions = pq.read_table(log(path, 3, "checkpoint.parquet"))
    half = actions.num_rows // 2
    pq.write_table(actions.slice(0, half), log(path, 3, "checkpoint.0000000001.0000000002.parquet"))
    pq.write_table(actions.slice(half), log(path, 3, "checkpoint.0000000002.0000000002.parquet"))
    os.remove(log(path, 3, "checkpoint.parquet"))
    json.dump({"version": 3, "size": actions.num_rows, "parts": 2}, open(f"{path}/_delta_log/_last_checkpoint", "w"))
    for version in range(3):
        os.remove(log(path, version))
    json.dump(3, open(f"{path}/first", "w"))
    # Version 2, as JSON, without sidecars.
    path = at("second")
    appended(path, 3)
    lines = [json.loads(line) for version in range(3) for line in open(log(path, version))]
    features(lines, ["v2Checkpoint"])
    kept = [line for line in lines if "commitInfo" not in line]
    kept.insert(0, {"checkpointMetadata": {"version": 2}})
    write(log(path, 2, f"checkpoint.{uuid.UUID(int=2)}.json"), kept)
    write(log(path, 0), [line for line in lines if "protocol" in line or "metaData" in line])
    for version in range(2):
        os.remove(log(path, version))
    json.dump(2, open(f"{path}/first", "w"))


def features(lines, names):
    for line in lines:
        if "protocol" in line:
            line["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": names, "writerFeatures": names}


def write(path, actions):
    with open(path, "w") as file:
        file.writelines(json.dumps(action) + "\n" for action in actions)


# Deletion vectors --------------------------------------------------------------------------------------------------

Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"


def z85(data):
    data += b"\0" * (-len(data) % 4)
    return base64.b85encode(data).decode().translate(str.maketrans(B85, Z85))


def roaring(rows):
    """Rows as a `RoaringBitmapArray` in the portable format: arrays up to 4096 rows of a container, bitmaps beyond."""
    containers = {}
    for row in sorted(rows):
        containers.setdefault(row >> 16, []).append(row & 0xFFFF)
    head = struct.pack("<II", 12346, len(containers))
    for key, low in containers.items():
        head += struct.pack("<HH", key, len(low) - 1)
    bodies = []
    for low in containers.values():
        if len(low) <= 4096:
            bodies.append(struct.pack(f"<{len(low)}H", *low))
        else:
            bits = bytearray(8192)
            for row in low:
                bits[row >> 3] |= 1 << (row & 7)
            bodies.append(bytes(bits))
    at = len(head) + 4 * len(bodies)
    offsets = b""
    for body in bodies:
        offsets += struct.pack("<I", at)
        at += len(body)
    return struct.pack("<iQI", 1681511377, 1, 0) + head + offsets + b"".join(bodies)


def inline(rows):
    data = roaring(rows)
    return {"storageType": "i", "pathOrInlineDv": z85(data), "sizeInBytes": len(data), "cardinality": len(rows)}


def in_file(path, number, prefix, vectors):
    """Several vectors in one file."""
    name = uuid.UUID(int=number)
    content, described = b"\x01", []
    for rows in vectors:
        data = roaring(rows)
        described.append({
            "storageType": "u",
            "pathOrInlineDv": prefix + z85(name.bytes),
            "offset": len(content),
            "sizeInBytes": len(data),
            "cardinality": len(rows),
        })
        content += struct.pack(">I", len(data)) + data + struct.pack(">I", zlib.crc32(data))
    os.makedirs(os.path.join(path, prefix), exist_ok=True)
    with open(os.path.join(path, prefix, f"deletion_vector_{name}.bin"), "wb") as file:
        file.write(content)
    return described


def deletion_vectors(at):
    many = pa.table({"n": pa.array(range(70_000), pa.int64())})
    for name, rows in [("vectors", keyed(list(range(10)), [f"row {n}" for n in range(10)])), ("many", many)]:
        path = at(name)
        write_deltalake(path, rows)
        write_deltalake(path, rows, mode="append")
        lines = [json.loads(line) for line in open(log(path, 0))]
        features(lines, ["deletionVectors"])
        for line in lines:
            if "metaData" in line:
                line["metaData"]["configuration"]["delta.enableDeletionVectors"] = "true"
        write(log(path, 0), lines)
        adds = [json.loads(line)["add"] for version in (0, 1) for line in open(log(path, version)) if '"add"' in line]
        if name == "vectors":
            first, second = in_file(path, 3, "x", [[2, 4], [2, 4, 5]])
            steps = [(0, inline([0, 3, 9])), (0, inline([0, 1, 3, 9])), (1, first), (1, second), (0, inline(range(10)))]
        else:
            first, second = in_file(path, 1, "ab", [[0, 65_536, 69_999], range(1, 70_000, 2)])
            [third] = in_file(path, 2, "", [range(5_000, 66_000)])
            steps = [(0, first), (1, second), (0, third)]
        for number, (add, vector) in enumerate(steps, start=2):
            old = dict(adds[add])
            adds[add] = dict(old, deletionVector=vector, modificationTime=old["modificationTime"] + number)
            told = json.loads(old["stats"]) | {"tightBounds": False}
            adds[add]["stats"] = json.dumps(told)
            gone = {key: old[key] for key in ("path", "partitionValues", "size") if key in old}
            gone |= {"deletionTimestamp": old["modificationTime"], "dataChange": True, "extendedFileMetadata": True}
            if "deletionVector" in old:
                gone["deletionVector"] = old["deletionVector"]
            write(log(path, number), [{"remove": gone}, {"add": adds[add]}])


if __name__ == "__main__":
    command, where = sys.argv[1:]
    if command == "make":
        make(where)
    else:
        print(json.dumps({"show": show, "duckdb": by_duckdb, "arrow": arrow}[command](where), ensure_ascii=False))
