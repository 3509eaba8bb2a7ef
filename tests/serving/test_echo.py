"""What follows answers in one process: threads for what takes long, bounds for what waits, and nobody forgotten."""

import asyncio
import json
import threading
from dataclasses import replace
from time import perf_counter_ns

import numpy as np
import pytest

from shipway.core.service import Fallback, Terms
from shipway.serving import echo, teller
from shipway.serving.ask import Ask
from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter
from shipway.serving.meter import Counts, Meters, Waits
from shipway.serving.outcome import read_tensors
from shipway.serving.sampling import Sampling
from shipway.serving.statistic import Statistics
from shipway.serving.substitute import Substitutes
from shipway.serving.teller import Teller
from shipway.serving.trace import Aside, Trace
from shipway.serving.tracer import Tracer

NOON = 1_700_000_000_000_000


class Spy:
    """A predictor that notes who asks it for how many rows, and in the loop's thread or another."""

    def __init__(self, predictor, name, events):
        self.predictor, self.name, self.events = predictor, name, events

    def infer(self, inputs):
        there = threading.current_thread() is threading.main_thread()
        self.events.append((self.name, len(inputs["x"]), "loop" if there else "thread"))
        return self.predictor.infer(inputs)


class Call:
    """A call that notes its answer."""

    method, path = "POST", "/v2/models/delay/infer"

    def __init__(self, events, rows=1, amount=1.0, deadline_ns=0):
        x = np.ones((rows, 7))
        x[:, 0] = amount
        tensor = {"name": "x", "shape": [rows, 7], "datatype": "FP64", "data": x.ravel().tolist()}
        self.body = json.dumps({"inputs": [tensor], "id": "me"}).encode()
        self.headers = {}
        self.received_ns, self.deadline_ns = perf_counter_ns(), deadline_ns
        self.events, self.answered = events, False

    def answer(self, status, body, *, kind="application/json", headers=()):
        assert not self.answered
        self.answered = True
        self.events.append(("answer", status))
        self.document = json.loads(body)


class Bench:
    """A teller over two spied versions of a regression, one of which answers everybody."""

    def __init__(self, fair, terms=Terms()):  # noqa: B008 - it is frozen
        self.writer = LogWriter()
        self.loader = Loader(fair.state, self.writer)
        self.events, self.counts = [], Counts()
        served = self.loader.load(fair.between("delay", 1, 2, terms=terms), strict=True)
        versions = {}
        for name, version in (("stable", served.stable), ("candidate", served.candidate)):
            spied = Spy(version.bundle.predictor, name, self.events)
            versions[name] = replace(version, bundle=replace(version.bundle, predictor=spied))
        self.served = replace(served, **versions)
        substitutes = Substitutes(self.counts, {})
        self.teller = Teller(
            lambda service: self.served, self.counts, Waits(lambda: 0.0), Meters(), Statistics(lambda: 0), substitutes
        )
        self.requests = 0

    def submit(self, **options):
        call = Call(self.events, **options)
        self.take(call)
        return call

    def take(self, call):
        self.requests += 1
        sent = read_tensors(call, self.served.stable)
        self.teller.submit(Ask(call, "delay", f"r{self.requests}", {}, NOON, sent, sent.rows))

    def close(self):
        self.teller.close()
        self.loader.close()
        self.writer.stop(10)


