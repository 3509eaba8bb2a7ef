"""Whole numbers of more than 64 bits become floats as Python's do, and are cut without a loss."""

from dataclasses import replace

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from shipway.data.warehouse.dialect import DUCKDB
from shipway.data.warehouse.wide import choose, round_wide, split_wide

powers = st.integers(0, 126).map(lambda bits: 1 << bits)
numbers = st.builds(
    lambda high, low, sign: sign * min(high + low, 2**127 - 1),
    powers,
    powers | st.integers(0, 2**126),
    st.sampled_from([1, -1]),
)
near = st.builds(lambda number, less: number - less, numbers, st.integers(-1, 1))


def ask(text: str, values: list[int]) -> list[tuple]:
    """Return what SQL makes of wide numbers called `m`."""
    rows = ", ".join(f"({place}, cast('{value}' as hugeint))" for place, value in enumerate(values))
    return duckdb.sql(f"select {text} from (values {rows}) as w(i, m) order by i").fetchall()


@settings(max_examples=30)
@given(values=st.lists(near.filter(lambda number: abs(number) < 2**127), min_size=20, max_size=40))
def test_a_wide_number_is_rounded_once(values):
    assert [row[0] for row in ask(round_wide("m", DUCKDB), values)] == [float(value) for value in values]


@settings(max_examples=10)
@given(values=st.lists(st.integers(-(2**124), 2**124), min_size=20, max_size=40))
def test_pieces_of_a_wide_number_are_the_number(values):
    pieces = ask(", ".join(split_wide("m", DUCKDB)), values)
    assert [low + (middle << 40) + (high << 80) for low, middle, high in pieces] == values


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_list_and_a_tree_of_cases_choose_the_same(count):
    values = [str(10 + place // 2) for place in range(count)]
    for spelt in (DUCKDB, replace(DUCKDB, pick=None)):
        assert [row[0] for row in ask(choose("i", values, spelt), [0] * count)] == [int(value) for value in values]
