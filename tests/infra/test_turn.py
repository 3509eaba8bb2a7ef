"""Turns at a branch are kept by those who are quicker, and never keep anybody out for good."""

from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from shipway.core.error import ShipwayError
from shipway.infra.turn import TURN, await_turn, hold_turn
from shipway.testing.fake import MemoryCatalog, make_tables

SOME, OTHER = "a" * 64, "b" * 64


def test_nobody_waits_where_nobody_has_the_turn():
    await_turn(MemoryCatalog(), "main", sleep=lambda _: pytest.fail("there is nothing to wait for"))


def test_a_turn_is_held_for_the_time_of_the_block_and_by_one_alone():
    catalog = MemoryCatalog()
    with hold_turn(catalog, "main", SOME):
        with hold_turn(catalog, "main", OTHER):
            assert catalog.refs() == {TURN + "main": SOME}
        assert catalog.refs() == {TURN + "main": SOME}
    assert catalog.refs() == {}


def test_whoever_waits_goes_on_when_the_turn_is_over():
    catalog, slept = MemoryCatalog(), []
    catalog.move(TURN + "main", expect=None, target=SOME)

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            catalog.move(TURN + "main", expect=SOME, target=None)

    await_turn(catalog, "main", sleep=sleep)
    assert len(slept) == 3


def test_a_turn_whose_holder_died_is_taken_away():
    catalog, slept = MemoryCatalog(), []
    catalog.move(TURN + "main", expect=None, target=SOME)
    await_turn(catalog, "main", sleep=slept.append)
    assert catalog.refs() == {}
    assert 1 < sum(slept) < 10


def make_lake():
    """Return a lake with a branch beside main, a commit ahead of where they parted."""
    lake = make_tables()
    frame = pl.DataFrame({"id": [0]})
    first = lake.commit("main", {"t": lake.write(frame)}, expect=None, message="first")
    lake.fork("try", at=first.id)
    grown = lake.append(first.tables["t"], pl.DataFrame({"id": [100]}))
    lake.commit("try", {"t": grown}, expect=first.id, message="mine")
    return lake


def move_main(lake, number):
    """Append a row to main."""
    head = lake.head("main")
    grown = lake.append(lake.get(head).tables["t"], pl.DataFrame({"id": [number]}))
    lake.commit("main", {"t": grown}, expect=head, message=f"theirs {number}")


def ids_of(lake, branch="main"):
    """Return the rows of a branch."""
    return sorted(lake.read(lake.get(lake.head(branch)).tables["t"])["id"].to_list())


def test_delivery_of_what_main_follows_moves_main(monkeypatch):
    lake = make_lake()
    mine = lake.head("try")
    assert lake.deliver("try", "main").id == mine == lake.head("main")


def test_delivery_succeeds_however_often_others_are_quicker(monkeypatch):
    lake = make_lake()
    forward, numbers, held = lake.refs.forward, iter(range(1, 8)), []

    def overtake(into, *, to, expect):
        number = next(numbers, None)
        held.append(lake.refs.catalog.head(TURN + "main") is not None)
        if number is not None and into == "main":
            move_main(lake, number)
        return forward(into, to=to, expect=expect)

    monkeypatch.setattr(lake.refs, "forward", overtake)
    lake.deliver("try", "main", keys={"t": ["id"]})
    assert ids_of(lake) == ids_of(lake, "try") == [0, 1, 2, 3, 4, 5, 6, 7, 100]
    # Main is moved three times without a turn, and with one from then on, till it succeeds.
    assert held[0] is False
    assert held[-1] is True
    assert lake.refs.catalog.head(TURN + "main") is None


def test_delivery_of_rows_in_conflict_is_refused_and_leaves_no_turn():
    lake = make_lake()
    head = lake.head("main")
    other = lake.write(pl.DataFrame({"id": ["0"]}))
    lake.commit("main", {"t": other}, expect=head, message="other columns")
    before = lake.branches()
    with pytest.raises(ShipwayError) as caught:
        lake.deliver("try", "main", keys={"t": ["id"]})
    assert caught.value.code == "SW-210"
    assert lake.branches() == before
    assert lake.refs.catalog.head(TURN + "main") is None


def test_threads_that_deliver_at_once_all_get_there():
    lake = make_tables()
    first = lake.commit("main", {"t": lake.write(pl.DataFrame({"id": [0]}))}, expect=None, message="first")

    def work(writer):
        branch = f"w{writer}"
        for number in range(1, 6):
            lake.drop(branch)
            lake.fork(branch, at=lake.head("main"))
            head = lake.head(branch)
            grown = lake.append(lake.get(head).tables["t"], pl.DataFrame({"id": [100 * writer + number]}))
            lake.commit(branch, {"t": grown}, expect=head, message="row")
            lake.deliver(branch, "main", keys={"t": ["id"]})

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, (1, 2, 3)))
    assert ids_of(lake) == [0, *(100 * writer + number for writer in (1, 2, 3) for number in range(1, 6))]
    assert first.id in set(lake.refs.history.reachable([lake.head("main")]))
