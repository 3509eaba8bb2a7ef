"""The conformance suite of the port Online for stores that processes share: real ones, killed and out of room."""

import json
import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from shipway.ports.adapter import load_adapter
from shipway.testing.online import LATEST
from shipway.testing.process import start_child
from shipway.testing.refusal import expect_refusal

Place = str | Path
"""A folder that is not there yet, or the address of an empty store on a server."""

Case = Callable[[str, Place], None]
"""Given the name of an adapter, made of a place and `readonly`, and a place."""

_LIMIT_BYTES: Final = 400_000


def check_reader_may_come_first(adapter: str, folder: Place) -> None:
    """A reader opened before there is a store finds nothing, then sees each write; it may not write itself."""
    open_store = load_adapter(adapter)
    with closing(open_store(folder, readonly=True)) as reader:
        assert reader.position() is None
        assert reader.newest([(b"a", 9)]) == [None]
        with closing(open_store(folder)) as writer:
            for number in range(5):
                writer.write([(b"a", number, b"x")], position=b"%d" % number)
                assert reader.position() == b"%d" % number
                assert reader.newest([(b"a", 9)]) == [(number, b"x")]
            writer.sync()
        with expect_refusal("SW-602"):
            reader.write([(b"a", 9, b"y")], position=b"9")
        with expect_refusal("SW-602"):
            reader.trim(b"", LATEST)
        reader.sync()
        assert reader.position() == b"4"
        assert reader.newest([(b"a", 9)]) == [(4, b"x")]
    with closing(open_store(folder)) as again:
        assert again.between(b"a", -1, 9) == [(number, b"x") for number in range(5)]
        again.write([], position=b"5")
        assert again.position() == b"5"


_READ: Final = """
import sys
from pathlib import Path
from shipway.ports.adapter import load_adapter
place = sys.argv[2] if "://" in sys.argv[2] else Path(sys.argv[2])
store = load_adapter(sys.argv[1])(place, readonly=True)
asks = [(bytes([place, 0]), (1 << 63) - 1) for place in range(16)]
print("open", store.position(), flush=True)
for line in sys.stdin:
    answers = store.newest(asks)
    print(store.position(), answers[0][0], len(set(answers)), flush=True)
seen, torn = 0, 0
while seen < int(sys.argv[3]):
    answers = set(store.newest(asks))
    torn += len(answers) != 1
    seen = max(answers)[0]
print("torn", torn)
"""


def check_other_process_sees_each_write(adapter: str, folder: Place) -> None:
    """A reader in another process, opened before the first write, sees each write at once, and each of them whole."""
    many = 400
    with closing(load_adapter(adapter)(folder)) as writer, start_child(_READ, adapter, folder, many) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "open None\n"

        def write(number: int) -> None:
            writer.write([(bytes([s, 0]), number, b"%d" % number) for s in range(16)], position=b"%d" % number)

        for number in range(1, 40):
            write(number)
            child.stdin.write("ask\n")
            child.stdin.flush()
            assert child.stdout.readline() == f"{b'%d' % number} {number} 1\n"
            if number % 10 == 0:
                writer.sync()
                writer.trim(b"", number)
        child.stdin.close()
        for number in range(40, many + 1):
            write(number)
        assert child.stdout.readline() == "torn 0\n"


_WRITE: Final = """
import sys
from pathlib import Path
from shipway.ports.adapter import load_adapter
place = sys.argv[2] if "://" in sys.argv[2] else Path(sys.argv[2])
store = load_adapter(sys.argv[1])(place)
number = int(store.position() or b"0")
while True:
    number += 1
    store.write(((bytes([place, 0]), number, b"%d" % number * 9) for place in range(8)), position=b"%d" % number)
    print(number, flush=True)
    if number % 23 == 0:
        store.trim(bytes([7]), number)
    if number % 41 == 0:
        store.sync()
"""


