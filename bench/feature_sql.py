"""What does a frame cost in SQL where the tables lie, next to the same frame in Polars, and is it the same to the bit?

All 336,776 flights are asked about as in `bench/feature_equality.py`: windows of 1 h, 3 h, 24 h, 7 d and 28 d by
origin, carrier, route and aircraft, five features each. Every engine runs in processes of its own, in turns:

    polars      build_frame, on rows in memory
    duckdb      the statement that shipway writes, on a DuckDB file: as-of joins
    walk        the statement for dialects that lack those, on the same file

Rows are there before the clock starts, except that DuckDB reads its own file. CPU seconds are of all threads,
the least of the turns; memory is the peak of the process. With `sums`, the extrema are left out.

    python bench/feature_sql.py [turns] [sums]      by default 3 turns, about four minutes

It exits with 1 unless all frames are equal to the bit.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import polars as pl

from shipway.adapters.duckdb.warehouse import open_warehouse
from shipway.data.frame import build_frame
from shipway.data.plan import Plan
from shipway.data.warehouse import dialect
from shipway.data.warehouse.frame import build_frame_there

ENGINES: Final = ("polars", "duckdb", "walk")
FILE: Final = "flights.db"


def put_tables(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Put tables into a DuckDB file."""
    with duckdb.connect(folder / FILE) as connection:
        for name, frame in tables.items():
            connection.register("given", frame.to_arrow())  # pyright: ignore[reportUnknownArgumentType]
            connection.execute(f'create or replace table "{name}" as from given')


def build_from(plan: Plan, folder: Path) -> pl.DataFrame:
    """Return a frame built by DuckDB from the file that `put_tables` made."""
    with open_warehouse(f"duckdb:{FILE}", folder) as warehouse:
        return build_frame_there(plan, warehouse)


def thin(plan: Plan) -> Plan:
    """Return the plan without extrema."""
    kept = tuple(column for column in plan.columns if getattr(column.expr, "kind", "") not in ("min", "max"))
    return replace(plan, columns=kept)


def measure(engine: str, folder: Path, sums: bool) -> dict[str, Any]:
    """Build the frame once and return what it cost, with a hash of its bits."""
    from feature_equality import bits_of, hash_of, make_world

    world = make_world()
    plan = thin(world.plan) if sums else world.plan
    if engine == "walk":
        # As if the dialect had no as-of joins.
        dialects: Any = dialect.DIALECTS
        dialects["duckdb"] = replace(dialect.DUCKDB, asof=False)
    start, clock = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    frame = build_frame(plan, world.tables) if engine == "polars" else build_from(plan, folder)
    end, wall_s = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - clock
    bits = bits_of(frame, replace(world, plan=plan))
    return {
        "cpu_s": end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime,
        "wall_s": wall_s,
        "memory_mb": end.ru_maxrss / 1024,
        "before_mb": start.ru_maxrss / 1024,
        "hash": hash_of(bits),
        "shape": bits.shape,
    }


def main(turns: int, sums: bool) -> int:
    """Run every engine in turns, print what each cost, and return the exit code."""
    from feature_equality import make_world

    with tempfile.TemporaryDirectory() as folder:
        put_tables(make_world().tables, Path(folder))
        found: dict[str, list[dict[str, Any]]] = {engine: [] for engine in ENGINES}
        for _ in range(turns):
            for engine in ENGINES:
                command = [sys.executable, __file__, "measure", engine, folder, str(int(sums))]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found[engine].append(json.loads(done.stdout))
    rows, columns = found["polars"][0]["shape"]
    print(f"{rows:,} flights, {columns} features\n")
    print(f"{'':<8}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}{'over MB':>9}{'CPU ratio':>11}  hash")
    base = min(turn["cpu_s"] for turn in found["polars"])
    for engine, each in found.items():
        cpu_s, wall_s = (min(turn[name] for turn in each) for name in ("cpu_s", "wall_s"))
        peak, over = each[0]["memory_mb"], each[0]["memory_mb"] - each[0]["before_mb"]
        hashes = "".join({turn["hash"] for turn in each})
        print(f"{engine:<8}{cpu_s:>8.2f}{wall_s:>8.2f}{peak:>9.0f}{over:>9.0f}{cpu_s / base:>10.1f}x  {hashes}")
    equal = len({turn["hash"] for each in found.values() for turn in each}) == 1
    print("\nequal" if equal else "\nNOT EQUAL")
    return 0 if equal else 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measure", engine, folder, sums]:
            sys.stdout.write(msgspec.json.encode(measure(engine, Path(folder), sums == "1")).decode())
        case given:
            sys.exit(main(int(given[0]) if given else 3, given[1:] == ["sums"]))
