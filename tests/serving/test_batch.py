"""The order of things in one process: everything of a turn together, answers first, shadows after and bounded."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest

from shipway.core.label import LabelKind
from shipway.core.service import Routing, Variant
from shipway.serving import batch, shadow
from shipway.serving.ask import Ask
from shipway.serving.batch import Batcher
from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter
from shipway.serving.meter import Counts, Waits
from shipway.serving.version import Served, Version


class Spy:
    """A predictor that notes when it is asked for how many rows."""

    predicts: LabelKind | None = "condition"
    single = False

    def __init__(self, predictor, name, events):
        self.predictor, self.name, self.events = predictor, name, events

    def predict(self, x):
        self.events.append((self.name, len(x)))
        return self.predictor.predict(x)


class SpyReader:
    def __init__(self, reader, events):
        self.reader, self.events = reader, events

    def read(self, rows, at):
        self.events.append(("read", len(rows)))
        return self.reader.read(rows, at)


class Call:
    """A call that notes its answer."""

    received_ns = 0
    deadline_ns = 0

    def __init__(self, events):
        self.events = events
        self.answered = False

    def answer(self, status, body, *, kind="application/json", headers=()):
        self.answered = True
        self.events.append(("answer", status))
        self.document = json.loads(body)


@pytest.fixture
def bench(shop):
    """A batcher over two spied versions, one of which answers half of the units."""
    writer = LogWriter()
    loader = Loader(shop.state, writer)
    events, counts = [], Counts()

    def spy(version, name, feed):
        return Version(
            version.variant,
            version.model,
            replace(version.bundle, predictor=Spy(version.bundle.predictor, name, events)),
            feed,
        )

    served = loader.load(shop.route(1, 2, weight=0.5, salt="a"), strict=True)
    assert served.stable.feed is served.candidate.feed
    feed = replace(served.stable.feed, reader=SpyReader(served.stable.feed.reader, events))
    spied = Served(
        served.routing, spy(served.stable, "stable", feed), spy(served.candidate, "candidate", feed), served.log
    )
    yield Batcher(lambda service: spied, counts, Waits(lambda: 0.0)), events, counts, served.routing
    loader.close()
    writer.stop(10)


def ask(events, make_row, order):
    return Ask(Call(events), "fraud", f"r{order}", make_row(order), 1_700_000_000_000_000)


def test_a_long_queue_is_answered_in_turns_and_in_order(bench, make_row, monkeypatch):
    """Those in front need not wait until all behind them are predicted, and what comes between takes its place."""
    batcher, events, _, _ = bench
    monkeypatch.setattr(batch, "MOST_REQUESTS", 4)
    asks = [ask(events, make_row, order) for order in range(11)]

    async def run():
        for each in asks[:10]:
            batcher.submit(each)
        await asyncio.sleep(0)
        first = [each.call.answered for each in asks]
        batcher.submit(asks[10])
        await asyncio.sleep(0)
        second = [each.call.answered for each in asks]
        batcher.answer()
        third = [each.call.answered for each in asks]
        await asyncio.sleep(0)
        batcher.settle()
        return [sum(first), sum(second), sum(third)], first, second

    counted, first, second = asyncio.run(run())
    assert counted == [4, 8, 11]
    assert first == [order < 4 for order in range(11)]
    assert second == [order < 8 for order in range(11)]
    assert [rows for name, rows in events if name == "read"] == [4, 4, 3]


def test_one_turn_is_one_read_and_one_run_of_each_version(bench, make_row):
    batcher, events, counts, routing = bench
    chosen = [routing.choose(str(order)) for order in range(10)]
    share = sum(chosen)
    assert 0 < share < 10

    async def run():
        for order in range(10):
            batcher.submit(ask(events, make_row, order))
        assert events == []
        await asyncio.sleep(0)
        answered = list(events)
        batcher.settle()
        return answered

    answered = asyncio.run(run())
    assert answered[0] == ("read", 10)
    runs = [event for event in answered if event[0] in ("stable", "candidate")]
    assert sorted(runs) == [("candidate", share), ("stable", 10 - share)]
    assert answered.count(("answer", 200)) == 10
    # Afterwards, and from the same vectors, each version predicts what the other answered.
    assert sorted(events[len(answered) :]) == [("candidate", 10 - share), ("stable", share)]
    assert (counts.answered, counts.shadowed, counts.failed) == (10, 10, 0)


def test_shadows_are_cast_a_few_at_a_time_and_dropped_beyond_a_bound(bench, make_row, monkeypatch):
    batcher, events, counts, _ = bench
    monkeypatch.setattr(shadow, "SHADOW_ROWS", 1)
    monkeypatch.setattr(shadow, "MERGED_ROWS", 1)
    monkeypatch.setattr(shadow, "WAITING_ROWS", 3)

    async def run():
        for order in range(6):
            batcher.submit(ask(events, make_row, order))
            batcher.answer()
        batcher.settle()

    asyncio.run(run())
    assert counts.answered == 6
    assert (counts.shadowed, counts.shadow_dropped) == (3, 3)


def test_later_requests_are_answered_before_waiting_shadows(bench, make_row, monkeypatch):
    batcher, events, _, _ = bench
    monkeypatch.setattr(shadow, "SHADOW_ROWS", 1)
    monkeypatch.setattr(shadow, "MERGED_ROWS", 1)

    async def run():
        for order in range(4):
            batcher.submit(ask(events, make_row, order))
            batcher.answer()
        await asyncio.sleep(0)
        batcher.submit(ask(events, make_row, 4))
        for _ in range(8):
            await asyncio.sleep(0)

    asyncio.run(run())
    last_answer = len(events) - 1 - events[::-1].index(("answer", 200))
    after = [event for event in events[last_answer:] if event[0] in ("stable", "candidate")]
    assert len(after) >= 3
    assert np.sum([rows for _, rows in after]) == len(after)


def test_mistake_leaves_no_caller_without_an_answer(bench, make_row, monkeypatch):
    batcher, events, _, _ = bench

    def fail(*_):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(batch, "read_keyed", fail)

    async def run():
        for order in range(3):
            batcher.submit(ask(events, make_row, order))
        batcher.answer()

    asyncio.run(run())
    assert events == [("answer", 500)] * 3


def test_service_without_any_version_says_why(shop, make_row):
    lost = Variant(version=1, bundle="ab" * 32, online="main")
    writer = LogWriter()
    loader = Loader(shop.state, writer)
    served = loader.load(Routing(service="fraud", model="fraud", stable=lost), strict=False)
    events, counts = [], Counts()
    batcher = Batcher(lambda service: served, counts, Waits(lambda: 0.0))

    async def run():
        one = ask(events, make_row, 1)
        batcher.submit(one)
        batcher.settle()
        return one.call.document

    document = asyncio.run(run())
    assert (events, document["code"]) == ([("answer", 503)], "SW-605")
    loader.close()
    writer.stop(10)