def check_killed_writer_leaves_a_whole_store(adapter: str, folder: Place) -> None:
    """Killed with SIGKILL at any moment of a run of writes, entries and position agree, and none returned is lost."""
    delays, acknowledged = random.Random(3), 0
    with closing(load_adapter(adapter)(folder, readonly=True)) as reader:
        for _ in range(8):
            with start_child(_WRITE, adapter, folder) as child:
                assert child.stdout is not None
                lines = [child.stdout.readline()]
                time.sleep(delays.uniform(0.0, 0.05))
                child.kill()
                lines.extend(child.stdout)
                child.wait()
            acknowledged = max(int(line) for line in lines if line.endswith("\n"))
            with closing(load_adapter(adapter)(folder)) as reopened:
                for store in (reader, reopened):
                    position = int(store.position() or b"0")
                    assert position >= acknowledged, "a write that had returned is lost"
                    whole = [(number, b"%d" % number * 9) for number in range(1, position + 1)]
                    assert all(store.between(bytes([place, 0]), 0, LATEST) == whole for place in range(7))
                    assert store.newest([(bytes([place, 0]), LATEST) for place in range(8)]) == whole[-1:] * 8
    assert acknowledged >= 8


_FILL: Final = """
import json, resource, sys
from pathlib import Path
from shipway.core.error import ShipwayError
from shipway.ports.adapter import load_adapter
open_store, folder, limit = load_adapter(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
ballast = folder.with_name("ballast")
ballast.write_bytes(b"x" * 300_000)
store, told, last, unlimited = open_store(folder), [], 0, resource.RLIM_INFINITY
def write(size):
    global last
    store.write([(bytes([place, 0]), last + 1, b"x" * size) for place in range(5)], position=b"%d" % (last + 1))
    last += 1
def is_whole():
    found = [[at for at, _ in store.between(bytes([place, 0]), 0, 1 << 40)] for place in range(5)]
    return store.position() == b"%d" % last and found == [list(range(1, last + 1))] * 5
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited))
for size in (3_000, 300, 10):
    try:
        while last < 2_000:
            write(size)
    except ShipwayError as error:
        told += [error.code, is_whole()]
ballast.unlink()
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
write(10)
store.sync()
whole = [is_whole()]
store.close()
store = open_store(folder)
print(json.dumps([told, last, [*whole, is_whole()]]))
"""


def check_no_room_tears_nothing(adapter: str, folder: Path) -> None:
    """A write that meets a limit on files is refused, leaves the store as it was, and works once there is room."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_full_disk_tears_nothing(adapter, folder, limit_bytes=_LIMIT_BYTES)


def check_full_disk_tears_nothing(
    adapter: str, folder: Path, *, prefix: Sequence[str] = (), limit_bytes: int = 0
) -> None:
    """A write for which there is no room is refused, leaves the store as it was, and works once there is.

    Args:
        adapter: its name.
        folder: the store's, beside which there is room for 300,000 bytes of ballast and little more.
        prefix: the command under which there is little room, such as one that mounts a small disk; none with a limit.
        limit_bytes: how large a file may grow; 0 for no such limit.
    """
    with start_child(_FILL, adapter, folder, limit_bytes, prefix=prefix) as child:
        output, _ = child.communicate()
    told, last, whole = json.loads(output)
    assert told == ["SW-601", True] * (len(told) // 2)
    assert told, "there was room for everything"
    assert last > 1, "there was room for nothing"
    assert whole == [True, True]


CASES: Final[tuple[Case, ...]] = (
    check_reader_may_come_first,
    check_other_process_sees_each_write,
    check_killed_writer_leaves_a_whole_store,
)
"""The cases every Online passes whose store several processes share."""

FILE_CASES: Final[tuple[Callable[[str, Path], None], ...]] = (check_no_room_tears_nothing,)
"""The cases of those that keep it in files of this machine; `check_full_disk_tears_nothing` needs a disk."""
