"""Patterns of loads, and what is refused of them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.load import FAULTS, PATTERNS, is_good, make_pattern, name_outcome
from shipway.maths.arrival import Stretch
from shipway.testing.refusal import expect_refusal


@given(st.sampled_from(PATTERNS), st.floats(0.1, 1e4), st.floats(0.1, 1e4), st.floats(1, 1e5))
def test_every_pattern_lasts_as_long_as_was_asked_and_keeps_to_its_rates(name, rate, peak, seconds):
    pattern = make_pattern(name, rate, seconds, peak=peak)
    assert pattern.seconds == pytest.approx(seconds)
    rates = [value for each in pattern.stretches for value in (each.start, each.end)]
    low, high = min(rate, peak), max(rate, peak)
    assert low * (1 - 1e-9) <= min(rates) <= max(rates) <= high * (1 + 1e-9)
    assert msgspec.json.decode(msgspec.json.encode(pattern), type=type(pattern)) == pattern


def test_patterns_by_hand():
    assert make_pattern("steady", 10, 60).stretches == make_pattern("soak", 10, 60).stretches == (Stretch(60, 10, 10),)
    assert make_pattern("ramp", 10, 60, peak=50).stretches == (Stretch(60, 10, 50),)
    assert [each.start for each in make_pattern("steps", 10, 50, peak=50).stretches] == [10, 20, 30, 40, 50]
    assert [each.start for each in make_pattern("spike", 10, 50).stretches] == [10, 100, 10]
    assert make_pattern("spike", 10, 50).expected == 10 * 40 + 100 * 10


def test_pattern_says_what_it_is():
    assert make_pattern("ramp", 10, 60, peak=1500, arrivals="constant").said == (
        "ramp, 10 to 1,500 requests/s for 60 s, constant arrivals"
    )


@pytest.mark.parametrize(
    ("rate", "seconds", "peak"), [(0, 1, None), (-1, 1, None), (1, 0, None), (1, 1, 0), (2e6, 1, 1), (1, 1e9, None)]
)
def test_load_that_measures_nothing_is_refused(rate, seconds, peak):
    with expect_refusal("SW-441"):
        make_pattern("steady", rate, seconds, peak=peak)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_number_that_is_none_is_refused(number):
    with expect_refusal("SW-441"):
        make_pattern("steady", number, 1)
    with expect_refusal("SW-441"):
        make_pattern("steady", 1, number)


def test_names_there_are_not_are_answered_with_the_nearest():
    with expect_refusal("SW-104") as refused:
        make_pattern("stedy", 1, 1)
    assert "steady" in refused[0].hint
    with expect_refusal("SW-104") as refused:
        make_pattern("steady", 1, 1, arrivals="poison")
    assert "poisson" in refused[0].hint


def test_outcomes():
    assert [code for code in (99, 200, 204, 302, 399, 400, 503, *FAULTS) if is_good(code)] == [200, 204, 302, 399]
    assert name_outcome(503) == "status 503"
    assert [name_outcome(code) for code in FAULTS] == list(FAULTS.values())
