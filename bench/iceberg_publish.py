"""What publishing costs: the first time, and after each of 300 commits, next to pyiceberg's catalog on the same frames.

`python bench/iceberg_publish.py` appends batches of 1,000 rows. shipway commits each to its lake and publishes the
commit; pyiceberg appends each under its SQL catalog, once as it comes and once with the properties that let it merge
manifests and forget old metadata. In a second part shipway alone publishes 500 appends that are never compacted, the
worst case: the last must cost what the first did. There a minute of the publisher's clock lies between versions, for
each stays readable for an hour; in the first part, three hundred within seconds, all of them do.
"""

import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.iceberg.publication import IcebergPublisher
from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.adapters.system.clock import SystemClock
from shipway.infra.lake import Lake
from shipway.kit.duration import MINUTE
from shipway.ports.clock import Clock
from shipway.testing.fake import ManualClock

BATCH_ROWS = 1_000
BASE_ROWS = 100_000
WINDOW = 20
FLAT = 1.5


def main(commits: int = 300, appends: int = 500) -> int:
    """Run both parts and return 0 if the tables are the same and no cost grows."""
    os.environ["POLARS_ICEBERG_PLANNER"] = "pyiceberg"
    logging.getLogger("pyiceberg").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        same = compare_systems(Path(folder), commits)
        ratio = publish_uncompacted(Path(folder, "worst"), appends)
    return 0 if same and ratio <= FLAT else 1


def make_frame(start: int, rows: int) -> pl.DataFrame:
    """Return rows with ids from `start` on, eight columns of the usual types."""
    number = pl.int_range(start, start + rows, eager=True).alias("id")
    columns = [
        number,
        (number % 97).alias("small"),
        (number * 0.37).sin().alias("value"),
        (number * 0.11).cos().alias("other"),
        pl.format("row {}", number).alias("text"),
        pl.format("kind {}", number % 13).alias("kind"),
        (number * 1_000_000).cast(pl.Datetime("us", "UTC")).alias("at"),
        (number % 2 == 0).alias("flag"),
    ]
    return pl.select(columns)


def to_arrow(frame: pl.DataFrame) -> Any:
    """Return a frame as a table of Arrow, which has no types."""
    untyped: Any = frame
    return untyped.to_arrow()


def time_ms(function: Callable[[], Any]) -> float:
    """Return how long a call takes, in milliseconds."""
    begun = time.perf_counter()
    function()
    return (time.perf_counter() - begun) * 1e3


class Shipway:
    """The lake, and what is published of it.

    Attributes:
        commit_ms: what each commit took.
        publish_ms: what each publication took.
        publish_cpu_ms: what of that this process computed; the rest is the disk's.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Work in a folder, by a clock."""
        folder.mkdir()
        self._blobs = FileBlobs(folder / "blobs")
        self._lake = Lake(self._blobs, SqliteCatalog(folder / "catalog.db", clock=clock))
        self._publisher = IcebergPublisher(clock=clock)
        self._location = str(folder / "open")
        self.commit_ms: list[float] = []
        self.publish_ms: list[float] = []
        self.publish_cpu_ms: list[float] = []
        self.uri = ""

    def start(self, frame: pl.DataFrame) -> None:
        """Commit and publish a table."""
        self._lake.commit("main", {"t": self._lake.write(frame)}, expect=None, message="base")
        self._publish()

    def append(self, frame: pl.DataFrame, *, compact: bool = True) -> None:
        """Commit further rows and publish the commit."""
        self.commit_ms.append(time_ms(lambda: self._commit(frame, compact)))
        self._publish()

    def rows(self) -> pl.DataFrame:
        """Return the published rows, as Polars reads them."""
        return pl.scan_iceberg(self.uri).collect()

    def _commit(self, frame: pl.DataFrame, compact: bool) -> None:
        head = self._lake.head("main")
        assert head is not None
        grown = self._lake.append(self._lake.get(head).tables["t"], frame)
        self._lake.commit("main", {"t": self._lake.compact(grown) if compact else grown}, expect=head, message="more")

    def _publish(self) -> None:
        head = self._lake.head("main")
        assert head is not None
        snapshot = self._lake.get(head).tables["t"]

        def publish() -> None:
            found = self._publisher.publish("t", snapshot, commit=head, files=self._blobs.uri, location=self._location)
            self.uri = found.metadata_uri

        begun = time.process_time()
        self.publish_ms.append(time_ms(publish))
        self.publish_cpu_ms.append((time.process_time() - begun) * 1e3)


