"""Does `shipway features materialise` write a million stored view-rows per CPU-second, from the lake to the store?

usage: materialise.py [--entities N] [--history H] [--changes C] [--store URI] [--feast PYTHON]
       by default 200,000 entities, one row of each in every view, and 100 changes

A project of five sources, each with one row of four numbers an entity (or H of them), committed to the main branch of
its lake. A process of its own then calls what the command calls: the declared views are loaded, the tables read and
checked against known-at, reduced to the newest row of each entity, packed and written in one transaction, and the file
is put that readers change over by. A second call finds C new rows in each source, a third C corrected ones, a fourth
nothing. What the store then says is read by the SDK and compared with the tables. With --feast, Feast's `materialize`
writes the same values of 20,000 entities, from Parquet files into Redis.

A view-row is a row of a view read, whether the newest or not. Processor seconds are those of the whole call, of all
threads; those of a whole process, `shipway features materialise`, stand beside. Exits with 1 if a value differs, the
first call writes less than a million view-rows per processor second, or new rows take more than a third of it.
"""

import argparse
import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.app.online import materialise
from shipway.app.project import find_project
from shipway.app.workspace import Workspace
from shipway.core.table import MAIN

VIEWS: Final = 5
NUMBERS: Final = 4
FEAST_ENTITIES: Final = 20_000
LEAST_ROWS: Final = 1e6
MOST_SHARE: Final = 1 / 3
NOW: Final = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
TOML: Final = '[project]\nname = "bench"\ntimezone = "UTC"\nat = 2026-06-01\n'
CODE: Final = """\
import polars as pl

import shipway as sw
from shipway import windows as w

user = sw.entity("user")
names = ("x0", "x1", "x2", "x3")
"""
VIEW: Final = """

@sw.source(key="id", raw="view{0}", known_at={{"at": ("user", *names)}})
def view{0}(view{0}: pl.DataFrame) -> pl.DataFrame:
    return view{0}


newest{0} = sw.feature_view("newest{0}", user, {{n: w.newest(view{0}.event("at")[n], within="30d") for n in names}})
"""


def make_rows(entities: int, history: int, view: int) -> pl.DataFrame:
    """Return the rows of a view: for each entity as many as its history has, the newest last."""
    chance = np.random.default_rng(view)
    height = entities * history
    ago = np.sort(chance.integers(1, 20 * 86_400_000_000, height))[::-1]
    columns: dict[str, Any] = {
        "id": np.arange(height),
        "user": np.concatenate([chance.permutation(entities) for _ in range(history)]),
        "at": pl.Series(int(NOW.timestamp()) * 1_000_000 - ago).cast(pl.Datetime("us", "UTC")),
    }
    return pl.DataFrame(columns | {f"x{number}": chance.normal(size=height) for number in range(NUMBERS)})


def make_project(folder: Path, entities: int, history: int, store: str) -> None:
    """Write a project and commit its tables, as a run would that admits them."""
    online = f'\n[online]\nuri = "{store}"\n' if store else ""
    raws = "".join(f'view{view} = "view{view}.parquet"\n' for view in range(VIEWS))
    (folder / "shipway.toml").write_text(f"{TOML}\n[raw]\n{raws}{online}")
    (folder / "project.py").write_text(CODE + "".join(VIEW.format(view) for view in range(VIEWS)))
    with closing(Workspace(find_project(folder))) as workspace, workspace.hold():
        assert workspace.ledger is not None
        tables = {f"view{v}": workspace.tables.write(make_rows(entities, history, v)) for v in range(VIEWS)}
        workspace.tables.commit(MAIN, tables, expect=None, message="all rows")


def change_rows(folder: Path, new: int, corrected: int) -> None:
    """Give the first entities new rows, and change what is said of the last ones."""
    with closing(Workspace(find_project(folder))) as workspace:
        commit, tables = workspace.main_commit(), dict[str, Any]()
        for name, snapshot in commit.tables.items():
            rows = workspace.tables.read(snapshot)
            come = rows.head(new).with_columns(
                id=pl.int_range(rows.height, rows.height + new),
                at=pl.lit(NOW).cast(pl.Datetime("us", "UTC")) - pl.duration(seconds=1),
            )
            other = rows.tail(corrected).with_columns(x0=pl.col("x0") + 1)
            tables[name] = workspace.tables.upsert(snapshot, pl.concat([come, other]), key=["id"])
        workspace.tables.commit(MAIN, tables, expect=commit.id, message="some rows")


