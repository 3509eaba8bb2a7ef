"""Instants in order of time against `sorted`, whatever the order they come in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.instant import sort_instants

pairs = st.lists(st.tuples(st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1), st.integers(-2, 2)))


@given(pairs, st.booleans(), st.booleans())
def test_same_as_sorted(events, tied, ordered):
    events = sorted(events) if ordered else events
    instants = np.array([instant for instant, _ in events], dtype=np.int64)
    ties = np.array([tie for _, tie in events], dtype=np.int64) if tied else None
    found = sort_instants(instants, ties)
    expected = sorted(range(len(events)), key=lambda i: events[i] if tied else events[i][0])
    order = list(range(len(events))) if found.order is None else found.order.tolist()
    assert order == expected
    assert found.size == len(events)
    assert found.unique.tolist() == sorted({instant for instant, _ in events})
    assert found.unique[found.ranks].tolist() == [events[i][0] for i in expected]


def test_what_is_in_order_is_not_sorted_again():
    assert sort_instants(np.array([1, 1, 2]), np.array([5, 6, 0])).order is None
    assert sort_instants(np.array([1, 1, 2]), np.array([6, 5, 0])).order is not None


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="shape"):
        sort_instants(np.array([1, 2]), np.array([1]))
    with pytest.raises(ValueError, match="float64"):
        sort_instants(np.array([0.5]))
