"""How a table of PostgreSQL becomes frames: rows of psycopg, its COPY as text read by Polars, and ADBC.

Each way runs in a process of its own against one server, in turns. All three must give equal frames.

    python bench/postgres_reader.py [rows in thousands] [rounds]
"""

import io
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import polars as pl

from shipway.testing.postgres import run_postgres

QUERY = "select * from flights"
SCHEMA = {
    "id": pl.Int64,
    "dep_delay": pl.Int64,
    "distance": pl.Float64,
    "carrier": pl.String,
    "tailnum": pl.String,
    "origin": pl.String,
    "landed": pl.Datetime("us", "UTC"),
    "late": pl.Boolean,
}
TABLE = """
create table flights as select i as id, (i * 7 %% 400 - 40)::int8 as dep_delay, (i %% 977) * 0.37::float8 as distance,
    (array['UA', 'AA', 'B6'])[1 + i %% 3] as carrier, case when i %% 11 > 0 then 'N' || i %% 4000 end as tailnum,
    (array['JFK', 'EWR', 'LGA'])[1 + i %% 3] as origin,
    timestamptz '2013-01-01 00:00Z' + i * interval '93.123456 s' as landed, i %% 5 = 0 as late
from generate_series(1::int8, %s) i
"""
WAYS = ("rows", "copy", "adbc")


def by_rows(url: str) -> pl.DataFrame:
    import psycopg

    frames: list[pl.DataFrame] = []
    with psycopg.connect(url) as connection, connection.cursor("bench", binary=True) as cursor:
        cursor.itersize = 50_000
        cursor.execute(QUERY)
        while rows := cursor.fetchmany(50_000):
            frames.append(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    return pl.concat(frames)


def by_copy(url: str) -> pl.DataFrame:
    import psycopg

    schema: dict[str, Any] = {**SCHEMA, "landed": pl.String, "late": pl.String}
    frames: list[pl.DataFrame] = []
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("set local time zone 'UTC'")
        held: list[bytes] = []
        size = 0
        with cursor.copy(f"copy ({QUERY}) to stdout (format csv, null E'\\x02')") as copy:
            for block in copy:
                held.append(bytes(block))
                size += len(block)
                if size > 8 << 20:
                    frames.append(parse(b"".join(held), schema))
                    held, size = [], 0
        frames.append(parse(b"".join(held), schema))
    return pl.concat(frames)


def parse(data: bytes, schema: Mapping[str, Any]) -> pl.DataFrame:
    frame = pl.read_csv(io.BytesIO(data), has_header=False, schema=schema, null_values=["\x02"])
    landed = (
        pl.col("landed")
        .str.replace(r"\+00$", "")
        .str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", time_zone="UTC")
    )
    return frame.with_columns(landed, pl.col("late") == "t")


def by_adbc(url: str) -> pl.DataFrame:
    adbc: Any = import_module("adbc_driver_postgresql.dbapi")
    with adbc.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(QUERY)
        frame = pl.concat([pl.DataFrame(batch) for batch in cursor.fetch_record_batch()])
    return frame.with_columns(pl.col("landed").dt.convert_time_zone("UTC"))


def measure(way: str, url: str) -> None:
    read = {"rows": by_rows, "copy": by_copy, "adbc": by_adbc}[way]
    read(url)
    start, cpu = time.perf_counter(), time.process_time()
    frame = read(url)
    wall, spent = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    total = str(frame.sort("id").hash_rows().sum())
    print(json.dumps({"wall": wall, "cpu": spent, "peak_mb": peak, "rows": frame.height, "digest": total}))


def main(rows: int, rounds: int) -> None:
    import psycopg

    with run_postgres() as server:
        url = server.address(server.make_database())
        with psycopg.connect(url) as connection:
            # A statement that creates takes no parameters on the server, so the client writes them in.
            psycopg.ClientCursor(connection).execute(TABLE, [rows])
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                done = subprocess.run([sys.executable, __file__, way, url], capture_output=True, text=True, check=True)
                found[way].append(json.loads(done.stdout))
    digests = {one["digest"] for each in found.values() for one in each}
    assert len(digests) == 1, "the three ways differ"
    print(f"{rows:,} rows of 8 columns, median of {rounds}, equal frames")
    for way in WAYS:
        wall, cpu, peak = (statistics.median(one[what] for one in found[way]) for what in ("wall", "cpu", "peak_mb"))
        print(f"{way:>5}: {wall:6.2f} s wall, {cpu:6.2f} s CPU, {peak:5.0f} MB peak")


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in WAYS:
        measure(sys.argv[1], sys.argv[2])
    else:
        main(int(sys.argv[1]) * 1000 if sys.argv[1:] else 1_000_000, int(sys.argv[2]) if sys.argv[2:] else 3)
