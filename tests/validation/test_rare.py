"""Rare events as looks show them: counts, intervals that hold together, and what is told when a test has ended."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from shipway.maths.coin import crossings, fall_of
from shipway.maths.summary import merge, summarise
from shipway.validation.rare import Happened, as_log_ratio, bound_events, count_events, slice_events, unbias_events

RANDOM = np.random.default_rng(4)


def happened(control, variant, planned=40, share=0.5):
    return Happened((3_000, 3_000), control, variant, share, planned)


def test_events_are_counted_from_merged_summaries():
    rows = [(RANDOM.random((5_000, 1)) < rate).astype(float) for rate in (0.004, 0.011)]
    arms = [merge([summarise(part) for part in np.array_split(each, 9)]) for each in rows]
    found = count_events(*arms, 0.5, 30)
    counts = [int(each.sum()) for each in rows]
    assert (found.n, found.control, found.variant) == ((5_000, 5_000), *counts)
    assert found.estimate == pytest.approx(counts[1] / counts[0] - 1)
    assert happened(0, 6).estimate == 11.0  # half an event stands for none
    assert happened(0, 0).estimate == 0.0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 25), st.integers(0, 25), st.floats(0.1, 0.9),
    st.sampled_from(["pocock", "obrien_fleming", "always_valid"]),
)  # fmt: skip
def test_an_estimate_lies_in_its_interval_however_uneven_the_units_came(control, variant, share, spending):
    total = control + variant
    each = Happened((3_500, 900), control, variant, share, max(total, 1))
    seen = bound_events(spending, each, [], [1.0], 0.05, 0.0)
    assert (-1.0 if seen.low is None else seen.low) <= each.estimate + 1e-9
    assert each.estimate <= (math.inf if seen.high is None else seen.high) + 1e-9 or not total
    estimate, low, high, _ = slice_events(each)
    assert estimate == each.estimate
    assert (-1.0 if low is None else low) <= estimate + 1e-9
    assert estimate <= (math.inf if high is None else high) + 1e-9 or not total


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 25), st.integers(0, 25), st.floats(0.3, 0.7), st.floats(-0.6, 2.0),
    st.sampled_from(["pocock", "obrien_fleming", "always_valid"]),
)  # fmt: skip
def test_interval_and_counts_say_the_same_of_the_bound(control, variant, share, null, spending):
    each, total = happened(control, variant, share=share), control + variant
    before = [total // 3, 2 * total // 3]
    seen = bound_events(spending, each, before, [n / 40 for n in (*before, total)], 0.05, null)
    low = -math.inf if seen.low is None else seen.low
    high = math.inf if seen.high is None else seen.high
    assert low <= high
    assert not low > null or variant >= seen.events.many
    assert not high < null or variant <= seen.events.few
    assert seen.events.few < seen.events.many
    assert seen.spent <= 0.05 + 1e-12


def test_the_first_look_with_all_of_alpha_is_the_exact_test():
    seen = bound_events("pocock", happened(4, 15, planned=19), [], [1.0], 0.05, 0.0)
    exact = binomtest(15, 19).proportion_ci(method="exact")
    assert (seen.low, seen.high) == pytest.approx([end / (1 - end) - 1 for end in (exact.low, exact.high)])
    assert seen.events.many == 15


def test_before_any_event_nothing_is_bounded_and_without_control_events_one_side_is():
    assert bound_events("pocock", happened(0, 0), [], [0.0], 0.05, 0.0).low is None
    seen = bound_events("obrien_fleming", happened(0, 9, planned=9), [], [1.0], 0.05, 0.0)
    assert (seen.low > 0, seen.high) == (True, None)


def test_what_has_ended_is_told_with_its_looks_allowed_for():
    first = bound_events("pocock", happened(2, 5), [], [7 / 40], 0.05, 0.0)
    each = happened(4, 18)
    last = bound_events("pocock", each, [7], [7 / 40, 22 / 40], 0.05, 0.0)
    assert last.low > 0
    estimate, low, high, p = unbias_events(each, [first.events, last.events], 0.0, 0.05)
    assert 0 < low < estimate < high
    assert p < 0.05
    assert unbias_events(happened(0, 0), [first.events], 0.0, 0.05) is None


@pytest.mark.parametrize("spending", ["pocock", "obrien_fleming"])
def test_events_that_are_withdrawn_take_nothing_back_that_was_spent(spending):
    first = bound_events(spending, happened(6, 9), [], [15 / 40], 0.05, 0.0)
    each = happened(4, 8)
    last = bound_events(spending, each, [15], [15 / 40, 1.0], 0.05, 0.0)
    assert last == bound_events(spending, each, [12], [15 / 40, 1.0], 0.05, 0.0)
    assert last.spent == pytest.approx(0.05)
    estimate, low, high, _ = unbias_events(each, [first.events, last.events], 0.0, 0.05)
    assert low < estimate < high


def test_slices_are_told_at_one_look():
    each = happened(5, 12)
    estimate, low, high, p = slice_events(each)
    assert (estimate, low < estimate < high) == (pytest.approx(1.4), True)
    assert 0.05 < p < 0.15
    log = as_log_ratio(each)
    assert log.value == pytest.approx(math.log(12.5 / 5.5))
    assert log.standard_error == pytest.approx(math.sqrt(1 / 12.5 + 1 / 5.5))


def test_a_slice_in_which_one_variant_has_no_event_has_an_open_end():
    estimate, low, high, p = slice_events(Happened((500, 500), 0, 12))
    assert (estimate, high) == (23.0, None)
    assert low > 1
    assert p < 0.001
    assert slice_events(Happened((500, 500), 12, 0))[1] is None


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_an_always_valid_interval_holds_after_each_event(share):
    # Every path of 40 events, looked at after each of them: the probability of ever calling an effect that is none.
    seen = [
        bound_events("always_valid", happened(total, 0, share=share), [], [total / 40], 0.05, 0.0).events
        for total in range(1, 41)
    ]
    counts = [np.array([getattr(each, end) for each in seen]) for end in ("many", "few")]
    called = crossings(np.arange(1, 41), counts[0], counts[1], fall_of(1.0, share))
    assert 0.003 < sum(called) <= 0.05