class Pyiceberg:
    """A table under pyiceberg's SQL catalog.

    Attributes:
        append_ms: what each append took.
    """

    def __init__(self, folder: Path, properties: dict[str, str]) -> None:
        """Work in a folder, the table with some properties."""
        from pyiceberg.catalog.sql import SqlCatalog

        folder.mkdir()
        self._catalog: Any = SqlCatalog("c", uri=f"sqlite:///{folder}/c.db", warehouse=folder.as_uri())
        self._properties = properties
        self._table: Any = None
        self.append_ms: list[float] = []

    def start(self, frame: pl.DataFrame) -> None:
        """Create the table with its first rows."""
        self._catalog.create_namespace("d")
        self._table = self._catalog.create_table("d.t", to_arrow(frame).schema, properties=self._properties)
        self.append_ms.append(time_ms(lambda: self._table.append(to_arrow(frame))))

    def append(self, frame: pl.DataFrame) -> None:
        """Append rows."""
        self.append_ms.append(time_ms(lambda: self._table.append(to_arrow(frame))))

    def rows(self) -> pl.DataFrame:
        """Return the rows, as Polars reads them."""
        return pl.scan_iceberg(self._table.metadata_location).collect()


LEAN = {
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "8",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}
"""What stock pyiceberg offers against growth."""


def compare_systems(folder: Path, commits: int) -> bool:
    """Append the same frames to all and print what each append cost."""
    ours = Shipway(folder / "shipway", SystemClock())
    theirs = {"pyiceberg": Pyiceberg(folder / "stock", {}), "pyiceberg, lean": Pyiceberg(folder / "lean", LEAN)}
    for system in (ours, *theirs.values()):
        system.start(make_frame(0, BASE_ROWS))
    for number in range(commits):
        frame = make_frame(BASE_ROWS + number * BATCH_ROWS, BATCH_ROWS)
        for system in (ours, *theirs.values()):
            system.append(frame)
    took = {
        "shipway commit": ours.commit_ms,
        "shipway publish": ours.publish_ms[1:],
        "processor time": ours.publish_cpu_ms[1:],
        "shipway both": [sum(pair) for pair in zip(ours.commit_ms, ours.publish_ms[1:], strict=True)],
    } | {name: system.append_ms[1:] for name, system in theirs.items()}
    print(f"{commits} appends of {BATCH_ROWS:,} rows to {BASE_ROWS:,}: medians of {WINDOW} in ms")
    print(f"first publication of {BASE_ROWS:,} rows: {ours.publish_ms[0]:.1f} ms")
    for name, times in took.items():
        report(name, times)
    last = {name: statistics.median(times[-WINDOW:]) for name, times in took.items()}
    for name in theirs:
        print(
            f"at the end {name} takes {last[name] / last['shipway both']:.1f}x what a commit and its publication take"
        )
    rows = [system.rows().sort("id") for system in (ours, *theirs.values())]
    same = all(each.equals(rows[0]) for each in rows[1:])
    print(f"rows at the end: {rows[0].height:,}, {'the same' if same else 'DIFFERENT'} in all")
    return same


def publish_uncompacted(folder: Path, appends: int) -> float:
    """Publish appends that are never compacted, and return the last window's processor time over the first's."""
    clock = ManualClock()
    ours = Shipway(folder, clock)
    ours.start(make_frame(0, BATCH_ROWS))
    for number in range(1, appends + 1):
        clock.advance(MINUTE)
        ours.append(make_frame(number * BATCH_ROWS, BATCH_ROWS), compact=False)
    files = list(Path(folder, "open").rglob("*"))
    print(f"\n{appends} appends, published each, never compacted:")
    report("shipway publish", ours.publish_ms[1:])
    ratio = report("its processor time", ours.publish_cpu_ms[1:])
    print(
        f"publish after 1 {ours.publish_ms[1]:.1f} ms, after 100 {ours.publish_ms[min(100, appends)]:.1f} ms, "
        f"after {appends} {ours.publish_ms[-1]:.1f} ms; all of them {sum(ours.publish_ms):.0f} ms"
    )
    print(f"files of the publication at the end: {len(files)}; ratio of processor time {ratio:.2f} (at most {FLAT})")
    return ratio


def report(name: str, times: Sequence[float]) -> float:
    """Print a row of medians and return the last over the first."""
    first, last = statistics.median(times[:WINDOW]), statistics.median(times[-WINDOW:])
    middle = statistics.median(times[len(times) // 3 : len(times) // 3 + WINDOW])
    print(
        f"{name:<18} first {first:7.1f}  after {len(times) // 3} {middle:7.1f}  last {last:7.1f}"
        f"  ratio {last / first:4.2f}  mean {statistics.mean(times):7.1f}  worst {max(times):7.1f}"
    )
    return last / first


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
