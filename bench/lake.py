"""What versions of data cost: a branch, a commit of three tables, a merge and a rollback, and whether they stay cheap.

    python bench/lake.py [rounds]

The same frames go to shipway's lake, to pyiceberg under its own SQL catalog and to delta-rs, in turn, each in files of
a local folder, and at the end the rows of all three are compared. pyiceberg has no commit over several tables and no
merge; delta-rs has neither, nor branches. What they lack is left out: their commit of three tables is three commits.

Then a thousand commits go over a hundred branches of the lake, compaction and expiry of history counted in: the last
twenty commits are held against the first twenty, as the median of three runs, for a window of twenty is short.

pyiceberg's catalog needs SQLAlchemy, which shipway does not: pip install pyiceberg pyarrow sqlalchemy deltalake
"""

import logging
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.adapters.system.clock import SystemClock
from shipway.core.table import Snapshot
from shipway.infra.collection import collect
from shipway.infra.lake import Lake

TABLES = ("flights", "weather", "planes")
BASE_ROWS, BATCH_ROWS = 100_000, 1_000
COMMITS, EVERY, WINDOW = 1_000, 10, 20
HISTORY_COMMITS = 100
RUNS = 3


def main(rounds: int) -> int:
    """Run both parts and print them; exit code 1 if the systems end with different rows or commits slow down."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="shipway-bench-"))
    try:
        same = compare_systems(folder, rounds)
        ratios = [grow(folder / f"grow{number}") for number in range(RUNS)]
    finally:
        shutil.rmtree(folder)
    ratio = statistics.median(ratios)
    print(f"\nlast {WINDOW} commits over the first {WINDOW}: median of {RUNS} runs {ratio:.2f} (at most 1.5)")
    return 0 if same and ratio <= 1.5 else 1


def make_frame(table: str, start: int, rows: int) -> pl.DataFrame:
    """Return rows that no other table or start gives, with a key, two numbers, two texts and an instant."""
    number = pl.int_range(start, start + rows, eager=True).alias("id")
    return pl.DataFrame(number).with_columns(
        table=pl.lit(table),
        delay=(pl.col("id") * 7919 % 1000 / 7).cast(pl.Float64),
        seats=pl.col("id") % 400,
        carrier=pl.format("C{}", pl.col("id") % 16),
        at=(pl.col("id") * 60_000_000).cast(pl.Datetime("us", "UTC")),
    )


def make_frames(start: int) -> dict[str, pl.DataFrame]:
    """Return a batch for each table."""
    return {name: make_frame(name, start, BATCH_ROWS) for name in TABLES}


def to_arrow(frame: pl.DataFrame) -> Any:
    """Return a frame as the Arrow table that the other systems take."""
    method: Any = getattr(frame, "to_arrow")  # noqa: B009 - pyarrow has no types, and so has what returns it
    return method()


def time_ms(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return how many milliseconds a call takes, and what it returns."""
    begun = time.perf_counter()
    value = function()
    return (time.perf_counter() - begun) * 1e3, value


class Shipway:
    """The lake in a folder."""

    def __init__(self, folder: Path) -> None:
        """Make a lake whose tables hold the base rows."""
        folder.mkdir()
        clock = SystemClock()
        self.lake = Lake(FileBlobs(folder / "blobs"), SqliteCatalog(folder / "catalog.db", clock=clock))
        tables = {name: self.lake.write(make_frame(name, 0, BASE_ROWS)) for name in TABLES}
        self.lake.commit("main", tables, expect=None, message="base")

    def commit(self, branch: str, frames: dict[str, pl.DataFrame]) -> None:
        """Append to three tables of a branch, as one commit."""
        head = self.lake.head(branch)
        assert head is not None
        before = self.lake.get(head).tables
        tables = {name: self.lake.compact(self.lake.append(before[name], frames[name])) for name in TABLES}
        self.lake.commit(branch, tables, expect=head, message="append")

    def branch(self, name: str) -> None:
        """Begin a branch at main."""
        head = self.lake.head("main")
        assert head is not None
        self.lake.fork(name, at=head)

    def merge(self, name: str) -> None:
        """Merge a branch into main, which has moved since they parted."""
        self.lake.merge(name, "main", expect=self.lake.head("main"), keys={table: ["id"] for table in TABLES})

    def rollback(self) -> None:
        """Put main back to the commit before its newest."""
        first, second = (commit for commit, _ in zip(self.lake.log("main"), range(2), strict=False))
        self.lake.refs.rollback("main", to=second.id, expect=first.id)

    def rows(self) -> pl.DataFrame:
        """Return the rows of the first table."""
        head = self.lake.head("main")
        assert head is not None
        return self.lake.read(self.lake.get(head).tables[TABLES[0]])


