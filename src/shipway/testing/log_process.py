"""The conformance suite of the port Log between processes: killed, racing and out of space.

The children open the log by the name of whatever opens it, such as `my_log:MyLog`, called with a path.
"""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import numpy as np
from polars.testing import assert_frame_equal

from shipway.core.error import ShipwayError
from shipway.ports.log import Log


@dataclass(frozen=True, slots=True)
class Shared:
    """A log that several processes open.

    Attributes:
        opener: `module:callable` that opens it, given its path.
        path: where it is; nothing is there before the case.
    """

    opener: str
    path: Path

    def open(self) -> Log:
        """Open it in this process."""
        module, _, name = self.opener.partition(":")
        return getattr(import_module(module), name)(self.path)


Case = Callable[[Shared], None]

ROWS: Final = 500
"""Rows of a segment that a child writes."""

_KILLS: Final = 8
_CHILD: Final = "import sys; from shipway.testing import log_process; getattr(log_process, sys.argv[1])(*sys.argv[2:])"


def check_killed_writers_leave_whole_segments(shared: Shared) -> None:
    """After kill -9 at any moment, what was acknowledged is there, and what is there is whole."""
    delays, acknowledged = random.Random(11), set[tuple[int, int]]()
    for writer in range(_KILLS):
        with _start("write_segments", shared, writer, 1_000_000) as child:
            assert child.stdout is not None
            first = child.stdout.readline()
            time.sleep(delays.uniform(0.0, 0.03))
            child.kill()
            lines = [first, *child.stdout]
        acknowledged |= {(writer, int(line)) for line in lines if line.endswith("\n")}
        found = _read_written(shared.open())
        assert acknowledged <= set(found), f"lost {acknowledged - set(found)}"
        assert len(found) - len(acknowledged) <= writer + 1, "a segment in flight counts once a kill"
    assert len(acknowledged) >= _KILLS


def check_processes_share_a_stream(shared: Shared) -> None:
    """Processes that append at once lose nothing, and a reader sees each one's segments whole and in order."""
    log = shared.open()
    with _start("write_segments", shared, 0, 20) as one, _start("write_segments", shared, 1, 20) as other:
        while one.poll() is None or other.poll() is None:
            _read_written(log)
    assert (one.returncode, other.returncode) == (0, 0)
    assert sorted(_read_written(log)) == [(writer, number) for writer in range(2) for number in range(20)]
    assert_frame_equal(shared.open().read("s"), log.read("s"))


def check_no_room_loses_nothing(shared: Shared) -> None:
    """An append without room is refused and leaves nothing; when there is room again, appending goes on."""
    with _start("write_without_room", shared) as child:
        output, _ = child.communicate()
    assert child.returncode == 0
    assert output.split() == ["SW-601", "SW-601"]
    assert _read_written(shared.open()) == [(0, 0), (0, 2), (0, 4)]


def write_segments(opener: str, path: str, writer: str, count: str) -> None:
    """Append segments and acknowledge each by a line with its number; what a case's child does."""
    log = Shared(opener, Path(path)).open()
    for number in range(int(count)):
        _write(log, int(writer), number)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


def write_without_room(opener: str, path: str) -> None:
    """Append segments, every other one with no room for it, and say the code of each refusal; what a child does."""
    import resource

    log = Shared(opener, Path(path)).open()
    for number in range(5):
        room = 2_000 if number % 2 else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        try:
            _write(log, 0, number)
        except ShipwayError as refusal:
            sys.stdout.write(f"{refusal.code}\n")


def _write(log: Log, writer: int, number: int) -> None:
    places = np.arange(ROWS)
    noise = np.random.default_rng([writer, number]).random((6, ROWS))
    marks = {"writer": np.full(ROWS, writer), "number": np.full(ROWS, number), "place": places}
    log.append("s", {"at": number * ROWS + places, **marks, **{f"x{i}": values for i, values in enumerate(noise)}})


def _read_written(log: Log) -> list[tuple[int, int]]:
    """Return (writer, number) of the segments in the order read, after checking that each is whole and in its place."""
    rows = log.read("s")
    if not rows.width:
        return []
    assert rows.height % ROWS == 0, "a segment is torn"
    marks = rows.select("writer", "number", "place").to_numpy().reshape(-1, ROWS, 3)
    assert (marks[:, :, :2] == marks[:, :1, :2]).all(), "a segment is torn"
    assert (marks[:, :, 2] == np.arange(ROWS)).all(), "a segment is torn"
    found = [(int(writer), int(number)) for writer, number, _ in marks[:, 0]]
    for writer in {writer for writer, _ in found}:
        numbers = [number for w, number in found if w == writer]
        assert numbers == sorted(set(numbers)), f"writer {writer} is out of order: {numbers}"
    return found


@contextmanager
def _start(function: str, shared: Shared, *args: int) -> "Generator[subprocess.Popen[str]]":
    """Run one of this module's functions in a child, which does not outlive the block."""
    command = [sys.executable, "-c", _CHILD, function, shared.opener, str(shared.path), *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


CASES: Final[tuple[Case, ...]] = (
    check_killed_writers_leave_whole_segments,
    check_processes_share_a_stream,
    check_no_room_loses_nothing,
)
"""The cases of every Log that outlives its process."""
