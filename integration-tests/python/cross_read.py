"""Reads a tree that larder wrote with pyarrow, Polars and DuckDB, and compares it with what larder read of it.

    cross_read.py manifest.json

The manifest (made by tests/cross_read) says for each file what must be there: for a table the checksum of every column
after it was taken apart (lists into lengths and items, structures into fields, dictionaries into values), for an object
the object, for a blob a checksum. The libraries are then compared with each other, value by value.
"""

import json
import os
import struct
import sys
import zlib
from pathlib import Path

import duckdb
import msgpack
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

problems = []


def problem(text):
    problems.append(text)
    print("PROBLEM", text)


def simple_columns(name, array):
    """Takes a column apart, as tests/cross_read/columns.rs does."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        if isinstance(array, pa.ChunkedArray):
            array = pa.array([], array.type)
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield from simple_columns(name, array.cast(kind.value_type))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from simple_columns(f"{name}.lengths", pc.list_value_length(array).cast(pa.int64()))
        yield from simple_columns(f"{name}.items", array.flatten())
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            yield from simple_columns(f"{name}.{kind.field(index).name}", array.field(index))
    else:
        yield name, array


def with_length(values):
    return b"".join(struct.pack("<Q", len(value)) + value for value in values)


def packed(array):
    """Kind, and the bytes of all values with nulls as 0 or nothing."""
    kind = array.type
    if pa.types.is_floating(kind):
        values = array.cast(pa.float64()).fill_null(0.0).to_pylist()
        return "float", struct.pack(f"<{len(values)}d", *values)
    if pa.types.is_decimal(kind) or pa.types.is_uint64(kind):
        array = array.cast(pa.string())
        kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text", with_length([value.encode() if value is not None else b"" for value in array.to_pylist()])
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return "bytes", with_length([value or b"" for value in array.to_pylist()])
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        array = array.cast(pa.int32())
    values = array.cast(pa.int64()).fill_null(0).to_pylist()
    return "number", struct.pack(f"<{len(values)}q", *values)


def as_expected(path, table, expected):
    """Compares what pyarrow read with what larder read."""
    if table.num_rows != expected["rows"] or table.column_names != expected["names"]:
        problem(f"{path}: {table.num_rows} rows of {table.column_names}, larder has {expected['rows']} of {expected['names']}")
        return
    found = {}
    for name in table.column_names:
        for simple, array in simple_columns(name, table.column(name)):
            kind, values = packed(array)
            valid = zlib.crc32(bytes(array.is_valid().cast(pa.uint8()).to_pylist()))
            found[simple] = (kind, len(array), array.null_count, valid, zlib.crc32(values))
    wanted = {c["name"]: (c["kind"], c["rows"], c["nulls"], c["valid"], c["values"]) for c in expected["columns"]}
    for name in wanted.keys() | found.keys():
        if wanted.get(name) != found.get(name):
            problem(f"{path}: column {name}: pyarrow has {found.get(name)}, larder has {wanted.get(name)}")


def same_bits(left, right):
    """Whether two columns hold the same values, NaN and the sign of zero included."""
    mine, other = dict(simple_columns("", left)), dict(simple_columns("", right))
    if mine.keys() != other.keys():
        return False
    for name, array in mine.items():
        if packed(array) != packed(other[name]) or not array.is_valid().equals(other[name].is_valid()):
            return False
    return True


def with_type(column, kind):
    """A library's own type as pyarrow's: a view as a text, a dictionary as its values."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return column.cast(kind)


