import pytest

from shipway.adapters.system.clock import SystemClock, SystemStopwatch
from shipway.testing.clock import CLOCK_CASES, STOPWATCH_CASES
from shipway.testing.fake import ManualClock, ManualStopwatch


@pytest.mark.parametrize("make", [ManualClock, SystemClock])
@pytest.mark.parametrize("case", CLOCK_CASES)
def test_clock_conforms(case, make):
    case(make)


@pytest.mark.parametrize("make", [ManualStopwatch, SystemStopwatch])
@pytest.mark.parametrize("case", STOPWATCH_CASES)
def test_stopwatch_conforms(case, make):
    case(make)


class _Seconds:
    def now(self):
        return 1_700_000_000


class _Nanoseconds:
    def now(self):
        return 1_700_000_000_000_000_000


class _Fraction:
    def now(self):
        return 1.7e15


class _Sawtooth:
    reading = 0.0

    def seconds(self):
        self.reading = (self.reading + 1.0) % 7
        return self.reading


@pytest.mark.parametrize("make", [_Seconds, _Nanoseconds, _Fraction])
def test_clock_suite_catches_wrong_units(make):
    with pytest.raises(AssertionError):
        [case(make) for case in CLOCK_CASES]


def test_stopwatch_suite_catches_one_that_goes_back():
    with pytest.raises(AssertionError):
        [case(_Sawtooth) for case in STOPWATCH_CASES]