class Pyiceberg:
    """Three Iceberg tables under pyiceberg's SQL catalog in SQLite."""

    def __init__(self, folder: Path) -> None:
        """Make the tables with the base rows."""
        folder.mkdir()
        library: Any = import_module("pyiceberg.catalog.sql")
        catalog = library.SqlCatalog(
            "bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse"
        )
        catalog.create_namespace("bench")
        self.catalog = catalog
        for name in TABLES:
            arrow: Any = to_arrow(make_frame(name, 0, BASE_ROWS))
            catalog.create_table(f"bench.{name}", schema=arrow.schema).append(arrow)

    def commit(self, branch: str, frames: dict[str, pl.DataFrame]) -> None:
        """Append to three tables of a branch, one after the other: there is no commit over several."""
        for name in TABLES:
            self.catalog.load_table(f"bench.{name}").append(to_arrow(frames[name]), branch=branch)

    def branch(self, name: str) -> None:
        """Begin a branch of each table at its present snapshot."""
        for table in TABLES:
            found = self.catalog.load_table(f"bench.{table}")
            found.manage_snapshots().create_branch(found.current_snapshot().snapshot_id, name).commit()

    def rollback(self) -> None:
        """Put each table back to the snapshot before its newest."""
        for table in TABLES:
            found = self.catalog.load_table(f"bench.{table}")
            parent = found.current_snapshot().parent_snapshot_id
            found.manage_snapshots().rollback_to_snapshot(parent).commit()

    def rows(self) -> pl.DataFrame:
        """Return the rows of the first table."""
        return pl.DataFrame(self.catalog.load_table(f"bench.{TABLES[0]}").scan().to_arrow())


class Delta:
    """Three Delta tables in local folders."""

    def __init__(self, folder: Path) -> None:
        """Make the tables with the base rows."""
        folder.mkdir()
        self.folder = folder
        self.library: Any = import_module("deltalake")
        for name in TABLES:
            self.library.write_deltalake(str(folder / name), to_arrow(make_frame(name, 0, BASE_ROWS)))

    def commit(self, branch: str, frames: dict[str, pl.DataFrame]) -> None:
        """Append to three tables, one after the other: there are no branches, and no commit over several tables."""
        del branch
        for name in TABLES:
            self.library.write_deltalake(str(self.folder / name), to_arrow(frames[name]), mode="append")

    def rollback(self) -> None:
        """Restore each table to the version before its newest."""
        for name in TABLES:
            table = self.library.DeltaTable(str(self.folder / name))
            table.restore(table.version() - 1)

    def rows(self) -> pl.DataFrame:
        """Return the rows of the first table."""
        return pl.DataFrame(self.library.DeltaTable(str(self.folder / TABLES[0])).to_pyarrow_table())


