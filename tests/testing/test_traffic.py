import pytest

from shipway.core.service import Variant
from shipway.testing.fake import MemoryTraffic
from shipway.testing.traffic import CASES, TrafficSample, check_nobody_answers, check_overtaken_is_refused


def variant(number, digit):
    return Variant(version=number, bundle=digit * 64, online="main")


def make(kind=MemoryTraffic):
    one, two, missing, damaged = (variant(number, "abcd"[number - 1]) for number in range(1, 5))
    traffic = kind([one.bundle, two.bundle], damaged=[damaged.bundle])
    return TrafficSample(traffic, "model", (one, two), missing, damaged, traffic.ask)


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(make)


def test_suite_catches_traffic_that_forgets_tokens():
    class Forgetful(MemoryTraffic):
        def apply(self, routing):
            self._routings.pop(routing.service, None)
            super().apply(routing)

    with pytest.raises(AssertionError, match="nothing was refused"):
        check_overtaken_is_refused(lambda: make(Forgetful))


def test_suite_catches_traffic_that_answers_from_nowhere():
    with pytest.raises(AssertionError, match="nothing was refused"):
        check_nobody_answers(lambda: MemoryTraffic(["0" * 64]))
