"""A kept table is a function of the changes, not of how they were delivered."""

from functools import reduce
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shipway.data.kept import ABSENT, DELETED, HIDDEN, PARTIAL, POSITION, live, settle, write_position

SCHEMA = {"id": pl.Int64, "name": pl.String, "long": pl.String, "wide": pl.String}
CHANGES = {**SCHEMA, POSITION: pl.String, DELETED: pl.Boolean, ABSENT: pl.List(pl.String)}


def change(place, key, values=None, absent=()):
    """Return a change: a deletion if there are no values, and a value that is absent is null."""
    given = [
        None if name in absent else value for name, value in zip(("name", "long", "wide"), values or (), strict=False)
    ]
    return (key, *(given or [None] * 3), f"{place:020}", values is None, list(absent))


def apply(kept, changes):
    """Put changes over a kept table as a lake does."""
    frame = pl.DataFrame(changes, schema=CHANGES, orient="row")
    present = None if kept is None else kept.join(frame.select("id"), on="id", how="semi")
    rows = settle(present, frame, ["id"])
    return rows if kept is None else pl.concat([kept.join(rows, on="id", how="anti"), rows])


def shown(kept):
    return live(kept).sort("id").rows()


@st.composite
def histories(draw):
    """Draw what happened to a few rows, and a delivery of it: every change at least once, in any order and batches."""
    rows, changes = {}, []
    for place in range(draw(st.integers(1, 14))):
        key = draw(st.integers(1, 2))
        values = draw(st.tuples(*[st.sampled_from("abc")] * 3))
        if key not in rows:
            rows[key] = values
            changes.append(change(place, key, values))
        elif draw(st.integers(0, 3)) == 0:
            del rows[key]
            changes.append(change(place, key))
        else:
            absent = draw(st.sets(st.sampled_from(["long", "wide"])))
            merged = zip(("name", "long", "wide"), values, rows[key], strict=True)
            rows[key] = tuple(old if name in absent else new for name, new, old in merged)
            changes.append(change(place, key, values, sorted(absent)))
    again = draw(st.lists(st.sampled_from(changes), max_size=8))
    delivered = draw(st.permutations([*changes, *again]))
    cuts = sorted({0, len(delivered), *draw(st.sets(st.integers(0, len(delivered)), max_size=4))})
    batches = [delivered[low:high] for low, high in pairwise(cuts)]
    return [(key, *values) for key, values in sorted(rows.items())], changes, batches


@settings(max_examples=150)
@given(histories())
def test_whatever_comes_twice_or_late_the_table_is_what_happened(history):
    expected, changes, batches = history
    kept = reduce(apply, batches, None)
    assert shown(kept) == expected
    in_order = reduce(apply, [[each] for each in changes], None)
    assert_frame_equal(kept.sort("id"), in_order.sort("id"))


@given(histories())
def test_a_delivery_that_is_in_changes_nothing(history):
    _, _, batches = history
    kept = reduce(apply, batches, None)
    for batch in batches:
        assert settle(kept, pl.DataFrame(batch, schema=CHANGES, orient="row"), ["id"]).height == 0


def test_an_older_change_does_not_bring_a_deleted_row_back():
    kept = reduce(apply, [[change(1, 1, "abc")], [change(3, 1)], [change(2, 1, "xyz")]], None)
    assert shown(kept) == []
    assert kept[DELETED].to_list() == [True]


def test_a_value_that_was_left_out_is_found_when_it_comes():
    kept = apply(None, [change(5, 1, "aXX", ["long", "wide"])])
    assert shown(kept) == [(1, "a", None, None)]
    assert kept[PARTIAL].to_list() == ['{"long":"","wide":""}']
    kept = apply(kept, [change(3, 1, "bcd")])
    assert shown(kept) == [(1, "a", "c", "d")]
    kept = apply(kept, [change(4, 1, "eXf", ["long"])])
    assert shown(kept) == [(1, "a", "c", "f")]
    assert kept.columns == [*SCHEMA, *HIDDEN]


def test_of_equal_positions_the_later_delivery_counts():
    kept = reduce(apply, [[change(1, 1, "abc")], [change(1, 1, "xyz")]], None)
    assert shown(kept) == [(1, "x", "y", "z")]


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_positions_of_numbers_sort_as_they_do(numbers):
    column = pl.Series("n", numbers, dtype=pl.Int64)
    frame = pl.DataFrame({"n": column, "at": write_position(column)})
    assert frame.sort("at")["n"].to_list() == sorted(numbers)


def test_positions_of_times_sort_as_they_do():
    times = pl.Series("t", ["2013-01-01", "1969-12-31", None]).str.to_datetime()
    assert write_position(times).arg_sort().to_list() == [2, 1, 0]
    assert write_position(pl.Series("t", ["b", None])).to_list() == ["b", ""]
