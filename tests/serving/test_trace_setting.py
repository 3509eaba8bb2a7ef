"""What is traced, set while the server runs: by one caller for all, and for one model, over both doors."""

import asyncio

import pytest

from shipway.serving.refusal import RefusedError
from shipway.serving.sampling import Sampling
from shipway.serving.trace import Share, Traced, Tracer
from shipway.serving.trace_setting import describe_traces, set_traces

FIXED = {"trace_file": "", "log_frequency": "0", "trace_mode": "opentelemetry"}


class Asked:
    """A call."""

    method, body, received_ns, deadline_ns, trusted, then, known = "POST", b"", 0, 0, True, None, None

    def __init__(self, path, headers=None):
        self.path, self.headers, self.answered = path, headers or {}, False

    def answer(self, status, body, *, kind="", headers=()):
        self.answered = True


def make_tracer(**changes):
    handed = []
    tracer = Tracer(handed.append, Sampling(resource={}, **changes), lambda noted: None)
    return tracer, handed


def count_traced(tracer, handed, path="/v1/predict/a", times=40, headers=None):
    handed.clear()

    async def run():
        for _ in range(times):
            tracer.handle(Asked(path, headers))
        for call in handed:
            call.answer(200, b"")
        await asyncio.sleep(0)

    asyncio.run(run())
    assert len(handed) == times
    return sum(isinstance(call, Traced) for call in handed)


def test_what_is_told_at_the_start():
    tracer, _ = make_tracer(share=0.01)
    told = {"trace_level": ["TIMESTAMPS"], "trace_rate": "100", "trace_count": "-1", **FIXED}
    assert describe_traces(tracer) == describe_traces(tracer, "any") == told
    assert describe_traces(make_tracer(share=0.0)[0])["trace_rate"] == "0"


def test_all_and_none():
    tracer, handed = make_tracer(share=0.0)
    assert count_traced(tracer, handed) == 0
    set_traces(tracer, {"trace_rate": "1"})
    assert count_traced(tracer, handed) == 40
    set_traces(tracer, {"trace_level": ["OFF"]})
    assert describe_traces(tracer) == {"trace_level": ["OFF"], "trace_rate": "1", "trace_count": "-1", **FIXED}
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    assert count_traced(tracer, handed, headers=headers) == 0
    set_traces(tracer, {"trace_level": "TIMESTAMPS"})
    assert count_traced(tracer, handed, headers=headers) == 40
    set_traces(tracer, {"trace_rate": None})
    assert count_traced(tracer, handed) == 0


def test_so_many_and_no_more():
    tracer, handed = make_tracer(share=1.0)
    set_traces(tracer, {"trace_count": "7"})
    assert count_traced(tracer, handed) == 7
    assert describe_traces(tracer)["trace_count"] == "0"
    assert count_traced(tracer, handed) == 0
    set_traces(tracer, {"trace_count": -1})
    assert count_traced(tracer, handed) == 40


def test_a_model_of_its_own():
    tracer, handed = make_tracer(share=0.0)
    set_traces(tracer, {"trace_rate": "1"}, "a")
    assert count_traced(tracer, handed, "/v1/predict/a") == count_traced(tracer, handed, "/v2/models/a/infer") == 40
    assert count_traced(tracer, handed, "/v1/predict/b") == count_traced(tracer, handed, "/v2") == 0
    assert (describe_traces(tracer, "a")["trace_rate"], describe_traces(tracer)["trace_rate"]) == ("1", "0")
    set_traces(tracer, {"trace_rate": "1"})
    set_traces(tracer, {"trace_level": ["OFF"]}, "a")
    assert count_traced(tracer, handed, "/v1/predict/a") == 0
    assert count_traced(tracer, handed, "/v1/predict/b") == 40
    set_traces(tracer, {"trace_level": None, "trace_rate": None}, "a")
    assert tracer.find_share("a") is tracer.find_share("")
    set_traces(tracer, {})
    assert tracer.find_share("") == Share(share=1.0)


@pytest.mark.parametrize(
    ("wanted", "fact"),
    [
        ({"trace_level": ["TENSORS"]}, 'trace_level is ["TENSORS"]'),
        ({"trace_level": ["OFF", "TIMESTAMPS"]}, "trace_level is"),
        ({"trace_rate": "0"}, 'trace_rate is ["0"]'),
        ({"trace_rate": "1.5"}, "trace_rate is"),
        ({"trace_rate": ["1", "2"]}, "trace_rate is"),
        ({"trace_rate": "9" * 10}, "trace_rate is"),
        ({"trace_count": "-2"}, "trace_count is"),
        ({"trace_count": ""}, "trace_count is"),
        ({"trace_file": "/tmp/t.json"}, "trace_file is '' and cannot be set"),
        ({"trace_mode": "triton"}, "trace_mode is 'opentelemetry' and cannot be set"),
        ({"trace_lvel": ["OFF"]}, "there is no trace setting 'trace_lvel'"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(wanted, fact):
    tracer, _ = make_tracer(share=0.5)
    before = describe_traces(tracer)
    with pytest.raises(RefusedError) as refused:
        set_traces(tracer, {"trace_count": "3"} | wanted)
    assert refused.value.error.fact.startswith(fact)
    assert describe_traces(tracer) == before
