"""Clusters: how alike their units are, and what that costs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.cluster import (
    Clusters,
    clustered_units,
    clustered_variance,
    estimate_clusters,
    few_factor,
    measure_clusters,
)
from shipway.maths.effect import Term, compare, estimate_term
from shipway.maths.power import Aim, units_needed
from shipway.maths.summary import sum_clusters, summarise


def test_the_correlation_is_that_of_a_table_of_variance_done_by_hand():
    # three clusters of 2, 3 and 4: MSB = 14.8 / 2 and so on, in exact numbers
    values = np.array([1.0, 3, 4, 5, 6, 7, 8, 8, 9])
    codes = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2])
    means, sizes = np.array([2.0, 5.0, 8.0]), np.array([2.0, 3.0, 4.0])
    between = float(sizes @ (means - values.mean()) ** 2) / 2
    within = (2 + 2 + 2) / 6
    typical = (9 - 29 / 9) / 2
    found = measure_clusters(values, codes)
    assert found.count == 3
    assert found.correlation == pytest.approx((between - within) / (between + (typical - 1) * within))
    assert found.variation == pytest.approx(np.std(sizes) / 3)


def test_what_is_planted_is_found_and_independent_units_are_not_alike():
    random = np.random.default_rng(1)
    codes = np.repeat(np.arange(400), 25)
    shared = random.normal(0, math.sqrt(0.1), 400)[codes]
    assert measure_clusters(shared + random.normal(0, math.sqrt(0.9), codes.size), codes).correlation == pytest.approx(
        0.1, abs=0.02
    )
    assert measure_clusters(random.normal(size=codes.size), codes).correlation < 0.01


@pytest.mark.parametrize(("values", "codes", "said"), [([1.0], [0], "clusters"), ([1.0, 2.0], [0], "belong")])
def test_too_few_clusters_and_arrays_that_do_not_fit_are_refused(values, codes, said):
    with pytest.raises(ValueError, match=said):
        measure_clusters(np.array(values), np.array(codes))


def test_units_that_are_their_own_clusters_are_not_alike():
    assert measure_clusters(np.arange(5.0), np.arange(5)) == Clusters(5, 0.0, 0.0)


@given(st.floats(0.0, 0.3), st.floats(0.0, 1.0), st.integers(10, 500))
def test_the_units_that_are_asked_for_have_just_the_error_that_is_needed(correlation, variation, count):
    aim, clusters = Aim(), Clusters(count, correlation, variation)
    needed = clustered_units(0.2, aim, 1.0, clusters)
    if math.isfinite(needed) and needed >= count:
        alone = units_needed(0.2, aim, clustered_variance(needed, aim, 1.0, clusters))
        assert alone == pytest.approx(needed, rel=1e-9)
    else:
        assert needed > 0


def test_alike_units_take_more_and_at_some_point_no_number_is_enough():
    aim = Aim()
    plain = units_needed(0.2, aim, 1.0)
    some, more, never = (clustered_units(0.2, aim, 1.0, Clusters(40, rho, 0.3)) for rho in (0.0, 0.02, 0.2))
    assert plain < some < more < math.inf
    assert never == math.inf
    assert clustered_units(0.2, aim, 1.0, Clusters(3, 0.0, 0.0)) == math.inf
    assert clustered_variance(100, aim, 1.0, Clusters(3, 0.0, 0.0)) == math.inf


def test_few_clusters_cost_what_students_t_costs():
    # t of 18 degrees: 2.1009 and .8620 against 1.9600 and .8416
    assert few_factor(Aim(), 20) == pytest.approx(((2.10092 + 0.86205) / (1.95996 + 0.84162)) ** 2, rel=1e-4)
    assert few_factor(Aim(), 100_000) == pytest.approx(1, abs=1e-4)


def test_a_planned_power_is_what_comes_of_it():
    random = np.random.default_rng(4)
    aim, clusters = Aim(), Clusters(60, 0.05, 0.0)
    units = clustered_units(0.25, aim, 1.0, clusters)
    size = math.ceil(units / 60)
    found, runs = 0, 600
    codes = np.repeat(np.arange(60), size)
    treated = np.arange(60) < 30
    for _ in range(runs):
        values = random.normal(0, math.sqrt(0.05), 60)[codes] + random.normal(0, math.sqrt(0.95), codes.size)
        _, sums = sum_clusters((values + 0.25 * treated[codes])[:, None], codes)
        effect = compare(*(estimate_term(summarise(sums[arm]), Term(0, 1)) for arm in (~treated, treated)))
        found += effect.value > 2.0017 * effect.standard_error
    assert found / runs == pytest.approx(0.8, abs=0.05)


def test_clusters_of_one_size_count_as_they_are_and_a_great_one_makes_fewer_of_them():
    random = np.random.default_rng(6)
    sums = np.column_stack([random.normal(20, 5, 12), np.full(12, 4.0)])
    [even] = estimate_clusters([summarise(sums)], Term(0, 1), [], 1)
    plain = estimate_term(summarise(sums), Term(0, 1))
    assert (even.value, even.standard_error, even.clusters) == pytest.approx((plain.value, plain.standard_error, 12))
    sums[0] *= 6
    [uneven] = estimate_clusters([summarise(sums)], Term(0, 1), [], 1)
    # (24 + 44)^2 / (24^2 + 11 * 16) = 6.15
    assert uneven.clusters == 6
    plain = estimate_term(summarise(sums), Term(0, 1))
    assert uneven.standard_error == pytest.approx(
        plain.standard_error * math.sqrt(11 / 12 * 6.14894 / 5.14894), rel=1e-5
    )


def test_each_covariate_that_varies_takes_a_degree():
    random = np.random.default_rng(7)
    sums = np.column_stack([random.normal(20, 5, (20, 3)), np.zeros(20), np.full(20, 4.0)])
    arms = [summarise(sums[:10]), summarise(sums[10:])]
    some = estimate_clusters(arms, Term(0, 4), [Term(1, 4), Term(2, 4), Term(3, 4)], 4)
    from shipway.maths.effect import adjust

    plain = adjust(arms, Term(0, 4), [Term(1, 4), Term(2, 4), Term(3, 4)])
    assert some[0].standard_error == pytest.approx(plain[0].standard_error * math.sqrt(18 / 16))


def test_a_single_cluster_tells_nothing():
    [one] = estimate_clusters([summarise(np.array([[3.0, 2.0]]))], Term(0, 1), [], 1)
    assert one.standard_error == math.inf
