"""The conformance suite of the port Catalog for catalogs that processes share: real ones, racing and killed."""

import json
import random
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Any, Final

from shipway.kit.canonical import canonical_json, digest_bytes
from shipway.ports.adapter import load_adapter
from shipway.ports.catalog import Catalog
from shipway.testing.process import start_child

Case = Callable[[str, str], None]
"""Given the name of an adapter, made of an address and `clock`, and the address of a catalog that is not there yet."""

_OPEN: Final = """
import sys
from shipway.core.error import ShipwayError
from shipway.testing.catalog import make_objects
from shipway.testing.catalog_process import make_step, open_catalog
catalog = open_catalog(sys.argv[1], sys.argv[2])
"""


def open_catalog(adapter: str, address: str) -> Catalog:
    """Open a catalog by the name of its adapter, at a URI or else a path, by the clock of the system."""
    where = address if "://" in address else Path(address)
    return load_adapter(adapter)(where, clock=load_adapter("clock.system")())


def make_step(who: str, number: int, before: str | None) -> tuple[str, dict[str, bytes]]:
    """Return the digest of a step in a history, and the objects it is stored as: itself and two that it needs."""
    needs = {digest_bytes(body): body for body in (b"%s %d %d" % (who.encode(), number, part) for part in range(2))}
    step = canonical_json({"who": who, "number": number, "before": before, "needs": sorted(needs)})
    return digest_bytes(step), {digest_bytes(step): step, **needs}


def read_steps(catalog: Catalog, ref: str) -> list[str]:
    """Return the digests of the steps a ref's history is made of, oldest first, all of whose objects must be there."""
    steps, needs = list[str](), list[str]()
    following = catalog.head(ref)
    while following is not None:
        found = catalog.get([following])
        assert following in found, "a step is missing that a ref or another step names"
        step: dict[str, Any] = json.loads(found[following])
        needs += step["needs"]
        steps.append(following)
        following = step["before"]
    assert sorted(catalog.get(needs)) == sorted(needs), "a step is there without what it needs"
    return steps[::-1]


_OPEN_AT_ONCE: Final = """
import sys
print("ready", flush=True)
sys.stdin.readline()
from shipway.testing.catalog_process import make_step, open_catalog
catalog = open_catalog(sys.argv[1], sys.argv[2])
target, objects = make_step(sys.argv[3], 1, None)
catalog.move(sys.argv[3], expect=None, target=target, objects=objects)
"""


def check_many_processes_may_come_first(adapter: str, address: str) -> None:
    """Several processes that open a catalog which is not there yet, all at once, make one and all find it."""
    names = [f"branch{number}" for number in range(4)]
    with ExitStack() as stack:
        children = [stack.enter_context(start_child(_OPEN_AT_ONCE, adapter, address, name)) for name in names]
        for child in children:
            assert _output(child.stdout).readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        assert [child.wait() for child in children] == [0] * len(names)
    with closing(open_catalog(adapter, address)) as catalog:
        assert catalog.refs() == {name: make_step(name, 1, None)[0] for name in names}


_RACE: Final = """
print("ready", flush=True)
for line in sys.stdin:
    number, expect = line.split()
    expect = None if expect == "-" else expect
    target, objects = make_step(sys.argv[3], int(number), expect)
    try:
        catalog.move("main", expect=expect, target=target, objects=objects)
        print(target, flush=True)
    except ShipwayError as refusal:
        print(refusal.code, flush=True)
"""