def measure_here(folder: Path) -> None:
    """Bring the store up to date and print what that took."""
    project = find_project(folder)
    started, wall = time.process_time(), time.perf_counter()
    made = materialise(project)
    told = {"cpu_s": time.process_time() - started, "wall_s": time.perf_counter() - wall, "anew": made.anew}
    told["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(told | {"applied": made.applied}))


def call(folder: Path) -> dict[str, Any]:
    """Bring the store up to date in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "measure", str(folder)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def command(folder: Path) -> float:
    """Run the command and return the processor seconds of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-c", "from shipway.cli.main import main; main()", "features", "materialise"]
    subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(folder: Path) -> bool:
    """Tell whether the store says of every entity what the tables do."""
    import shipway as sw

    right = True
    with closing(Workspace(find_project(folder))) as workspace, closing(sw.online(folder)) as online:
        for name, snapshot in workspace.main_commit().tables.items():
            rows = workspace.tables.read(snapshot).sort("at", "id").unique("user", keep="last", maintain_order=True)
            for some in rows.sample(min(rows.height, 5_000), seed=7).iter_slices(1_000):
                users, at = some.select("user").to_dicts(), int(NOW.timestamp()) * 1_000_000
                found = online.read(name.replace("view", "newest"), users, at=at)
                right &= [tuple(each) for each in found.values] == some.select("x0", "x1", "x2", "x3").rows()
    return right


def run_feast(python: str) -> float:
    """Let Feast write the same values of some entities into Redis; return view-rows per processor second."""
    from shipway.testing.redis import run_redis

    with tempfile.TemporaryDirectory(prefix="shipway-feast-") as scratch, run_redis() as server:
        for view in range(VIEWS):
            named = {f"x{number}": f"v{view}x{number}" for number in range(NUMBERS)}
            rows = make_rows(FEAST_ENTITIES, 1, view).drop("id").rename({"at": "event_timestamp"} | named)
            rows.write_parquet(Path(scratch) / f"view{view}.parquet")
        script = str(Path(__file__).with_name("online_read_feast.py"))
        words = [python, script, scratch, str(server.port), NOW.isoformat(), "10"]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])["rate"][0]


def main() -> int:
    """Print what each call took; return 0 if everything is equal and within its bounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entities", type=int, default=200_000)
    parser.add_argument("--history", type=int, default=1)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--store", default="")
    parser.add_argument("--feast", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shipway-materialise-") as scratch:
        folder = Path(scratch)
        make_project(folder, given.entities, given.history, given.store)
        first = call(folder)
        change_rows(folder, given.changes, 0)
        second = call(folder)
        change_rows(folder, 0, given.changes)
        third, fourth = call(folder), call(folder)
        right = compare(folder)
        (folder / "again").mkdir()
        make_project(folder / "again", given.entities, given.history, given.store)
        whole = command(folder / "again")
    rows = given.entities * given.history * VIEWS
    rate = rows / first["cpu_s"]
    print(f"{rows:,} view-rows, {given.entities:,} entities of {VIEWS} views")
    calls = {"anew": first, "new rows": second, "corrected rows": third, "nothing new": fourth}
    for what, told in calls.items():
        print(
            f"  {what:22}{told['cpu_s']:8.3f} CPU s{told['wall_s']:8.3f} s{told['peak_mb']:7.0f} MB"
            f"{told['applied']:>12,} rows applied{', anew' if told['anew'] else ''}"
        )
    print(f"  {rate:,.0f} view-rows per CPU-second; with the start of a process {rows / whole:,.0f}")
    if given.feast:
        theirs = run_feast(given.feast)
        print(f"  feast: {theirs:,.0f} view-rows per CPU-second, {rate / theirs:,.0f} times fewer")
    print(f"values: {'equal' if right else 'DIFFERENT'}")
    good = right and rate >= LEAST_ROWS and second["cpu_s"] < MOST_SHARE * first["cpu_s"] and not second["anew"]
    return 0 if good else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure_here(Path(sys.argv[2]))
    else:
        sys.exit(main())
