"""Histograms of durations: the error they promise, against the durations themselves."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.histogram import BINS, RELATIVE_ERROR, bin_middles, count_above, find_bins, find_quantile

durations = st.lists(st.integers(300, 200_000_000_000), min_size=1, max_size=200)


def count(ns):
    return np.bincount(find_bins(np.array(ns, dtype=np.int64)), minlength=BINS)


@given(durations, st.floats(0.0, 1.0))
def test_quantile_is_off_by_no_more_than_is_promised(ns, share):
    exact = sorted(ns)[min(max(math.ceil(share * len(ns) - 1e-9), 1), len(ns)) - 1]
    assert abs(find_quantile(count(ns), share) / exact - 1) <= RELATIVE_ERROR * 1.0001


@given(durations)
def test_every_duration_is_in_the_bin_about_it(ns):
    array = np.array(ns, dtype=np.int64)
    assert (np.abs(bin_middles()[find_bins(array)] / array - 1) <= RELATIVE_ERROR * 1.0001).all()


def test_bins_rise_with_durations_without_a_gap():
    edges = np.unique(np.geomspace(256, 2**38, 200_000).astype(np.int64))
    found = find_bins(edges)
    assert (np.diff(found) >= 0).all()
    assert set(found.tolist()) == set(range(BINS))


def test_what_lies_outside_is_counted_at_the_ends():
    assert find_bins(np.array([-5, 0, 1, 255, 256])).tolist() == [0, 0, 0, 0, 0]
    assert find_bins(np.array([1 << 40, 1 << 62])).tolist() == [BINS - 1] * 2


@given(durations, st.integers(300, 200_000_000_000))
def test_count_above_is_exact_but_for_the_bin_of_the_bound(ns, bound):
    array = np.array(ns)
    found = int(count_above(count(ns), bound))
    slack = bound * 2 * RELATIVE_ERROR
    assert (array > bound + slack).sum() <= found <= (array > bound - slack).sum()


def test_nothing_counted_has_no_quantile():
    assert math.isnan(find_quantile(np.zeros(BINS, dtype=np.int64), 0.5))


def test_histograms_add_up():
    one, two = [1_000, 2_000, 3_000], [50_000, 60_000]
    assert (count(one) + count(two) == count(one + two)).all()
