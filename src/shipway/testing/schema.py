"""Schemas of frames in a test, by the rule that bundles get theirs by."""

from collections.abc import Mapping

import polars as pl

from shipway.core.column import Schema, read_kinds


def schema_of(tables: Mapping[str, pl.DataFrame]) -> Schema:
    """Return the kinds of all columns that an expression can read, by table."""
    return {
        table: read_kinds({name: str(dtype) for name, dtype in rows.schema.items()}) for table, rows in tables.items()
    }
