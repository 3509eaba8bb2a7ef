"""Sums of clusters: the days of a cluster are one cluster."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.summary import sum_clusters, summarise
from shipway.validation.cluster import merge_clusters, sum_days


def make(seed, n=200):
    random = np.random.default_rng(seed)
    clusters = [f"k{number}" for number in random.integers(0, 12, n)]
    variants = ["usual" if int(name[1:]) < 6 else "new" for name in clusters]
    units = pl.DataFrame({"_day": random.integers(0, 5, n), "_variant": variants, "kind": random.choice(["a", "b"], n)})
    return units, clusters, random.lognormal(size=(n, 2))


@given(st.integers(0, 500))
def test_days_come_to_what_all_units_come_to_at_once(seed):
    units, clusters, values = make(seed)
    days = sum_days(units, clusters, values, ["usual", "new"], [])
    mine = units["_variant"].to_numpy() == "new"
    whole = summarise(sum_clusters(values[mine], np.unique(np.array(clusters)[mine], return_inverse=True)[1])[1])
    parts = [each for day in days.values() for each in day if each.variant == "new"]
    merged = merge_clusters(parts)
    assert merged.n == whole.n
    assert np.allclose(merged.mean, whole.mean)
    assert np.allclose(merged.products, whole.products)


def test_slices_part_the_units_of_a_day():
    units, clusters, values = make(3)
    days = sum_days(units, clusters, values, ["usual", "new"], ["kind"])
    for groups in days.values():
        for variant in ("usual", "new"):
            whole = [each for each in groups if (each.variant, each.column) == (variant, "")]
            parts = [each for each in groups if (each.variant, each.column) == (variant, "kind")]
            assert sum(each.n for each in whole) == sum(each.n for each in parts)
            assert sum(each.sums[:, 0].sum() for each in whole) == pytest.approx(sum(e.sums[:, 0].sum() for e in parts))
            assert {each.value for each in parts} <= {"a", "b"}