def check_of_two_processes_one_moves_the_ref(adapter: str, address: str) -> None:
    """Of two processes that move a ref from one place at once, one succeeds, and only what it stored is there."""
    expect, winners = "-", list[str]()
    with ExitStack() as stack:
        children = [stack.enter_context(start_child(_OPEN + _RACE, adapter, address, name)) for name in ("one", "two")]
        for child in children:
            assert _output(child.stdout).readline() == "ready\n"
        for number in range(40):
            for child in children[:: 1 if number % 2 else -1]:
                assert child.stdin is not None
                child.stdin.write(f"{number} {expect}\n")
                child.stdin.flush()
            outcomes = [_output(child.stdout).readline().strip() for child in children]
            assert outcomes.count("SW-208") == 1, f"round {number}: {outcomes}"
            expect = next(outcome for outcome in outcomes if outcome != "SW-208")
            winners.append(expect)
    with closing(open_catalog(adapter, address)) as catalog:
        assert read_steps(catalog, "main") == winners
        assert len(list(catalog.listing())) == 3 * len(winners)


_MOVE_FOREVER: Final = """
at, number = catalog.head("main"), 0
while True:
    number += 1
    target, objects = make_step(sys.argv[3], number, at)
    catalog.move("main", expect=at, target=target, objects=objects)
    print(target, flush=True)
    at = target
"""


def check_killed_writers_lose_and_halve_nothing(adapter: str, address: str) -> None:
    """Killed with SIGKILL at any moment, no move that returned is lost, and none is there by half."""
    delays, acknowledged = random.Random(5), list[str]()
    with closing(open_catalog(adapter, address)) as catalog:
        for round_ in range(8):
            with start_child(_OPEN + _MOVE_FOREVER, adapter, address, f"round{round_}") as child:
                output = _output(child.stdout)
                lines = [output.readline()]
                time.sleep(delays.uniform(0.0, 0.04))
                child.kill()
                lines.extend(output)
            acknowledged += [line.strip() for line in lines if line.endswith("\n")]
            with closing(open_catalog(adapter, address)) as anew:
                for each in (catalog, anew):
                    steps = read_steps(each, "main")
                    assert set(acknowledged) <= set(steps), "a move that had returned is lost"
        # A server may still be at work for a process that was killed, so only now nothing moves any more.
        steps = read_steps(catalog, "main")
        assert len(list(catalog.listing())) == 3 * len(steps), "objects are there without the step they belong to"
    assert len(acknowledged) >= 8


_COME_AND_GO: Final = """
import time
objects = make_objects(b"wanted")
(target,) = objects
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    while number % 10 == 9 and catalog.stored_at(objects):
        time.sleep(0.001)
    catalog.move("branch", expect=None, target=target, objects=objects)
    if catalog.get(objects) != objects:
        print("lost")
    catalog.move("branch", expect=target, target=None)
"""

_COLLECT: Final = """
objects = make_objects(b"wanted")
print("ready", flush=True)
sys.stdin.readline()
while catalog.head("done") is None:
    refs = catalog.refs()
    if not set(objects) & set(refs.values()):
        try:
            catalog.forget(objects, before=1 << 62, refs=refs)
        except ShipwayError as refusal:
            if refusal.code != "SW-208":
                raise
"""


def check_collector_takes_nothing_a_ref_came_back_to(adapter: str, address: str) -> None:
    """What no ref needed when a collector looked stays if another process moves a ref to it before it is removed."""
    with start_child(_OPEN + _COME_AND_GO, adapter, address) as mover:
        assert _output(mover.stdout).readline() == "ready\n"
        with start_child(_OPEN + _COLLECT, adapter, address) as collector:
            assert _output(collector.stdout).readline() == "ready\n"
            for child in (collector, mover):
                assert child.stdin is not None
                child.stdin.write("go\n")
                child.stdin.flush()
            said, _ = mover.communicate()
            with closing(open_catalog(adapter, address)) as catalog:
                catalog.move("done", expect=None, target="x")
            collector.communicate()
    assert mover.returncode == collector.returncode == 0
    assert said == ""


def _output(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


CASES: Final[tuple[Case, ...]] = (
    check_many_processes_may_come_first,
    check_of_two_processes_one_moves_the_ref,
    check_killed_writers_lose_and_halve_nothing,
    check_collector_takes_nothing_a_ref_came_back_to,
)
"""The cases every Catalog passes that several processes share."""
