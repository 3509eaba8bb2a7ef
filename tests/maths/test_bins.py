"""Bins hold what they say, the same for one value and for many."""

import bisect
import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from shipway.maths import bins
from shipway.maths.vector import Vector

FINITE = st.floats(allow_nan=False, allow_infinity=False)
EDGES = st.lists(FINITE.map(lambda x: x + 0.0), min_size=1, max_size=6, unique=True).map(sorted).map(tuple)


def column(values, dtype=None):
    return Vector(np.array(values, dtype=dtype), np.ones(len(values), dtype=np.bool_))


@given(edges=EDGES, values=st.lists(FINITE, min_size=1, max_size=9))
def test_an_edge_belongs_to_the_bin_above_it(edges, values):
    placed = bins.place(bins.Edges(edges), column([*values, *edges])).tolist()
    assert placed == [bisect.bisect_right(edges, value) for value in [*values, *edges]]
    assert max(placed) < bins.count_bins(bins.Edges(edges))


@given(value=st.floats(0.5, 5e5), accuracy=st.floats(0.01, 0.4), sign=st.sampled_from([1, -1]))
def test_one_number_stands_for_a_relative_bin_within_its_error(value, accuracy, sign):
    made = bins.Relative(accuracy, 0.5, 5e5)
    (found,) = bins.place(made, column([sign * value])).tolist()
    assert bins.value_at(made, found, 0, 1) == pytest.approx(sign * value, rel=accuracy * (1 + 1e-9))
    assert bins.value_at(made, *bins.place(made, column([0.1])).tolist(), 0, 1) == 0


@given(
    made=st.one_of(EDGES.map(bins.Edges), st.just(bins.Relative(0.1, 1.0, 30.0))),
    asked=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=9),
)
def test_one_quantile_is_as_many(made, asked):
    asked = [(f % bins.count_bins(made), inside, inside + 1 + more) for f, inside, more in asked]
    found, inside, count = (np.array(each) for each in zip(*asked, strict=True))
    many = bins.values_at(made, found, inside, count)
    assert many.view(np.int64).tolist() == [
        np.float64(bins.value_at(made, *one)).view(np.int64).item() for one in asked
    ]


@given(share=st.integers(1, 999_999), count=st.integers(1, 10**6))
def test_the_rank_of_a_quantile_is_exact(share, count):
    rank = bins.rank_of(share / 1e6, count)
    assert rank == share * (count - 1) // 10**6
    assert bins.ranks_of(share / 1e6, np.array([count])).tolist() == [rank]


@pytest.mark.parametrize("count", [16, 256])
def test_linear_counting_is_its_formula(count):
    found = bins.estimates(count)
    assert len(found) == count + 1
    assert found[0] == 0
    for filled in range(1, count):
        assert found[filled] == pytest.approx(-count * math.log(1 - filled / count), rel=1e-15)
    assert found[count] > found[count - 1]


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-9, 9), min_size=1))
def test_whole_numbers_fall_into_a_bin_by_a_hash_of_64_bits(values):
    def mix(word):
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) % (1 << 64)
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) % (1 << 64)
        return word ^ (word >> 31)

    placed = bins.place(bins.Hashes(64), column(values, np.int64)).tolist()
    assert placed == [mix(value % (1 << 64)) >> 58 for value in values]


def test_both_zeros_are_one_value_and_texts_are_hashed_by_their_bytes():
    hashed = bins.Hashes(4096)
    assert len(set(bins.place(hashed, column([0.0, -0.0])).tolist())) == 1
    texts = bins.place(hashed, column(["a", "b", "a", "é", "\ud800"], np.object_)).tolist()
    assert texts[0] == texts[2]
    assert len(set(texts)) == 4


def test_what_is_missing_or_not_declared_has_no_bin():
    vector = Vector(np.array(["b", "a", "z", "a"], dtype=np.object_), np.array([True, True, True, False]))
    assert bins.place(bins.Categories(("a", "b")), vector).tolist() == [1, 0, bins.OUTSIDE, bins.OUTSIDE]
    assert bins.place(bins.Hashes(16), vector).tolist()[3] == bins.OUTSIDE


@pytest.mark.parametrize(
    ("made", "values"),
    [
        (bins.Edges((1.0,)), np.array(["a"], dtype=np.object_)),
        (bins.Categories(("a",)), np.array([1])),
        (bins.Categories((1,)), np.array([True])),
        (bins.Categories((True,)), np.array([1])),
    ],
)
def test_values_of_another_kind_are_refused(made, values):
    with pytest.raises(ValueError, match=r"text|none of its values"):
        bins.place(made, column(values, values.dtype))


@pytest.mark.parametrize(
    ("values", "kind"), [((1, 2), "int"), ((1, 2.5), "float"), (("a",), "text"), ((True, False), "bool")]
)
def test_declared_values_are_a_column_of_their_kind(values, kind):
    assert bins.kind_of_categories(values) == kind
    assert bins.column_of(values).tolist() == list(values)
