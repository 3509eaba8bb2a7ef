"""Events of two arms at several looks: against every path there is, Clopper and Pearson, and Brownian motion."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shipway.maths.coin import boundaries, count_looks, crossings, fall_interval, fall_of, ratio_of, too_many
from shipway.maths.spending import critical_values, spent

shares = st.floats(0.1, 0.9)


@st.composite
def designs(draw):
    """Return few events at few looks, and the error that each may have spent."""
    added = draw(st.lists(st.integers(0, 4), min_size=1, max_size=4))
    events = np.cumsum(np.array(added, dtype=np.int64)) + 1
    alpha, kind = draw(st.floats(0.01, 0.2)), draw(st.sampled_from(["pocock", "obrien-fleming"]))
    allowed = np.array([spent(n / int(events[-1]), alpha, kind) for n in events.tolist()])
    return events, allowed


def paths(events, fall):
    """Yield every path of the treatment's events over looks, with its probability."""
    added = np.diff(events, prepend=0).tolist()
    for steps in itertools.product(*(range(n + 1) for n in added)):
        chance = math.prod(math.comb(n, k) * fall**k * (1 - fall) ** (n - k) for k, n in zip(steps, added, strict=True))
        yield np.cumsum(steps), chance


@settings(max_examples=25, deadline=None)
@given(designs(), shares)
def test_a_boundary_spends_what_is_allowed_and_no_count_less_would_do(design, fall):
    events, allowed = design
    upper = too_many(events, allowed, np.array([fall]))[0]
    for look, until in enumerate(allowed.tolist()):
        used = sum(chance for path, chance in paths(events, fall) if (path >= upper)[: look + 1].any())
        assert used <= until + 1e-12
        lower = upper.copy()
        lower[look] -= 1
        more = sum(chance for path, chance in paths(events, fall) if (path >= lower)[: look + 1].any())
        assert more > until - 1e-12


@settings(max_examples=25, deadline=None)
@given(designs(), shares, shares)
def test_crossings_are_those_of_all_paths(design, fall, truth):
    events, allowed = design
    upper, lower = boundaries(events, allowed, fall)
    above = below = 0.0
    for path, chance in paths(events, truth):
        crossed = np.flatnonzero((path >= upper) | (path <= lower))
        if crossed.size:
            first = crossed[0]
            above, below = (
                above + chance * (path[first] >= upper[first]),
                below + chance * (path[first] <= lower[first]),
            )
    assert crossings(events, upper, lower, truth) == (pytest.approx(above), pytest.approx(below))


@settings(max_examples=8, deadline=None)
@given(designs(), shares)
def test_intervals_of_all_looks_hold_together(design, truth):
    events, allowed = design
    ends = {
        (look, treated): fall_interval(events[: look + 1], treated, allowed[: look + 1])
        for look in range(events.size)
        for treated in range(int(events[look]) + 1)
    }
    missed = np.zeros(2)
    for path, chance in paths(events, truth):
        found = [ends[look, treated] for look, treated in enumerate(path.tolist())]
        missed += chance * np.array([any(low > truth for low, _ in found), any(high < truth for _, high in found)])
    assert (missed <= allowed[-1] + 1e-9).all()


@given(st.integers(1, 60), st.floats(0.01, 0.5), st.data())
def test_one_look_is_clopper_and_pearson(total, alpha, data):
    treated = data.draw(st.integers(0, total))
    low, high = fall_interval(np.array([total]), treated, np.array([alpha / 2]))
    oracle = stats.binomtest(treated, total).proportion_ci(1 - alpha, method="exact")
    assert (low, high) == (pytest.approx(oracle.low, abs=1e-8), pytest.approx(oracle.high, abs=1e-8))


def test_many_events_cross_where_brownian_motion_does():
    events = np.arange(1, 6) * 160
    allowed = np.array([spent(n / 800, 0.025, "pocock") for n in events.tolist()])
    upper, lower = boundaries(events, allowed, 0.5)
    z = (upper - events / 2) / (np.sqrt(events) / 2)
    assert z == pytest.approx(critical_values(events / 800, 0.05, spending="pocock"), abs=0.17)
    assert (lower == events - upper).all()
    assert sum(crossings(events, upper, lower, 0.5)) == pytest.approx(0.05, abs=0.004)


def test_what_a_look_leaves_of_its_error_the_next_one_has():
    events, allowed = np.array([3, 6]), np.array([0.02, 0.05])
    # three of three are 1/8, six of six 1/64: the first look spends nothing, the second may spend all
    assert too_many(events, allowed, np.array([0.5])).tolist() == [[4, 6]]
    assert too_many(events, np.array([0.02, 0.12]), np.array([0.5])).tolist() == [[4, 5]]


@settings(max_examples=4, deadline=None)
@given(designs(), shares, shares)
def test_after_the_looks_ends_are_exact_in_the_stagewise_order(design, fall, truth):
    events, allowed = design
    upper, lower = boundaries(events, allowed, fall)
    missed = np.zeros(2)
    for path, chance in paths(events, truth):
        crossed = np.flatnonzero((path >= upper) | (path <= lower))
        end = int(crossed[0]) + 1 if crossed.size else events.size
        found = count_looks(events[:end], upper[:end], lower[:end], int(path[end - 1]), fall, confidence=0.8)
        assert found.low <= found.fall <= found.high
        missed += chance * np.array([found.low > truth + 1e-9, found.high < truth - 1e-9])
    assert (missed <= 0.1 + 1e-9).all()


def test_one_look_has_the_p_value_of_the_binomial_test():
    got = count_looks(np.array([20]), np.array([21]), np.array([-1]), 15, 0.5)
    assert got.p == pytest.approx(stats.binomtest(15, 20).pvalue)
    assert (got.low, got.high) == pytest.approx(tuple(stats.binomtest(15, 20).proportion_ci()))


@given(st.floats(0, 1e3), shares)
def test_a_ratio_and_where_events_fall_are_the_same_thing(ratio, share):
    assert ratio_of(fall_of(ratio, share), share) == pytest.approx(ratio, rel=1e-6)
    assert fall_of(1.0, share) == pytest.approx(share)
    assert (fall_of(math.inf, share), ratio_of(1.0, share)) == (1.0, math.inf)


def test_what_are_no_looks_is_refused():
    for events, allowed in (([3, 2], [0.1, 0.2]), ([1, 2], [0.2, 0.1]), ([1], [0.1, 0.2]), ([], []), ([-1], [0.1])):
        with pytest.raises(ValueError, match="look"):
            too_many(np.array(events, dtype=np.int64), np.array(allowed), np.array([0.5]))
    with pytest.raises(ValueError, match="3 of 2"):
        fall_interval(np.array([2]), 3, np.array([0.1]))
