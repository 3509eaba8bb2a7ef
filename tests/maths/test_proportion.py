import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.interval import wilson
from shipway.maths.proportion import clustered_wilson


@given(st.integers(0, 60), st.integers(1, 60))
def test_rows_that_stand_alone_have_the_interval_of_wilson(failed, n):
    failed = min(failed, n)
    given_ = np.arange(n) < failed
    assert clustered_wilson(given_) == pytest.approx(wilson(failed, n), abs=1e-12)


@given(st.lists(st.booleans(), min_size=2, max_size=80), st.integers(2, 9), st.randoms())
def test_an_interval_holds_its_share_and_is_never_narrower_for_clusters(failed, groups, random):
    trials = np.array(failed)
    clusters = np.array([random.randrange(groups) for _ in failed])
    low, high = clustered_wilson(trials, clusters)
    plain = clustered_wilson(trials)
    assert 0 <= low <= trials.mean() <= high <= 1
    assert high - low >= plain[1] - plain[0] - 1e-12


def test_rows_of_a_cluster_that_are_all_alike_count_once():
    days = np.repeat(np.arange(40), 50)
    failed = days % 10 == 0
    low, high = clustered_wilson(failed, days)
    alone = wilson(4, 40)
    assert low == pytest.approx(alone[0], abs=0.004)
    assert high == pytest.approx(alone[1], abs=0.02)


def test_what_never_failed_is_known_of_as_many_cases_as_clusters():
    days = np.repeat(np.arange(30), 100)
    assert clustered_wilson(np.zeros(3000, dtype=bool), days) == wilson(0, 30)
    assert clustered_wilson(np.ones(3000, dtype=bool), days) == wilson(30, 30)


def test_no_trials_and_one_cluster_say_nothing():
    assert clustered_wilson(np.zeros(0, dtype=bool)) == (0.0, 1.0)
    assert clustered_wilson(np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64)) == (0.0, 1.0)
    assert clustered_wilson(np.array([True, False]), np.array([3, 3])) == (0.0, 1.0)


def test_columns_of_another_length_and_no_confidence_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        clustered_wilson(np.array([True]), np.array([1, 2]))
    with pytest.raises(ValueError, match="not between 0 and 1"):
        clustered_wilson(np.array([True]), confidence=1.0)
