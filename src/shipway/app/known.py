"""The refusal of features that read a value before it is known, for the rows that go into an online store."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from shipway.app.workspace import Workspace
from shipway.core.column import Kind
from shipway.core.feature_set import FeatureSet
from shipway.core.table import Commit
from shipway.data.known import find_early_reads
from shipway.data.plan import Plan
from shipway.maths.embedding import length_of

_DTYPES: Final[dict[Kind, pl.DataType]] = {
    "int": pl.Int64(),
    "float": pl.Float64(),
    "text": pl.String(),
    "bool": pl.Boolean(),
    "instant": pl.Datetime("us", "UTC"),
}
"""The types of columns by their kinds; of embeddings they also say a length."""


def check_rows(
    workspace: Workspace,
    commit: Commit,
    sets: Mapping[str, FeatureSet],
    plans: Mapping[str, Plan],
    tables: Mapping[str, pl.DataFrame],
) -> None:
    """Refuse features that read a value of these rows before it is known; what the asker brings is known."""
    refuse_early(sets, plans, blank_tables(workspace, commit, plans), tables)


def blank_tables(workspace: Workspace, commit: Commit, plans: Mapping[str, Plan]) -> dict[str, pl.DataFrame]:
    """Return no rows of every table that plans read."""
    files, names = workspace.tables.files, {table for plan in plans.values() for table in plan.tables[1:]}
    return {name: pl.DataFrame(schema=files.types_of(commit.tables[name])) for name in names}


def refuse_early(
    sets: Mapping[str, FeatureSet],
    plans: Mapping[str, Plan],
    blank: Mapping[str, pl.DataFrame],
    tables: Mapping[str, pl.DataFrame],
) -> None:
    """Refuse features that read a value of these rows before it is known, as `check_rows` does.

    Args:
        sets: what is served.
        plans: how.
        blank: no rows of every table that is read.
        tables: the rows there are of some of them.
    """
    none = np.empty(0, dtype=np.int64)
    # Of a deletion the key alone is there.
    tables = {name: rows for name, rows in tables.items() if rows.height}
    for name, plan in plans.items():
        spine = pl.DataFrame(schema={"_row": pl.Int64()} | {c: _dtype_of(kind) for c, kind in sets[name].asked.items()})
        if tables.keys() & set(plan.tables):
            for read in find_early_reads(plan, {**blank, **tables, plan.spine.name: spine}, none):
                raise read.refusal()


def _dtype_of(kind: Kind) -> pl.DataType:
    length = length_of(kind)
    return _DTYPES[kind] if length is None else pl.Array(pl.Float32, length)
