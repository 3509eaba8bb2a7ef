"""The loop gives each sink each change once, counts what is late, and lets go what every sink has."""

import json

import pytest

from shipway.core.change import read_position
from shipway.core.error import ShipwayError
from shipway.core.raw import RawSection
from shipway.data.consumer import Consumer, Outlet
from shipway.data.sink import Tally
from shipway.testing.fake import MemoryChanges

SECOND = 1_000_000


class ListSink:
    """Keeps what it is given, and fails where it is told to."""

    def __init__(self):
        self.loads, self.at, self.synced, self.broken = [], None, 0, False

    def position(self):
        return self.at

    def apply(self, load, position):
        if self.broken:
            raise ShipwayError("SW-601", "no room", "make some")
        self.loads.append(load)
        self.at = position

    def sync(self):
        self.synced += 1

    @property
    def ids(self):
        return [key for load in self.loads for each in load.changes for key in each.rows["id"].to_list()]


def raw(**more):
    return RawSection(uri="memory", key="id", stream=True, **more).input("notes")


def send(source, ids, event=None):
    source.send([(json.dumps({"id": key}).encode(), b"", event) for key in ids])


def consumer(source, *sinks, every_s=0.0, most=50_000, **more):
    return Consumer(raw(**more), source, [Outlet(sink, every_s, most) for sink in sinks], contract=None, tally=Tally())


def test_what_every_sink_has_is_acknowledged_after_it_is_durable():
    source, fast, slow = MemoryChanges(), ListSink(), ListSink()
    send(source, range(5))
    both = Consumer(raw(), source, [Outlet(fast, 0.0), Outlet(slow, 3600.0)], contract=None, tally=Tally())
    both.step(wait_s=0)
    assert fast.ids == [0, 1, 2, 3, 4]
    assert slow.ids == []
    assert source.acknowledged == {}
    both.flush()
    assert slow.ids == fast.ids
    assert source.acknowledged == read_position(slow.at)
    assert slow.synced
    assert fast.synced


def test_changes_wait_until_there_are_enough():
    source, sink = MemoryChanges(), ListSink()
    one = consumer(source, sink, every_s=3600.0, most=4)
    for key in range(6):
        send(source, [key])
        one.step(wait_s=0)
    assert sink.ids == [0, 1, 2, 3]
    one.flush()
    assert sink.ids == [0, 1, 2, 3, 4, 5]
    assert one.tally.changes == 6


def test_a_sink_that_failed_is_given_the_same_again_and_the_other_nothing_twice():
    source, good, bad = MemoryChanges(), ListSink(), ListSink()
    send(source, range(3))
    bad.broken = True
    with pytest.raises(ShipwayError, match="SW-601"):
        consumer(source, good, bad).step(wait_s=0)
    bad.broken = False
    send(source, [3])
    consumer(source, good, bad).step(wait_s=0)
    assert good.ids == bad.ids == [0, 1, 2, 3]


def test_late_events_are_counted_by_the_declared_lateness():
    source, sink = MemoryChanges(), ListSink()
    one = consumer(source, sink, lateness="10s")
    for at in (100, 95, 111, 100, 101):
        send(source, [at], at * SECOND)
        one.step(wait_s=0)
    assert one.tally.watermark_us == 101 * SECOND
    assert one.tally.newest_us == 111 * SECOND
    assert one.tally.late == 1


def test_too_many_dead_letters_stop_the_stream_once_they_are_kept():
    source, sink = MemoryChanges(), ListSink()
    source.send([(b"no", b"", None)] * 2)
    send(source, [1])
    one = consumer(source, sink, most_dead=2)
    one.step(wait_s=0)
    source.send([(b"no", b"", None)])
    one.step(wait_s=0)
    with pytest.raises(ShipwayError, match=r"SW-225.*3 records"):
        one.step(wait_s=0)
    assert sum(load.dead.height for load in sink.loads) == 3
    assert sink.ids == [1]


def test_the_contract_is_told_before_anything_is_applied():
    source, sink = MemoryChanges(), ListSink()
    send(source, [1])
    told = []
    one = Consumer(
        raw(),
        source,
        [Outlet(sink, 0.0)],
        contract=None,
        tally=Tally(),
        learned=lambda contract: told.append((contract, len(sink.loads))),
    )
    one.step(wait_s=0)
    assert [(list(contract.columns), loads) for contract, loads in told] == [(["id"], 0)]


def test_a_gap_is_refused():
    source, sink = MemoryChanges(), ListSink()
    send(source, range(4))
    consumer(source, sink).step(wait_s=0)
    source.log.append((b'{"id": 9}', b"", None))
    source.kept = 5
    with pytest.raises(ShipwayError, match="SW-201"):
        consumer(source, sink).step(wait_s=0)
