"""The conformance suite of the port Catalog."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final

from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.ports.catalog import Catalog
from shipway.ports.clock import Clock
from shipway.testing.fake.clock import START, ManualClock
from shipway.testing.refusal import expect_refusal

Make = Callable[[Clock], Catalog]
"""Makes a fresh, empty catalog that asks this clock when an object is stored."""

Case = Callable[[Make], None]

_NAMES: Final = (
    "main",
    "Main",
    "main ",
    " main",
    "branch/of/ann",
    "tag:v1.0",
    "%",
    "_",
    "it's",
    'a "quoted" name',
    "back\\slash",
    "two\nlines",
    "{}",
    "?",
    "%s",
    "$1",
    "; DROP TABLE ref",
    "Änderung",
    "A\u0308nderung",
    "データ",
    "\U0001f6eb",
    "x" * 500,
    "",
)
"""Names that something on the way to a disk may take for something else, or for one another."""

_PATIENCE_S: Final = 60.0
"""How long a thread waits for the others before the case fails."""


def make_objects(*bodies: bytes) -> dict[str, bytes]:
    """Return bodies by their digests, as a catalog stores them."""
    return {digest_bytes(body): body for body in bodies}


def check_new_catalog_is_empty(make: Make) -> None:
    """A catalog starts with no ref and no object, and closes twice."""
    catalog = make(ManualClock())
    digest = digest_bytes(b"")
    assert catalog.refs() == {}
    assert catalog.head("main") is None
    assert catalog.get([digest, "", "x"]) == {}
    assert catalog.get([]) == {}
    assert catalog.stored_at([digest]) == {}
    assert list(catalog.listing()) == []
    assert catalog.forget([digest], before=START, refs={}) == 0
    catalog.close()
    catalog.close()


def check_ref_moves_from_where_it_was_seen(make: Make) -> None:
    """A ref is made, moved and removed from where it is and from nowhere else."""
    with closing(make(ManualClock())) as catalog:
        catalog.move("main", expect=None, target="a")
        for wrong in (None, "b", "A", ""):
            for target in ("c", "a", None):
                with expect_refusal("SW-208"):
                    catalog.move("main", expect=wrong, target=target)
                assert catalog.refs() == {"main": "a"}
        for target in ("c", None):
            with expect_refusal("SW-208"):
                catalog.move("other", expect="a", target=target)
        catalog.move("main", expect="a", target="b")
        assert catalog.head("main") == "b"
        catalog.move("main", expect="b", target="b")
        assert catalog.refs() == {"main": "b"}
        catalog.move("other", expect=None, target="b")
        assert catalog.refs() == {"main": "b", "other": "b"}
        catalog.move("main", expect="b", target=None)
        assert catalog.head("main") is None
        assert catalog.refs() == {"other": "b"}
        catalog.move("main", expect=None, target=None)
        assert catalog.refs() == {"other": "b"}
        catalog.move("main", expect=None, target="a")
        assert catalog.refs() == {"main": "a", "other": "b"}


def check_objects_come_back_as_stored(make: Make) -> None:
    """Objects are stored with a move of any kind, and those that are there come back, byte for byte, once each."""
    first, second, third = (
        make_objects(b"", b"a", bytes(range(256))),
        make_objects(b"{}", b"\0"),
        make_objects(b"gone"),
    )
    with closing(make(ManualClock())) as catalog:
        catalog.move("main", expect=None, target="a", objects=first)
        catalog.move("main", expect="a", target="a", objects=second)
        catalog.move("main", expect="a", target=None, objects=third)
        stored = {**first, **second, **third}
        missing = digest_bytes(b"missing")
        assert catalog.get([*stored, missing, "", "A" * 64, *stored]) == stored
        assert catalog.get(iter(second)) == second
        assert {type(body) for body in catalog.get(stored).values()} == {bytes}
        assert catalog.stored_at([*stored, missing]) == dict.fromkeys(stored, START)
        assert sorted(catalog.listing()) == sorted((digest, START) for digest in stored)


def check_refused_move_stores_nothing(make: Make) -> None:
    """A move that is refused leaves its objects unstored, and does not make younger what is there."""
    clock = ManualClock()
    old, new = make_objects(b"old"), make_objects(b"new")
    with closing(make(clock)) as catalog:
        catalog.move("main", expect=None, target="a", objects=old)
        clock.advance(1)
        with expect_refusal("SW-208"):
            catalog.move("main", expect="b", target="c", objects={**old, **new})
        assert catalog.get([*old, *new]) == old
        assert dict(catalog.listing()) == dict.fromkeys(old, START)


def check_storing_again_makes_young(make: Make) -> None:
    """An object is as old as the last time it was stored, whatever was stored with it then."""
    clock = ManualClock()
    first, second = make_objects(b"first"), make_objects(b"second")
    with closing(make(clock)) as catalog:
        catalog.move("main", expect=None, target="a", objects={**first, **second})
        clock.advance(7)
        catalog.move("other", expect=None, target="b", objects=second)
        ages = {**dict.fromkeys(first, START), **dict.fromkeys(second, START + 7)}
        assert catalog.stored_at([*first, *second]) == ages
        assert dict(catalog.listing()) == ages
        assert catalog.get([*first, *second]) == {**first, **second}


def check_forget_takes_what_is_older(make: Make) -> None:
    """Only what was asked for and last stored before the instant goes; what went may be stored anew."""
    clock = ManualClock()
    old, again, other, young = (make_objects(body) for body in (b"old", b"again", b"other", b"young"))
    with closing(make(clock)) as catalog:
        catalog.move("main", expect=None, target="a", objects={**old, **again, **other})
        clock.advance(5)
        catalog.move("main", expect="a", target="b", objects={**again, **young})
        wanted = [*old, *again, *young, digest_bytes(b"missing")]
        assert catalog.forget(wanted, before=START, refs={"main": "b"}) == 0
        assert catalog.forget(wanted, before=START + 5, refs={"main": "b"}) == 1
        assert catalog.get([*wanted, *other]) == {**again, **other, **young}
        assert sorted(digest for digest, _ in catalog.listing()) == sorted({**again, **other, **young})
        assert catalog.forget(wanted, before=START + 6, refs={"main": "b"}) == 2
        assert catalog.forget([], before=START + 6, refs={"main": "b"}) == 0
        assert catalog.get([*wanted, *other]) == other
        catalog.move("main", expect="b", target="c", objects=old)
        assert catalog.get(wanted) == old
        assert catalog.refs() == {"main": "c"}


def check_forget_is_guarded_by_the_refs(make: Make) -> None:
    """If any ref moved, came or went since the caller looked, nothing is removed."""
    clock = ManualClock()
    objects = make_objects(b"one", b"two")
    with closing(make(clock)) as catalog:
        catalog.move("main", expect=None, target="a", objects=objects)
        catalog.move("other", expect=None, target="b")
        clock.advance(1)
        now = {"main": "a", "other": "b"}
        for seen in ({}, {"main": "a"}, {**now, "main": "b"}, {**now, "third": "c"}, {"main": "a", "Other": "b"}):
            with expect_refusal("SW-208"):
                catalog.forget(objects, before=clock.now(), refs=seen)
        assert catalog.get(objects) == objects
        assert catalog.forget(objects, before=clock.now(), refs=now) == 2


def check_names_are_kept_apart(make: Make) -> None:
    """Refs whose names look alike, or like something else, are refs of their own."""
    with closing(make(ManualClock())) as catalog:
        for number, name in enumerate(_NAMES):
            assert catalog.head(name) is None
            catalog.move(name, expect=None, target=f"{number}")
        targets = {name: f"{number}" for number, name in enumerate(_NAMES)}
        assert catalog.refs() == targets
        assert list(catalog.refs()) == sorted(_NAMES)
        assert [catalog.head(name) for name in _NAMES] == list(targets.values())
        for name in _NAMES[::2]:
            catalog.move(name, expect=targets.pop(name), target=None)
        assert catalog.refs() == targets
        assert catalog.forget([], before=START, refs=targets) == 0


def check_large_objects_fit(make: Make) -> None:
    """An object of some megabytes is stored and returned like any other."""
    objects = make_objects(random.Random(1).randbytes(5 << 20), b"\0" * (3 << 20))
    with closing(make(ManualClock())) as catalog:
        catalog.move("main", expect=None, target="a", objects=objects)
        assert catalog.get(objects) == objects


def check_many_objects_fit(make: Make) -> None:
    """Ten thousand objects are stored in one move, returned in one answer and forgotten in one step."""
    clock = ManualClock()
    objects = make_objects(*(b'{"n":%d}' % number for number in range(10_000)))
    with closing(make(clock)) as catalog:
        catalog.move("main", expect=None, target="a", objects=objects)
        assert catalog.get(objects) == objects
        assert catalog.stored_at(objects) == dict.fromkeys(objects, START)
        assert dict(catalog.listing()) == dict.fromkeys(objects, START)
        clock.advance(1)
        going = list(objects)[:9_000]
        assert catalog.forget(going, before=START + 1, refs={"main": "a"}) == 9_000
        assert len(catalog.get(objects)) == 1_000


def check_of_racing_threads_one_moves_a_ref(make: Make) -> None:
    """Of threads that move one ref from one place at once, one succeeds, and only what it stored is there."""
    threads, rounds = 4, 15
    barrier = threading.Barrier(threads)
    with closing(make(ManualClock())) as catalog:

        def race(number: int) -> list[bool]:
            won: list[bool] = []
            for round_ in range(rounds):
                barrier.wait(_PATIENCE_S)
                expect = catalog.head("main")
                barrier.wait(_PATIENCE_S)
                body = b"%d of %d" % (number, round_)
                try:
                    catalog.move("main", expect=expect, target=digest_bytes(body), objects=make_objects(body))
                    won.append(True)
                except ShipwayError as refusal:
                    if refusal.code != "SW-208":
                        raise
                    won.append(False)
            return won

        with ThreadPoolExecutor(threads) as pool:
            outcomes = list(pool.map(race, range(threads)))
        winners = [[number for number in range(threads) if outcomes[number][round_]] for round_ in range(rounds)]
        assert [len(each) for each in winners] == [1] * rounds
        stored = make_objects(*(b"%d of %d" % (each[0], round_) for round_, each in enumerate(winners)))
        assert {digest for digest, _ in catalog.listing()} == set(stored)
        assert catalog.head("main") == list(stored)[-1]


def check_threads_move_refs_of_their_own(make: Make) -> None:
    """Threads that move different refs are in nobody's way, and each move can be read when it returns."""
    with closing(make(ManualClock())) as catalog:

        def go_on(number: int) -> str | None:
            ref, at = f"branch{number}", None
            for step in range(20):
                objects = make_objects(b"%d at %d" % (number, step), b"all at %d" % step)
                target = next(iter(objects))
                catalog.move(ref, expect=at, target=target, objects=objects)
                assert catalog.head(ref) == target
                assert catalog.get(objects) == objects
                at = target
            return at

        with ThreadPoolExecutor(4) as pool:
            ends = list(pool.map(go_on, range(4)))
        assert catalog.refs() == {f"branch{number}": end for number, end in enumerate(ends)}
        assert len(list(catalog.listing())) == 4 * 20 + 20


