"""Keys of rows as whole numbers: which entity a row belongs to, and how rows of one instant are ordered."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError

_Ints = NDArray[np.int64]


def code_keys(rows: pl.DataFrame, spine: pl.DataFrame, keys: tuple[str, ...]) -> tuple[_Ints, _Ints]:
    """Number the entities of two tables alike: equal keys get equal codes, a null or NaN in any key column gets -1.

    Returns:
        int64 codes for `rows` and for `spine`; all zero where there are no keys.

    Raises:
        ShipwayError: SW-203 if a key column has different types in the two tables.
    """
    same = rows is spine
    split = rows.height
    codes = np.zeros(split + (0 if same else spine.height), dtype=np.int64)
    null = np.zeros(len(codes), dtype=np.bool_)
    for name in keys:
        if rows[name].dtype != spine[name].dtype:
            raise ShipwayError(
                "SW-203",
                f"key {name!r} is {rows[name].dtype} in one table and {spine[name].dtype} in the other",
                "give it one type in both sources",
            )
        column = rows[name] if same else pl.concat([rows[name], spine[name]])
        null |= (column.fill_nan(None) if column.dtype.is_float() else column).is_null().to_numpy()
        ranks = column.rank("dense").fill_null(0).to_numpy().astype(np.int64)
        codes = codes * (int(ranks.max(initial=0)) + 1) + ranks
        codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    codes[null] = -1
    return (codes.copy(), codes) if same else (codes[:split], codes[split:])


def rank_ties(rows: pl.DataFrame, key: tuple[str, ...]) -> _Ints:
    """Rank a table's rows by key, so that events of one instant have an order that does not depend on delivery."""
    if len(key) == 1 and rows[key[0]].dtype == pl.Int64:
        return rows[key[0]].to_numpy()
    order = rows.select(pl.struct(key).rank("ordinal")).to_series()
    return order.to_numpy().astype(np.int64)
