"""Many processes at one lake of real files and SQLite, some of them killed."""

import random
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.adapters.system.clock import SystemClock
from shipway.infra.collection import collect
from shipway.infra.lake import Lake

WRITER = """
import sys
import polars as pl
from pathlib import Path
from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.adapters.system.clock import SystemClock
from shipway.infra.lake import Lake

folder, name, start, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
lake = Lake(FileBlobs(folder / "blobs"), SqliteCatalog(folder / "catalog.db", clock=SystemClock()))
print("ready", flush=True)
sys.stdin.readline()
for number in range(start, start + count):
    lake.drop(name)
    lake.fork(name, at=lake.head("main"))
    head = lake.head(name)
    tables = lake.get(head).tables
    row = pl.DataFrame({"writer": [name], "id": [number]})
    # Both tables change in one commit, one by appending and one by key.
    grown = lake.compact(lake.append(tables["log"], row))
    newest = lake.upsert(tables["newest"], row, key=["writer"])
    lake.commit(name, {"log": grown, "newest": newest}, expect=head, message=f"{name} {number}")
    lake.deliver(name, "main", keys={"newest": ["writer"], "log": ["writer", "id"]})
    print(number, flush=True)
"""


@pytest.fixture
def open_lake(tmp_path):
    """Open one lake of files as often as asked, with two empty tables on main."""
    opened = []

    def open_():
        catalog = SqliteCatalog(tmp_path / "catalog.db", clock=SystemClock())
        opened.append(Lake(FileBlobs(tmp_path / "blobs"), catalog))
        return opened[-1]

    lake = open_()
    empty = lake.write(pl.DataFrame(schema={"writer": pl.String, "id": pl.Int64}))
    lake.commit("main", {"log": empty, "newest": empty}, expect=None, message="empty")
    yield open_
    for each in opened:
        each.close()


def start_writer(folder, name, start, count):
    """Start a process that delivers rows to main as soon as it is told to."""
    command = [sys.executable, "-c", WRITER, str(folder), name, str(start), str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def release(writers):
    """Let writers begin at once."""
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()


def check_commit(lake, commit):
    """Read a commit whole: what the two tables say of one another holds in every one; return the rows by writer."""
    log, newest = (lake.read(commit.tables[name]) for name in ("log", "newest"))
    seen = {}
    for writer, number in log.iter_rows():
        seen.setdefault(writer, []).append(number)
    assert {writer: max(numbers) for writer, numbers in seen.items()} == dict(newest.iter_rows())
    assert all(len(set(numbers)) == len(numbers) for numbers in seen.values())
    return {writer: set(numbers) for writer, numbers in seen.items()}


def test_processes_that_deliver_to_one_branch_all_get_there(tmp_path, open_lake):
    writers = [start_writer(tmp_path, name, 0, 6) for name in ("a", "b", "c")]
    release(writers)
    for writer in writers:
        assert writer.communicate()[0].split() == [str(number) for number in range(6)]
        assert writer.returncode == 0
    lake = open_lake()
    assert check_commit(lake, lake.get(lake.head("main"))) == {name: set(range(6)) for name in "abc"}
    for name in lake.refs.history.reachable([lake.head("main")]):
        check_commit(lake, lake.get(name))


def test_writers_killed_at_any_moment_lose_nothing_that_was_acknowledged(tmp_path, open_lake):
    draw = random.Random(4)
    acknowledged = {"a": set(), "b": set()}
    begun = {"a": 0, "b": 0}
    lake = open_lake()
    for _ in range(3):
        writers = {name: start_writer(tmp_path, name, begun[name], 50) for name in begun}
        release(writers.values())
        # How far a writer comes is told by what it says, and from there on by chance.
        for name, writer in writers.items():
            acknowledged[name].add(int(writer.stdout.readline()))
        time.sleep(draw.random() / 20)
        for name, writer in writers.items():
            writer.send_signal(signal.SIGKILL)
            assert writer.wait() == -signal.SIGKILL
            # Not by communicate, which passes over what was read ahead of the first line.
            acknowledged[name].update(int(line) for line in writer.stdout.read().split("\n")[:-1])
            writer.stdin.close()
            writer.stdout.close()
            begun[name] = max(acknowledged[name]) + 2
        seen = check_commit(lake, lake.get(lake.head("main")))
        assert all(acknowledged[name] <= seen[name] for name in acknowledged)
        collect(lake.refs, lake.blobs, cited=[], before=SystemClock().now())
        for name in lake.refs.history.reachable(lake.branches().values()):
            check_commit(lake, lake.get(name))
    for branch in begun:
        lake.drop(branch)
    collect(lake.refs, lake.blobs, cited=[], before=SystemClock().now())
    fresh = open_lake()
    assert check_commit(fresh, fresh.get(fresh.head("main"))) == seen
    kept = [fresh.get(name) for name in fresh.refs.history.reachable([fresh.head("main")])]
    needed = {part.digest for commit in kept for table in commit.tables.values() for part in table.parts}
    assert set(fresh.blobs.digests()) == needed
