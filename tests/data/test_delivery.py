"""New rows are those whose key the main branch has not, however both are stored."""

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given
from polars.testing import assert_frame_equal

from shipway.data import batch, spill
from shipway.data.batch import Parts, read_batches
from shipway.data.delivery import split_rows

KEYS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 30)), max_size=60)
SCHEMA = {"k": pl.String, "x": pl.Int64}


def table(keys):
    return pl.DataFrame(keys, SCHEMA, orient="row").with_row_index("row")


def all_of(frame, columns):
    return pl.concat(read_batches(frame, columns))


@given(KEYS, KEYS, st.sampled_from([3, 8, 1000]), st.sampled_from([1, 1000]))
def test_new_rows_are_those_of_a_join(rows, main, size, held):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "BATCH_ROWS", size)
        patch.setattr(spill, "HELD_GROUPS", held)
        patch.setattr(spill, "_FOLD_ROWS", held)
        here, there = table(rows), table(main)
        new = split_rows(here, there, ("k", "x")).new
        expected = here.join(there, on=["k", "x"], how="anti", nulls_equal=True, maintain_order="left")
        for columns in (["row"], ["x", "row"], ["k", "x", "row"]):
            assert_frame_equal(all_of(new, columns), expected.select(columns))


def test_a_key_that_was_widened_is_the_same_key():
    main = table([("a", 1), ("b", 2)]).with_columns(pl.col("x").cast(pl.Int16))
    new = split_rows(table([("a", 1), ("b", 3)]), main, ("k", "x")).new
    assert all_of(new, ["k", "x"]).rows() == [("b", 3)]


def test_only_what_can_be_new_is_read():
    main = table([("a", n) for n in range(20)])
    added = table([("b", 1), ("a", 3)])

    def refuse(columns):
        raise AssertionError(columns)

    content = split_rows(Parts(main.schema, refuse), main, ("k", "x"), since=added)
    assert all_of(content.new, ["k"])["k"].to_list() == ["b"]


def test_without_a_main_branch_all_is_new():
    content = split_rows(table([("a", 1)]), None, ("k", "x"))
    assert (content.new, content.main) == (None, None)
