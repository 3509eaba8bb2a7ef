"""Values known always that change: found whatever the order, the nulls and the files the rows come in."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.feature import Source
from shipway.data.batch import Parts
from shipway.data.restatement import columns_held, find_restatement

SHOPS = Source("shops", ("town", "shop"), ("shops",), {"always": ("grade", "name"), "opened": ("rent",)})
KEYS = st.tuples(st.sampled_from("XY"), st.integers(0, 5))
VALUES = st.tuples(st.none() | st.integers(0, 2), st.none() | st.sampled_from("ab"))


def table(rows: dict[tuple[str, int], tuple[int | None, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(*key, *value) for key, value in rows.items()],
        schema={"town": pl.String, "shop": pl.Int64, "grade": pl.Int64, "name": pl.String},
        orient="row",
    )


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, VALUES), st.integers(1, 4))
def test_what_changed_is_found(before: dict, after: dict, size: int) -> None:
    rows = table(after)
    pieces = Parts(rows.schema, lambda names: [rows[i : i + size].select(names) for i in range(0, rows.height, size)])
    found = find_restatement(SHOPS, table(before), pieces)
    both = sorted(before.keys() & after.keys())
    for place, name in enumerate(("grade", "name")):
        changed = [key for key in both if before[key][place] != after[key][place]]
        if changed:
            assert found is not None
            assert (found.column, found.rows, found.of) == (name, len(changed), len(both))
            (town, shop), was, now = changed[0], before[changed[0]][place], after[changed[0]][place]
            assert found.example == f"e.g. town {town}, shop {shop}: {name} was {was!r} and is {now!r}"
            return
    assert found is None


def test_what_may_change_is_not_compared() -> None:
    corrected = Source(SHOPS.name, SHOPS.key, SHOPS.raw, SHOPS.known_at, ("grade",))
    assert columns_held(SHOPS) == ("grade", "name")
    assert columns_held(corrected) == ("name",)
    before, after = table({("X", 1): (1, "a")}), table({("X", 1): (2, "a")})
    assert find_restatement(SHOPS, before, after) is not None
    assert find_restatement(corrected, before, after) is None


@pytest.mark.parametrize("change", [{"grade": pl.Float64}, {"town": pl.Categorical}])
def test_a_column_of_another_type_is_another_column(change: dict[str, pl.DataType]) -> None:
    before, after = table({("X", 1): (1, "a")}), table({("X", 1): (2, "a")})
    assert find_restatement(SHOPS, before, after.cast(change)) is None