def check_readers_see_whole_moves(make: Make) -> None:
    """Whoever finds a ref somewhere finds there what was stored with the move, while others move it on."""
    done = threading.Event()
    with closing(make(ManualClock())) as catalog:

        def write() -> None:
            at = None
            try:
                for step in range(150):
                    objects = make_objects(b"commit %d" % step)
                    (target,) = objects
                    catalog.move("main", expect=at, target=target, objects=objects)
                    at = target
            finally:
                done.set()

        with ThreadPoolExecutor(1) as pool:
            written = pool.submit(write)
            seen: set[str] = set()
            finished = False
            while not finished:
                finished = done.is_set()
                head = catalog.head("main")
                if head is not None:
                    assert list(catalog.get([head])) == [head], "a ref points at an object that is not there"
                    seen.add(head)
            written.result()
        assert digest_bytes(b"commit 149") in seen


def check_damage_is_refused(make: Make, spoil: Callable[[Catalog, str], None]) -> None:
    """Bytes that do not match their digest are refused, and storing the right ones again mends the catalog.

    Args:
        make: makes a fresh, empty catalog.
        spoil: changes the stored bytes of an object behind the catalog's back.
    """
    precious, other = make_objects(b"precious"), make_objects(b"other")
    (digest,) = precious
    with closing(make(ManualClock())) as catalog:
        catalog.move("main", expect=None, target=digest, objects={**precious, **other})
        spoil(catalog, digest)
        with expect_refusal("SW-605"):
            catalog.get([*other, digest])
        assert catalog.get(other) == other
        catalog.move("main", expect=digest, target=digest, objects=precious)
        assert catalog.get([*other, digest]) == {**precious, **other}


CASES: Final[tuple[Case, ...]] = (
    check_new_catalog_is_empty,
    check_ref_moves_from_where_it_was_seen,
    check_objects_come_back_as_stored,
    check_refused_move_stores_nothing,
    check_storing_again_makes_young,
    check_forget_takes_what_is_older,
    check_forget_is_guarded_by_the_refs,
    check_names_are_kept_apart,
    check_large_objects_fit,
    check_many_objects_fit,
    check_of_racing_threads_one_moves_a_ref,
    check_threads_move_refs_of_their_own,
    check_readers_see_whole_moves,
)
"""The cases every Catalog passes, besides `check_damage_is_refused`, which also needs a way to do damage."""