def compare(path, reader, reference, table):
    """Compares another library's table with pyarrow's; gives the number of columns that are equal."""
    if table.num_rows != reference.num_rows or table.column_names != reference.column_names:
        problem(f"{path}: {reader} has {table.num_rows} rows of {table.column_names}, pyarrow {reference.num_rows} of {reference.column_names}")
        return 0
    equal = 0
    for name in reference.column_names:
        wanted = reference.column(name)
        try:
            found = with_type(table.column(name), wanted.type)
            wanted = with_type(wanted, wanted.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            problem(f"{path}: {reader} reads column {name} as {table.column(name).type}, which is no {wanted.type}: {error}")
            continue
        if same_bits(wanted, found):
            equal += 1
        else:
            problem(f"{path}: {reader} reads other values in column {name}")
    return equal


def arrow(relation):
    return relation.to_arrow_table() if hasattr(relation, "to_arrow_table") else relation.fetch_arrow_table()


def read_table(database, root, path, expected):
    """Reads one file with every library that can."""
    file = str(root / path)
    if path.endswith(".arrow"):
        reference = ipc.open_file(pa.memory_map(file)).read_all()
        readers = {"polars": polars.read_ipc(file).to_arrow()}
    else:
        # One file: the directories of a partitioned tree are no columns of it.
        reference = pq.ParquetFile(file).read()
        readers = {
            "polars": polars.read_parquet(file, hive_partitioning=False, glob=False).to_arrow(),
            "duckdb": arrow(database.sql("select * from read_parquet(?, hive_partitioning = false)", params=[file])),
        }
    as_expected(path, reference, expected)
    columns = {reader: compare(path, reader, reference, table) for reader, table in readers.items()}
    return reference, columns


def strict(value):
    """1, 1.0 and True are equal in Python and different values here."""
    if isinstance(value, dict):
        return {key: strict(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [strict(inner) for inner in value]
    return (type(value).__name__, struct.pack("<d", value) if isinstance(value, float) else value)


def read_object(root, path, expected):
    data = (root / path).read_bytes()
    value = msgpack.unpackb(data) if path.endswith(".msgpack") else json.loads(data)
    if strict(value) != strict(expected):
        problem(f"{path}: {value!r} is read, larder has {expected!r}")


def read_hive(database, root, tree):
    """Reads a partitioned tree as one table; every row must come with its partition's own values."""
    directory = str(root / tree["path"])
    dimensions = tree["dimensions"]
    wanted = {int(number): values for number, values in tree["rows"].items()}
    glob = f"{directory}/**/*.parquet"
    schema = {name: polars.String for name in dimensions}
    partitioning = ds.partitioning(pa.schema([(name, pa.string()) for name in dimensions]), flavor="hive")
    listed = ", ".join(f"'{name}': VARCHAR" for name in dimensions)
    statement = f"select * from read_parquet(?, hive_partitioning = true, hive_types = {{{listed}}})"
    readers = {
        "pyarrow": lambda: ds.dataset(directory, format="parquet", partitioning=partitioning).to_table(),
        "polars": lambda: polars.scan_parquet(directory, hive_partitioning=True, hive_schema=schema).collect().to_arrow(),
        "duckdb": lambda: arrow(database.sql(statement, params=[glob])),
    }
    for reader, read in readers.items():
        table = read()
        rows = table.select(["number", *dimensions]).to_pylist()
        found = {row["number"]: [row[name] for name in dimensions] for row in rows}
        if len(rows) != len(wanted):
            problem(f"{tree['path']}: {reader} reads {len(rows)} rows of {len(wanted)}")
        for number, values in wanted.items():
            if found.get(number) != values:
                problem(f"{tree['path']}: {reader} reads the partition {values} as {found.get(number)}")


def main():
    manifest = json.loads(Path(sys.argv[1]).read_text())
    root = Path(manifest["root"])
    database = duckdb.connect()
    database.sql("set timezone = 'UTC'")
    there = {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file() and ".larder" not in file.relative_to(root).parts}
    known = manifest["tables"].keys() | manifest["objects"].keys() | manifest["blobs"].keys()
    for path in there ^ known:
        problem(f"{path}: it is {'not in the manifest' if path in there else 'not in the tree'}")
    rows = columns = 0
    equal = {}
    for path, expected in sorted(manifest["tables"].items()):
        if path not in there:
            continue
        reference, by_reader = read_table(database, root, path, expected)
        rows += reference.num_rows
        columns += reference.num_columns
        for reader, count in by_reader.items():
            equal[reader] = equal.get(reader, 0) + count
    for path, expected in manifest["objects"].items():
        read_object(root, path, expected)
    for path, expected in manifest["blobs"].items():
        if zlib.crc32((root / path).read_bytes()) != expected:
            problem(f"{path}: other bytes")
    partitions = sum(len(tree["rows"]) for tree in manifest["hive"])
    for tree in manifest["hive"]:
        read_hive(database, root, tree)
    others = ", ".join(f"{count} in {reader}" for reader, count in sorted(equal.items()))
    print(
        f"{len(manifest['tables'])} tables, {rows} rows: {columns} columns in pyarrow equal to larder's, of them {others}; "
        f"{len(manifest['objects'])} objects, {len(manifest['blobs'])} blobs, {partitions} partitions; {len(problems)} problems"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Without taking the interpreter down under threads of the libraries, which sometimes aborts it.
    os._exit(status)
