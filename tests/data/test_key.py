"""Numbers for keys: equal keys are one entity, in whichever table they stand, and a missing one is none."""

import numpy as np
import polars as pl
import pytest

from shipway.core.error import ShipwayError
from shipway.data.key import code_keys


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