@pytest.fixture
def bench(stored_fair, monkeypatch):
    # However slow the machine is, rows are predicted in the loop unless they are many.
    monkeypatch.setattr(teller, "INLINE_NS", 1 << 62)
    made = []

    def make(**options):
        made.append(Bench(stored_fair, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_one_turn_is_one_run_and_the_shadow_comes_after_the_answers(bench):
    one = bench()

    async def run():
        for _ in range(5):
            one.submit()
        assert one.events == []
        await asyncio.sleep(0)
        answered = list(one.events)
        one.teller.settle()
        return answered

    assert asyncio.run(run()) == [("stable", 5, "loop"), *[("answer", 200)] * 5]
    # Those that were answered together are shadowed together.
    assert one.events[6:] == [("candidate", 5, "loop")]
    assert (one.counts.inferred, one.counts.shadowed, one.teller.waiting_rows) == (5, 5, 0)


def test_shadows_of_several_turns_are_one_run(bench, monkeypatch):
    one = bench()
    monkeypatch.setattr(echo, "GATHER_S", 60.0)

    async def run():
        for _ in range(4):
            one.submit()
            await asyncio.sleep(0)
        one.teller.settle()

    asyncio.run(run())
    assert [event for event in one.events if event[0] == "candidate"] == [("candidate", 4, "loop")]


def test_what_takes_long_is_predicted_in_threads_and_settled_all_the_same(bench, monkeypatch):
    one = bench()
    # One row may take no time at all, as soon as it is known that rows take some.
    monkeypatch.setattr(teller, "INLINE_NS", 0)

    async def run():
        first = one.submit()
        await asyncio.sleep(0)
        assert first.answered
        for _ in range(3):
            one.submit()
        late = one.submit(rows=2)
        while not late.answered:
            await asyncio.sleep(0.001)
        one.teller.settle()
        assert one.teller.waiting_rows == 0

    asyncio.run(run())
    stable = [event for event in one.events if event[0] == "stable"]
    assert stable == [("stable", 1, "loop"), ("stable", 5, "thread")]
    assert sum(rows for name, rows, _ in (event for event in one.events if len(event) == 3) if name == "candidate") == 6
    assert (one.counts.inferred, one.counts.shadowed) == (6, 6)


def test_a_thread_that_shadows_goes_on_by_itself(bench, monkeypatch):
    one = bench()
    monkeypatch.setattr(echo, "GATHER_S", 0.0)

    async def run():
        for _ in range(3):
            one.submit(rows=70)
            await asyncio.sleep(0)
        while one.counts.shadowed < 210:
            await asyncio.sleep(0.001)

    asyncio.run(run())
    assert [event[1:] for event in one.events if event[0] == "candidate"] == [(70, "thread")] * 3


@pytest.mark.parametrize(("bound", "value"), [("WAITING_ROWS", 3), ("WAITING_BYTES", 700)])
def test_shadows_beyond_a_bound_are_dropped_and_counted(bench, monkeypatch, bound, value):
    one = bench()
    monkeypatch.setattr(echo, bound, value)

    async def run():
        for _ in range(6):
            one.submit()
            one.teller._answer_service("delay")
        one.teller.settle()

    asyncio.run(run())
    assert one.counts.inferred == 6
    assert one.counts.shadowed + one.counts.shadow_dropped == 6
    assert 0 < one.counts.shadowed < 6


def test_late_requests_are_not_predicted(bench):
    one = bench(terms=Terms(fallback=Fallback(last_us=10**9)))

    async def run():
        none = one.submit(deadline_ns=1)
        await asyncio.sleep(0)
        good = one.submit()
        await asyncio.sleep(0)
        one.events.clear()
        last = one.submit(deadline_ns=1)
        await asyncio.sleep(0)
        return none, good, last

    none, good, last = asyncio.run(run())
    assert none.document["code"] == "SW-801"
    assert last.document["outputs"] == good.document["outputs"]
    assert last.document["parameters"]["fallback"] == "last"
    assert one.events == [("answer", 200)]
    assert (one.counts.late, one.counts.fell_back) == (2, 1)


@pytest.mark.parametrize("rows", [2, 70])
def test_requests_are_traced_with_what_was_said_in_shadow(bench, rows):
    one, told = bench(), []
    tracer = Tracer(one.take, Sampling(share=1.0, resource={}), told.append)
    one.teller.trace(tracer)

    async def run():
        tracer.handle(Call(one.events, rows=rows))
        tracer.handle(Call(one.events, rows=rows, amount=777.0))
        while tracer.open:
            await asyncio.sleep(0.001)
        one.teller.settle()

    asyncio.run(run())
    traces, asides = [each for each in told if isinstance(each, Trace)], [x for x in told if isinstance(x, Aside)]
    assert [trace.status for trace in traces] == [200, 200]
    for trace in traces:
        assert trace.attributes["shipway.service"] == "delay"
        assert [part.name for part in trace.parts] == ["shipway.wait", "shipway.predict"]
        assert all(part.began_ns <= part.ended_ns <= trace.answered_ns for part in trace.parts)
        assert trace.parts[1].attributes["shipway.version"] == 1
    links = {link for aside in asides for link in aside.links}
    assert links == {trace.link for trace in traces}
    # The candidate breaks on the second of them, in shadow.
    assert {aside.part.error is None for aside in asides} == {True, False}


def test_mistake_leaves_no_caller_without_an_answer(bench, monkeypatch):
    one = bench()

    def fail(*_):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(teller, "execute", fail)

    async def run():
        calls = [one.submit() for _ in range(2)]
        await asyncio.sleep(0)
        large = one.submit(rows=70)
        while not large.answered:
            await asyncio.sleep(0.001)
        return calls

    asyncio.run(run())
    assert one.events == [("answer", 500)] * 3
