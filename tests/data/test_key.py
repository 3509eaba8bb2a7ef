"""Numbers for keys: equal keys are one entity, in whichever table they stand, and a missing one is none."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.data.key import Entities, code_keys


def test_codes_never_match_nulls_and_match_across_tables() -> None:
    there = pl.DataFrame({"k": ["x", None, "y"], "m": [1, 1, None]})
    here = pl.DataFrame({"k": ["y", "x", None, "x"], "m": [2, 1, 1, 3]})
    a, b = code_keys(there, here, ("k", "m"))
    assert a[1] == -1
    assert a[2] == -1
    assert b[2] == -1
    assert a[0] == b[1]
    assert len({a[0], b[0], b[3]}) == 3
    zero, _ = code_keys(there, here, ())
    assert np.array_equal(zero, [0, 0, 0])


def test_keys_of_two_types_are_refused() -> None:
    with pytest.raises(ShipwayError, match="SW-203"):
        code_keys(pl.DataFrame({"k": [1]}), pl.DataFrame({"k": ["1"]}), ("k",))


def test_nan_is_no_entity() -> None:
    codes, _ = code_keys(pl.DataFrame({"k": [float("nan"), 1.0]}), pl.DataFrame({"k": [1.0]}), ("k",))
    assert codes.tolist() == [-1, 0]


KINDS: list[tuple[Any, Any]] = [
    (pl.String, st.sampled_from(["a", "b", "", "ab", "c"])),
    (pl.Categorical, st.sampled_from(["a", "b", "c"])),
    (pl.Enum(["a", "b", "c"]), st.sampled_from(["a", "b", "c"])),
    (pl.Int64, st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1])),
    (pl.Int8, st.integers(-128, 127)),
    (pl.UInt64, st.sampled_from([0, 1, 2**64 - 1])),
    (pl.Boolean, st.booleans()),
    (pl.Float64, st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")])),
    (pl.Date, st.dates(dt.date(2020, 1, 1), dt.date(2020, 1, 3))),
    (pl.Datetime("us", "UTC"), st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 0, 0, 2))),
    (pl.Decimal(6, 2), st.sampled_from([Decimal("0.50"), Decimal("1.25")])),
]


@given(data=st.data(), kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
def test_rows_are_of_the_same_entity_as_their_keys_say(data: st.DataObject, kinds: list[tuple[Any, Any]]) -> None:
    row = st.tuples(*(st.none() | values for _, values in kinds))
    names = [f"k{place}" for place in range(len(kinds))]
    schema = {name: kind for name, (kind, _) in zip(names, kinds, strict=True)}
    spine, rows = (pl.DataFrame(data.draw(st.lists(row, max_size=12)), schema=schema, orient="row") for _ in range(2))
    entities = Entities(spine)
    here, there = entities.number(tuple(names)), entities.place(rows, tuple(names))
    assert np.array_equal(entities.place(spine, tuple(names)), here)

    def read(frame: pl.DataFrame) -> list[Any]:
        keys = [tuple(str(v) if isinstance(v, str) else v for v in key) for key in frame.rows()]
        return [None if any(v is None or v != v for v in key) else key for key in keys]

    asked, found = read(spine), read(rows)
    for code, key in zip(here.tolist(), asked, strict=True):
        assert (code < 0) == (key is None)
    for code, key in zip(there.tolist(), found, strict=True):
        expected = {c for c, other in zip(here.tolist(), asked, strict=True) if key is not None and other == key}
        assert {code} == (expected or {-1})
    assert len({code for code in here.tolist() if code >= 0}) == len({key for key in asked if key is not None})


def test_without_keys_all_rows_are_of_one_entity() -> None:
    entities = Entities(pl.DataFrame({"k": [1, 2]}))
    assert entities.number(()).tolist() == [0, 0]
    assert entities.place(pl.DataFrame({"k": [3]}), ()).tolist() == [0]


def test_a_key_of_another_type_than_the_spine_has_is_refused() -> None:
    with pytest.raises(ShipwayError, match="SW-203"):
        Entities(pl.DataFrame({"k": [1]})).place(pl.DataFrame({"k": ["1"]}), ("k",))


def test_key_columns_are_numbered_again_after_they_were_forgotten() -> None:
    spine, rows = pl.DataFrame({"k": ["x", "y"]}), pl.DataFrame({"k": ["y", "z", "x"]})
    entities = Entities(spine)
    before = entities.place(rows, ("k",)).tolist()
    entities.forget(("k",), ())
    assert entities.place(rows, ("k",)).tolist() == before == [1, -1, 0]