def compare_systems(folder: Path, rounds: int) -> bool:
    """Let the three systems do the same in turn, and print medians in milliseconds."""
    systems: dict[str, Any] = {
        "shipway": Shipway(folder / "shipway"),
        "pyiceberg": Pyiceberg(folder / "pyiceberg"),
        "delta-rs": Delta(folder / "delta"),
    }
    took: dict[tuple[str, str], list[float]] = {}

    def note(name: str, what: str, function: Callable[[], Any]) -> None:
        took.setdefault((name, what), []).append(time_ms(function)[0])

    for number in range(rounds):
        frame, other = (make_frames(1_000_000 + (2 * number + which) * BATCH_ROWS) for which in range(2))
        for name, system in systems.items():
            if name != "delta-rs":
                note(name, "branch", partial(system.branch, f"try{number}"))
            note(name, "commit of 3 tables", partial(system.commit, "main", frame))
            if name == "shipway":
                system.commit(f"try{number}", other)
                note(name, "merge of 3 tables", partial(system.merge, f"try{number}"))
                note(name, "rollback", system.rollback)
            else:
                system.commit("main", other)
                note(name, "rollback", system.rollback)
    print(f"medians of {rounds} rounds in ms: {len(TABLES)} tables of {BASE_ROWS:,} rows, batches of {BATCH_ROWS:,}")
    operations = ("branch", "commit of 3 tables", "merge of 3 tables", "rollback")
    print(f"{'':<22}" + "".join(f"{name:>12}" for name in systems) + "   shipway is faster by")
    for what in operations:
        medians = {name: statistics.median(took[name, what]) for name in systems if (name, what) in took}
        cells = "".join(f"{medians[name]:>12.2f}" if name in medians else f"{'-':>12}" for name in systems)
        ratios = [f"{medians[name] / medians['shipway']:.1f}x {name}" for name in medians if name != "shipway"]
        print(f"{what:<22}{cells}   {', '.join(ratios)}")
    rows = [system.rows().sort("id") for system in systems.values()]
    same = all(frame.select(rows[0].columns).equals(rows[0]) for frame in rows[1:])
    print(f"rows at the end: {rows[0].height:,}, {'the same' if same else 'DIFFERENT'} in all three")
    return same


def grow(folder: Path) -> float:
    """Make a thousand commits over a hundred branches and return the last twenty's time over the first twenty's."""
    folder.mkdir()
    clock = SystemClock()
    blobs = FileBlobs(folder / "blobs")
    lake = Lake(blobs, SqliteCatalog(folder / "catalog.db", clock=clock))
    start: dict[str, Snapshot] = {name: lake.write(make_frame(name, 0, BATCH_ROWS)) for name in TABLES}
    lake.commit("main", start, expect=None, message="base")
    took: list[float] = []
    cpu: list[float] = []
    stored: list[int] = []
    branches = ["main"]
    for number in range(COMMITS):
        frames = make_frames((number + 1) * BATCH_ROWS)
        begun, cpu_begun = time.perf_counter(), time.process_time()
        branch = "main"
        if number % EVERY == EVERY - 1:
            branch = f"branch{number // EVERY}"
            head = lake.head("main")
            assert head is not None
            lake.fork(branch, at=head)
            branches.append(branch)
        head = lake.head(branch)
        assert head is not None
        before = lake.get(head).tables
        tables = {name: lake.compact(lake.append(before[name], frames[name])) for name in TABLES}
        lake.commit(branch, tables, expect=head, message=f"number {number}")
        stored.append(clock.now())
        if number % WINDOW == WINDOW - 1:
            since = stored[-HISTORY_COMMITS] if number >= HISTORY_COMMITS else 0
            collect(lake.refs, blobs, cited=[], before=since, history_before=since)
        took.append((time.perf_counter() - begun) * 1e3)
        cpu.append((time.process_time() - cpu_begun) * 1e3)
    windows, cpu_windows = (
        [sum(times[start : start + WINDOW]) for start in range(0, COMMITS, WINDOW)] for times in (took, cpu)
    )
    head = lake.head("main")
    assert head is not None
    parts = [len(snapshot.parts) for snapshot in lake.get(head).tables.values()]
    ratio = windows[-1] / windows[0]
    print(f"\n{COMMITS:,} commits of 3 tables over {len(branches) - 1} branches, compaction and expiry counted in:")
    print(f"first {WINDOW} {windows[0]:.0f} ms, last {WINDOW} {windows[-1]:.0f} ms, ratio {ratio:.2f}")
    print(
        f"in processor time {cpu_windows[0]:.0f} and {cpu_windows[-1]:.0f} ms, {cpu_windows[-1] / cpu_windows[0]:.2f}"
    )
    print(f"windows of {WINDOW}: median {statistics.median(windows):.0f} ms, worst {max(windows):.0f} ms")
    print(f"files of main's tables at the end: {parts}; commits kept: {sum(1 for _ in lake.log('main'))} of main")
    return ratio


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
