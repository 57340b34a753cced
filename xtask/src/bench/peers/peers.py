"""One operation of one library, made as often as it is asked for: `python peers.py LIBRARY OPERATION SOURCE`.

It takes the value in hand first and then prints `ready`, the library's version and its threads. For each line on its
input, which is a path, it makes the operation once and prints its seconds, the peak of its resident memory above the
value in bytes, and the rows that it gave.
"""

import os
import sys
import time

# A library may talk on its own, as DuckDB does when it takes long: answers have a channel of their own.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

library, operation, source = sys.argv[1:4]
# The level that larder and the bare writer use, said outright because the libraries' own defaults differ.
LEVEL = 1


def status(name):
    """A line of the kernel's account of this process, in bytes."""
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"the kernel tells no {name}")


def sync(path):
    """What was written through any descriptor is on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def counted(value):
    """Bytes of a value as its library counts them."""
    return value.get_total_buffer_size() if hasattr(value, "get_total_buffer_size") else value.estimated_size()


def pyarrow():
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet as pq

    # Read, not mapped: the value must be resident before its peak is measured.
    held = pa.ipc.open_file(pa.OSFile(source)).read_all() if operation.startswith("store") else None

    def store_parquet(path):
        pq.write_table(held, path, compression="zstd", compression_level=LEVEL)
        sync(path)

    def load_parquet(path):
        return pq.read_table(path)

    def store_arrow(path):
        with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, held.schema) as writer:
            writer.write_table(held)
        sync(path)

    def scan_arrow(path):
        rows = 0
        with pa.memory_map(path) as file:
            reader = pa.ipc.open_file(file)
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                batch.validate(full=True)
                rows += batch.num_rows
        return range(rows)

    def head(path):
        return next(pq.ParquetFile(path).iter_batches(batch_size=10))

    return pa.__version__, pa.cpu_count(), locals()


def polars():
    import polars as pl

    # Read, not mapped, as above.
    held = pl.read_ipc(source) if operation.startswith("store") else None

    def store_parquet(path):
        held.write_parquet(path, compression="zstd", compression_level=LEVEL)
        sync(path)

    def load_parquet(path):
        return pl.read_parquet(path)

    def store_arrow(path):
        held.write_ipc(path, compression="uncompressed")
        sync(path)

    def scan_arrow(path):
        # It has no call that only validates: this reads every value into memory.
        return pl.read_ipc(path)

    def head(path):
        return pl.scan_parquet(path).head(10).collect()

    return pl.__version__, pl.thread_pool_size(), locals()


def duckdb():
    import duckdb

    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false").fetchall()
    if operation.startswith("store"):
        import pyarrow as pa
        import pyarrow.ipc

        # Its own table in memory, which is what it stores fastest.
        handed = pa.ipc.open_file(pa.memory_map(source)).read_all()
        connection.execute("create table lineitem as select * from handed")
        del handed

    def store_parquet(path):
        connection.execute(
            f"copy lineitem to '{path}' (format parquet, compression zstd, compression_level {LEVEL})"
        )
        sync(path)

    def load_parquet(path):
        return connection.sql(f"select * from read_parquet('{path}')").to_arrow_table()

    def head(path):
        return connection.sql(f"select * from read_parquet('{path}') limit 10").to_arrow_table()

    threads = connection.execute("select current_setting('threads')").fetchall()[0][0]
    return duckdb.__version__, threads, locals()


version, threads, operations = {"pyarrow": pyarrow, "polars": polars, "duckdb": duckdb}[library]()
work = operations[operation]
print("ready", version, threads, file=answers, flush=True)
for line in sys.stdin:
    path = line.rstrip("\n")
    # Documented in proc_pid_clear_refs(5): 5 resets the peak of the resident set.
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    began = time.perf_counter()
    made = work(path)
    took = time.perf_counter() - began
    peak = status("VmHWM")
    # What was loaded is the value; what a library keeps for itself afterwards is not.
    value = before
    if operation.startswith("load"):
        value = min(status("VmRSS"), before + counted(made))
    rows = 0 if made is None else len(made)
    # Freed before the next one, and outside of its time.
    del made
    print(took, max(peak - value, 0), rows, file=answers, flush=True)
