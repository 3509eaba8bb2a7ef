"""What is taken and what is refused, before anything of a request is read but its path and headers."""

import json
from time import perf_counter_ns

import pytest

from shipway.serving.admission import Admission, name_asked
from shipway.serving.meter import Counts


class Call:
    """A call that keeps its answer and stays open until it is given."""

    method = "POST"
    body = b""
    trusted = False

    def __init__(self, path="/v1/predict/fraud", headers=None, received_ns=None):
        self.path = path
        self.headers = headers or {}
        self.received_ns = perf_counter_ns() if received_ns is None else received_ns
        self.deadline_ns = 0
        self.then = None
        self.said = None

    @property
    def answered(self):
        return self.said is not None

    def answer(self, status, body, *, kind="application/json", headers=()):
        self.said = (status, json.loads(body), dict(headers))
        if self.then is not None:
            self.then()


@pytest.fixture
def taken():
    return []


@pytest.fixture
def make(taken):
    counts = Counts()

    def make(**limits):
        admission = Admission(taken.append, counts, **limits)
        admission.counts = counts
        return admission

    return make


def test_more_than_may_wait_are_refused_and_taken_again_once_there_is_room(make, taken):
    admission = make(queue=3)
    calls = [Call() for _ in range(5)]
    for call in calls:
        admission.handle(call)
    assert taken == calls[:3]
    assert admission.full
    for call in calls[3:]:
        status, document, headers = call.said
        assert (status, headers["retry-after"], document["code"]) == (503, "1", "SW-801")
    assert admission.counts.shed == 2
    taken[0].answer(200, b"{}")
    assert not admission.full
    admission.handle(again := Call())
    assert taken[-1] is again
    for call in taken[1:]:
        call.answer(200, b"{}")
    assert admission.open == 0


def test_no_more_wait_than_are_answered_within_the_time(make, taken):
    admission = make(queue=1_000, wait_ms=10)
    for _ in range(40):
        admission.handle(Call(received_ns=perf_counter_ns() - 1_000_000))
        taken.pop().answer(200, b"{}")
    # Each took a little more than a millisecond, so of more than ten some would wait too long; sixteen always may.
    for _ in range(30):
        admission.handle(Call())
    assert len(taken) == 16
    for call in taken:
        call.answer(200, b"{}")
    patient = make(queue=1_000, wait_ms=0)
    patient.handle(Call(received_ns=perf_counter_ns() - 10**12))
    taken.pop().answer(200, b"{}")
    taken.clear()
    for _ in range(1_000):
        patient.handle(Call())
    assert len(taken) == 1_000


def test_a_full_server_answers_what_computes_nothing(make, taken):
    admission = make(queue=1)
    for path in (
        "/v1/predict/fraud",
        "/v2/health/live",
        "/v1/services/fraud/routing",
        "/v2/models/fraud",
        "/v1/status",
    ):
        admission.handle(Call(path))
    assert len(taken) == 5


def test_a_model_has_a_bound_of_its_own_under_all_of_its_paths(make, taken):
    admission = make(per_model=2)
    for path in ("/v2/models/m/infer", "/v2/models/m/versions/3/infer", "/v2/models/n/infer"):
        admission.handle(Call(path))
    admission.handle(refused := Call("/v2/models/%6d/infer"))
    status, document, headers = refused.said
    assert (status, headers["retry-after"]) == (429, "1")
    assert "'m' has 2 requests in flight" in document["fact"]
    assert admission.counts.limited == 1
    taken[0].answer(200, b"{}")
    admission.handle(again := Call("/v2/models/m/infer"))
    assert again.said is None


def test_what_comes_too_late_is_not_computed(make, taken):
    admission = make(timeout_ms=50)
    admission.handle(usual := Call())
    assert usual.deadline_ns == usual.received_ns + 50_000_000
    admission.handle(own := Call(headers={"request-timeout": "2000"}))
    assert own.deadline_ns == own.received_ns + 2_000_000_000
    admission.handle(late := Call(received_ns=perf_counter_ns() - 60_000_000))
    assert late.said[0] == 504
    assert taken == [usual, own]
    assert (admission.counts.late, admission.open) == (1, 2)


@pytest.mark.parametrize("said", ["", "0", "-1", "1.5", "5s", "99999999999999999999", "²"])
def test_a_timeout_that_is_none_is_refused(make, taken, said):
    admission = make()
    admission.handle(call := Call(headers={"request-timeout": said}))
    assert call.said[0] == 400
    assert "request-timeout" in call.said[1]["fact"]
    assert taken == []
    assert admission.open == 0


def test_a_stopping_server_is_not_ready_and_answers(make, taken):
    admission = make()
    admission.stopping = True
    admission.handle(ready := Call("/v2/health/ready"))
    assert ready.said[0] == 503
    admission.handle(Call("/v2/health/live"))
    admission.handle(Call())
    assert len(taken) == 2


def test_made_up_paths_do_not_gather(make, taken):
    admission = make()
    for number in range(5_000):
        admission.handle(Call(f"/v2/models/{number}/infer"))
        taken[-1].answer(200, b"{}")
    assert len(admission._paths) <= 1_024
    assert len(admission._gates) <= 1_025
    assert admission.open == 0


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/predict/a%20b", ("a b", True)),
        ("/v1/features/set", ("set", True)),
        ("/v2/models/m", ("m", False)),
        ("/v2/models/m/versions/1/ready", ("m", False)),
        ("/v2/models/m/versions/1/infer", ("m", True)),
        ("/v1/services/fraud/routing", (None, False)),
        ("/v2/repository/models/m/load", (None, False)),
        ("", (None, False)),
    ],
)
def test_names_of_paths(path, asked):
    assert name_asked(path) == asked
