import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway import behaviours as b
from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.validation.row import Rows, change_rows, pick_rows

COLUMNS = (
    InputColumn(name="x", kind="number", low=0.0, high=10.0, missing=0.1),
    InputColumn(name="y", kind="number", low=-1.0, high=1.0),
    InputColumn(name="c", kind="category", categories=("a", "b", "d")),
)
X = np.array([[1.0, 0.5, 0.0], [9.0, -1.0, 1.0], [np.nan, 0.0, 2.0]])
ROWS = Rows(X, COLUMNS)


def change(*changes, rows=ROWS):
    return change_rows(rows, rows.x, changes, np.random.default_rng(3))


def test_numbers_are_added_and_scaled_where_they_are_there():
    found = change(b.add("x", 2))
    assert found.x[0, 0] == 3
    assert np.isnan(found.x[2, 0])
    assert found.made[:, 0].tolist() == [True, True, False]
    assert found.left.tolist() == [False, True, False]
    assert found.why == {"x": 1}
    assert change(b.scale("y", 2)).left.tolist() == [False, True, False]
    assert change(b.scale("y", 2)).made[:, 0].tolist() == [True, True, False]


def test_what_is_put_takes_the_place_of_anything_and_a_missing_value_only_where_training_saw_one():
    assert change(b.put("c", "d")).x[:, 2].tolist() == [2, 2, 2]
    assert change(b.put("x", 11)).left.all()
    assert change(b.lose("x")).left.tolist() == [False, False, False]
    assert change(b.lose("y")).left.all()


def test_a_swap_draws_another_category_or_takes_the_one_that_is_named():
    drawn = change(b.swap("c"))
    assert (drawn.x[:, 2] != X[:, 2]).all()
    assert set(drawn.x[:, 2]) <= {0, 1, 2}
    named = change(b.swap("c", {"a": "d"}))
    assert named.x[:, 2].tolist() == [2, 1, 2]
    assert named.made[:, 0].tolist() == [True, False, False]


def test_changes_are_made_one_after_the_other():
    assert change(b.add("x", 1), b.scale("x", 2)).x[0, 0] == 4


@given(st.lists(st.integers(0, 2), min_size=2, max_size=30), st.integers(0, 99))
def test_a_shuffle_keeps_every_group_what_it_was(codes, seed):
    x = np.column_stack([np.arange(len(codes)) % 10, np.zeros(len(codes)), codes]).astype(float)
    rows = Rows(x, COLUMNS)
    found = change_rows(rows, x, [b.shuffle("x", within="c")], np.random.default_rng(seed))
    for code in set(codes):
        assert sorted(found.x[x[:, 2] == code, 0]) == sorted(x[x[:, 2] == code, 0])
    assert not found.left.any()


@given(st.floats(0.01, 5), st.integers(0, 999))
def test_no_row_that_is_kept_leaves_what_training_saw(deviation, seed):
    x = np.random.default_rng(seed).uniform([0, -1, 0], [10, 1, 3], (50, 3))
    x[:, 2] = np.floor(x[:, 2])
    found = change_rows(Rows(x, COLUMNS), x, [b.noise("x", deviation)], np.random.default_rng(seed))
    kept = found.x[~found.left]
    assert ((kept[:, 0] >= 0) & (kept[:, 0] <= 10)).all()
    assert sum(found.why.values()) == found.left.sum()


def test_rows_are_picked_by_numbers_and_categories():
    assert pick_rows(ROWS, {}).tolist() == [0, 1, 2]
    assert pick_rows(ROWS, {"x": (0, 5)}).tolist() == [0]
    assert pick_rows(ROWS, {"c": ("b", "d")}).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("code", "changes", "where"),
    [
        ("SW-104", [b.add("z", 1)], {}),
        ("SW-431", [b.add("c", 1)], {}),
        ("SW-431", [b.swap("x")], {}),
        ("SW-431", [b.put("x", "a")], {}),
        ("SW-104", [b.put("c", "e")], {}),
        ("SW-431", [b.put("c", 1)], {}),
        ("SW-104", [], {"z": (0, 1)}),
        ("SW-431", [], {"x": ("a", "b")}),
    ],
)
def test_what_a_column_cannot_take_is_refused(code, changes, where):
    with pytest.raises(ShipwayError) as refused:
        (pick_rows(ROWS, where), change(*changes))
    assert refused.value.code == code


def test_values_are_written_as_people_write_them():
    assert [ROWS.write(0, v) for v in (3.0, 0.25, np.nan)] == [3, 0.25, None]
    assert ROWS.write(2, 1.0) == "b"
    assert ROWS.name(2) == "row 2"
