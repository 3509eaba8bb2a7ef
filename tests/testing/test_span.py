"""The fake of spans passes the suite, and the suite tells one that loses something, and one that keeps silent."""

import msgspec
import pytest

from shipway.ports.span import Delivery
from shipway.testing.fake.span import ListSpans
from shipway.testing.span import (
    SPAN_CASES,
    Sink,
    check_nobody_there_is_told,
    check_what_is_sent_arrives_whole,
)


def make(sink=ListSpans):
    spans = sink()
    return Sink(spans, sink(there=False), lambda: spans.sent)


@pytest.mark.parametrize("case", SPAN_CASES)
def test_the_fake_conforms(case):
    case(make)


@pytest.mark.parametrize("lost", [{"links": ()}, {"error": None}, {"state": ""}, {"attributes": {}}, {"remote": False}])
def test_the_suite_tells_what_is_lost(lost):
    class Lossy(ListSpans):
        def send(self, spans, resource, timeout_s):
            return ListSpans.send(self, [msgspec.structs.replace(span, **lost) for span in spans], resource, timeout_s)

    with pytest.raises(AssertionError):
        check_what_is_sent_arrives_whole(lambda: make(Lossy))


def test_the_suite_tells_silence():
    class Silent(ListSpans):
        def send(self, spans, resource, timeout_s):
            return Delivery()

    with pytest.raises(AssertionError):
        check_nobody_there_is_told(lambda: make(Silent))
