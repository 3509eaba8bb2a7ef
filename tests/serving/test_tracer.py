"""Which requests are recorded, by their callers, by a share and by their paths, and the call that stands for one."""

import asyncio
from itertools import count

import pytest

from shipway.serving.sampling import Sampling
from shipway.serving.trace import Traced, note_part
from shipway.serving.tracer import Tracer

NUMBERS = count(1)
PARENT = "b7ad6b7169203331"


def new_trace(*, sampled=True):
    """The headers of a trace of its own, and its id."""
    trace = f"{next(NUMBERS):032x}"
    headers = {"traceparent": f"00-{trace}-{PARENT}-0{int(sampled)}", "tracestate": "shop=1"}
    return headers | {"content-type": "application/json"}, bytes.fromhex(trace)


class Asked:
    """A call."""

    def __init__(self, path="/v2", headers=None, rpc=""):
        self.method, self.path, self.headers, self.body, self.rpc = "GET", path, headers or {}, b"12", rpc
        self.received_ns, self.deadline_ns, self.trusted, self.then = 5, 9, True, None
        self.said = []
        self.known = None

    @property
    def answered(self):
        return bool(self.said)

    def answer(self, status, body, *, kind="application/json", headers=()):
        if self.said:
            raise RuntimeError("answered twice")
        self.said.append((status, body, kind, headers))


def trace_many(calls, *, rpc=False, **changes):
    """What was handed on for each call, and what was noted in the end."""
    handed, noted = [], []

    def answer(call):
        handed.append(call)
        call.answer(200, b"yes")

    async def run():
        tracer = Tracer(answer, Sampling(resource={}, **changes), noted.append)
        for call in calls:
            (tracer.handle_rpc if rpc else tracer.handle)(call)
        opened = tracer.open
        await asyncio.sleep(0)
        assert (opened, tracer.open) == (len(noted), 0)

    asyncio.run(run())
    return handed, noted


@pytest.mark.parametrize("rpc", [False, True])
def test_the_share_that_is_sampled(rpc):
    calls = [Asked(rpc="a.B/C") for _ in range(4_000)]
    handed, noted = trace_many(calls, rpc=rpc, share=0.25)
    # Five standard deviations of a binomial.
    assert abs(len(noted) - 1_000) < 5 * (4_000 * 0.25 * 0.75) ** 0.5
    assert sum(isinstance(call, Traced) for call in handed) == len(noted)
    assert {trace.rpc for trace in noted} == {"a.B/C" if rpc else ""}
    assert all(int.from_bytes(trace.id[8:], "big") < 1 << 62 for trace in noted)
    assert len({trace.id for trace in noted}) == len(noted)
    assert not trace_many(calls[:0] + [Asked() for _ in range(50)], share=0.0)[1]
    assert len(trace_many([Asked() for _ in range(50)], share=1.0)[1]) == 50


@pytest.mark.parametrize("sampled", [True, False])
def test_callers_decide_on_theirs_or_the_id_does(sampled):
    headers, trace = new_trace(sampled=sampled)
    for share in (0.0, 1.0):
        noted = trace_many([Asked(headers=headers)], share=share)[1]
        assert [one.id for one in noted] == [trace] * sampled
        noted = trace_many([Asked(headers=headers)], share=share, follows=False)[1]
        assert [one.id for one in noted] == [trace] * int(share)
        noted = trace_many([Asked(headers=headers)], share=share, reads_parents=False)[1]
        assert len(noted) == int(share)
        assert all(one.parent is None and one.id != trace for one in noted)


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/metrics"])
def test_probes_begin_no_trace_but_may_be_part_of_one(path):
    assert not trace_many([Asked(path)])[1]
    assert not trace_many([Asked(path)], rpc=True)[1]
    assert len(trace_many([Asked(path, new_trace()[0])])[1]) == 1


def test_a_traced_call_stands_for_the_one_that_came():
    told, then = [], []
    call = Asked(headers={"a": "b"})
    (handed,), (trace,) = trace_many([call])
    for name in ("method", "path", "headers", "body", "received_ns", "deadline_ns", "trusted", "answered"):
        assert getattr(handed, name) == getattr(call, name)
    assert (trace.received_ns, trace.received_bytes, trace.status, trace.answered_bytes) == (5, 2, 200, 3)
    fresh = Asked()
    traced = Traced(fresh, trace_many([Asked()])[1][0], told.append)
    traced.trace.status = 0
    traced.then = lambda: then.append(fresh.answered)
    traced.answer(422, b"no", kind="text/plain", headers=[("x", "y")])
    assert fresh.said == [(422, b"no", "text/plain", [("x", "y")])]
    assert then == [True]
    assert told == [traced.trace]
    traced.known = "lane"
    assert fresh.known == traced.known == "lane"
    assert (traced.trace.status, traced.trace.said, traced.trace.more) == (422, b"no", [("x", "y")])
    with pytest.raises(RuntimeError):
        traced.answer(200, b"again")
    assert len(told) == 1


def test_marks_of_what_is_not_traced_go_nowhere():
    note_part(Asked(), None, {"a": 1})
