"""The crash suite of the port Changes: readers are killed again and again, and what is kept is what the source has."""

import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from shipway.infra.lake import Lake
from shipway.ports.adapter import load_adapter
from shipway.testing.changes import Make, Tap, apply_notes, finish, make_notes, read_kept
from shipway.testing.process import start_child

_FOLLOW: Final = """
import json, sys
from pathlib import Path
import msgspec
from shipway.core.raw import Raw
from shipway.data.consumer import Consumer, Outlet
from shipway.data.sink import LakeSink
from shipway.ports.adapter import load_adapter
from shipway.testing.changes_process import open_lake
adapter, raw, root, folder = sys.argv[1], msgspec.json.decode(sys.argv[2], type=Raw), *map(Path, sys.argv[3:5])
lake = open_lake(folder)
sink = LakeSink(lake, raw)
source = load_adapter(adapter)(raw, root)
consumer = Consumer(raw, source, [Outlet(sink, 0.0, 50)], contract=None, tally=sink.tally)
while True:
    consumer.step(wait_s=0.05)
    print(consumer.tally.changes, flush=True)
"""


def open_lake(folder: Path) -> Lake:
    """Return a lake that outlives its process."""
    clock = load_adapter("clock.system")()
    return Lake(
        load_adapter("blobs.file")(folder / "blobs"), load_adapter("catalog.sqlite")(folder / "c.db", clock=clock)
    )


def check_killed_readers_keep_what_the_source_has(
    make: Make, adapter: str, root: Path, folder: Path, *, kills: int = 8, wave: int = 60
) -> None:
    """Killed with SIGKILL at any moment while changes are made, the readers together take each once.

    Args:
        make: makes the source.
        adapter: its name.
        root: the project's folder.
        folder: an empty one, for the lake.
        kills: how many readers are killed.
        wave: how many changes are made while one lives.
    """
    tap, dice = make(), random.Random(5)
    folder.mkdir(parents=True, exist_ok=True)
    emitted = make_notes(wave, 1, deletes=tap.deletes)
    tap.emit(emitted)
    said = msgspec.json.encode(tap.raw).decode()
    for number in range(kills):
        with start_child(_FOLLOW, adapter, said, root, folder) as child:
            assert child.stdout is not None
            if number % 2:
                # Half of them are killed as they begin, which takes a process about this long.
                time.sleep(dice.uniform(0.2, 0.7))
            elif not child.stdout.readline():
                raise AssertionError("the reader ended by itself")
            more = make_notes(wave, 100 + number, deletes=False)
            for start in range(0, wave, 10):
                tap.emit(more[start : start + 10])
                time.sleep(dice.uniform(0, 0.02))
            emitted += more
            child.kill()
            child.wait()
    _check_whole(tap, folder, lambda: apply_notes(emitted), len(emitted))


def _check_whole(tap: Tap, folder: Path, expected: Callable[[], dict[int, str]], changes: int) -> None:
    with closing(open_lake(folder)) as lake:
        counted = finish(tap, lake)
        assert read_kept(lake, tap.raw) == expected()
        assert tap.copies or counted == changes
