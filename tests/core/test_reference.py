import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.reference import QUANTILES, refer_category, refer_number
from shipway.kit.canonical import canonical_json
from shipway.maths.drift import bin_counts, bin_edges

VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=80)


@given(VALUES)
def test_every_row_is_counted_once(values):
    found = refer_number("a", np.asarray(values, dtype=np.float64))
    assert sum(found.counts) + found.missing == found.rows == len(values)
    assert len(found.counts) == len(found.edges) + 1
    assert b"null" not in canonical_json([found.edges, found.quantiles])


def test_bins_are_those_that_drift_is_measured_with():
    values = np.random.default_rng(1).normal(size=1_000)
    values[:50] = np.nan
    found = refer_number("a", values)
    edges = bin_edges(values)
    assert found.edges == tuple(edges.tolist())
    assert [*found.counts, found.missing] == bin_counts(values, edges).tolist()
    assert found.quantiles[10] == np.median(values[50:])
    assert len(found.quantiles) == len(QUANTILES)
    assert found.mean == values[50:].mean()


def test_levels_are_counted_by_code():
    found = refer_category("c", np.asarray([0.0, 2.0, 2.0, np.nan]), ("a", "b", "c"))
    assert (found.counts, found.missing, found.levels) == ((1, 0, 2), 1, ("a", "b", "c"))


def test_a_column_without_values_has_none():
    found = refer_number("a", np.full(3, np.nan))
    assert (found.edges, found.counts, found.missing, found.quantiles, found.mean) == ((), (0,), 3, (), None)
