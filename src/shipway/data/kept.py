"""Tables that are kept up to date by changes: whatever arrives twice or late, the result is the same.

Every row that is kept carries the position in its source at which it was written, so that an older change that comes
later does nothing, and a row that was deleted stays behind as a mark, so that nothing older brings it back. A change
that leaves a column out (a long text that Debezium did not see) takes the newest value that is older than it; the row
remembers of which position that is, and a value between the two still finds its place.
"""

from collections.abc import Sequence
from typing import Final, cast

import msgspec
import polars as pl

POSITION: Final = "_shipway_position"
"""Where in its source a row was written, as text that sorts as positions do."""
DELETED: Final = "_shipway_deleted"
"""Whether the row is gone and only remembered."""
PARTIAL: Final = "_shipway_partial"
"""JSON from each column whose value is older than the row to the position of the value; null if there is none."""
ABSENT: Final = "_shipway_absent"
"""The columns that a change leaves out."""


HIDDEN: Final = {POSITION: pl.String(), DELETED: pl.Boolean(), PARTIAL: pl.String()}
"""Columns that a kept table has beside its own."""

_WIDTH: Final = 20
_NUMBER: Final = "\x00number"


def write_position(column: pl.Series) -> pl.Series:
    """Return whole numbers, times or text as text that sorts as they do; nothing sorts first."""
    if column.dtype == pl.String:
        return column.fill_null("")
    number = column.to_frame().select(pl.col(column.name).to_physical().cast(pl.Int64)).to_series()
    low = (number + ((1 << 63) - 1) + 1).cast(pl.String).str.zfill(_WIDTH)
    high = number.cast(pl.String).str.zfill(_WIDTH)
    frame = pl.DataFrame({"number": number, "low": low, "high": high})
    sign = pl.when(pl.col("number") < 0).then("-" + pl.col("low")).otherwise("0" + pl.col("high"))
    return frame.select(sign.fill_null("").alias(column.name)).to_series()


def settle(present: pl.DataFrame | None, changes: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Return the rows of a kept table that some changes make different.

    The result depends on which changes there were, not on how often or in which order: of each row the change with the
    greatest position counts, and of each column the newest value that was written. Of equal positions the one that
    comes later counts.

    Args:
        present: the rows that are kept under the keys of the changes, with the columns of `HIDDEN`; None for none.
        changes: with the columns of the table, `POSITION`, `DELETED` and `ABSENT`.
        key: the columns that name a row.

    Returns:
        The rows to put under their keys, with the columns of `HIDDEN`; none where nothing is different.
    """
    data = [name for name in changes.columns if name not in (POSITION, DELETED, ABSENT)]
    columns = [*data, *HIDDEN]
    before = changes.clear().select(*data, POSITION, DELETED, pl.lit(None, dtype=pl.String).alias(PARTIAL))
    before = before if present is None else pl.concat([before, present.select(columns)])
    left_out = _columns_left_out(before, changes)
    values = [name for name in data if name not in key]
    parts = [_with_positions(before, left_out, values), _with_positions(changes, left_out, values)]
    rows = pl.concat(parts, how="diagonal").sort(POSITION, maintain_order=True)
    if left_out:
        rows = rows.group_by(key, maintain_order=True).agg(
            *(_newest(name) if name in left_out else pl.col(name).last() for name in values),
            *(pl.col(_at(name)).max() for name in left_out),
            pl.col(POSITION, DELETED).last(),
        )
    else:
        rows = rows.unique(list(key), keep="last", maintain_order=True)
    rows = rows.with_columns(_write_partial(left_out)).select(columns)
    return _differing(rows, before, key)


def live(kept: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a kept table that are not deleted, without the columns that are there for keeping it."""
    if DELETED not in kept.columns:
        return kept
    return kept.filter(~pl.col(DELETED)).drop(HIDDEN)


def _at(name: str) -> str:
    return f"\x00at {name}"


def _columns_left_out(before: pl.DataFrame, changes: pl.DataFrame) -> list[str]:
    """Return the columns of which some value is, or may turn out to be, older than its row."""
    named = set(cast("list[str]", changes[ABSENT].explode().drop_nulls().unique().to_list()))
    partial = before[PARTIAL].drop_nulls().unique().to_list()
    for text in cast("list[str]", partial):
        named |= msgspec.json.decode(text, type=dict[str, str]).keys()
    return sorted(named & set(changes.columns))


def _with_positions(frame: pl.DataFrame, left_out: Sequence[str], values: Sequence[str]) -> pl.DataFrame:
    """Return rows with the position of each value that may be older than its row; null where there is no value."""
    position = pl.col(POSITION)
    if PARTIAL in frame.columns:
        held = frame[PARTIAL].str.json_decode(pl.Struct(dict.fromkeys(left_out, pl.String))) if left_out else None
        frame = frame.drop(PARTIAL)
        if held is None:
            return frame
        older = held.struct.unnest()
        known = {name: pl.coalesce(older[name], position) for name in left_out}
        return frame.with_columns(pl.when(at != "").then(at).alias(_at(name)) for name, at in known.items())
    gone = pl.col(DELETED)
    cleared = frame.with_columns(pl.when(~gone).then(pl.col(name)).alias(name) for name in values)
    absent = {name: pl.col(ABSENT).list.contains(name) for name in left_out}
    return cleared.with_columns(pl.when(~where).then(position).alias(_at(name)) for name, where in absent.items()).drop(
        ABSENT
    )


def _newest(name: str) -> pl.Expr:
    at = pl.col(_at(name))
    return pl.col(name).filter(at.is_not_null()).sort_by(at.filter(at.is_not_null()), maintain_order=True).last()


def _write_partial(left_out: Sequence[str]) -> pl.Expr:
    """Return for each row the values that are older than it, as JSON; an empty position is that of no value at all."""
    if not left_out:
        return pl.lit(None, dtype=pl.String).alias(PARTIAL)
    pairs: list[pl.Expr] = []
    for name in left_out:
        at = pl.col(_at(name)).fill_null("")
        pair = pl.format('{}:"{}"', pl.lit(msgspec.json.encode(name).decode()), at)
        pairs.append(pl.when(at != pl.col(POSITION)).then(pair))
    joined = pl.concat_str(pairs, separator=",", ignore_nulls=True)
    return pl.when(joined != "").then(pl.concat_str(pl.lit("{"), joined, pl.lit("}"))).alias(PARTIAL)


def _differing(rows: pl.DataFrame, before: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    if before.height == 0:
        return rows
    others = [name for name in rows.columns if name not in key]
    old = before.rename({name: f"\x00old {name}" for name in others})
    paired = rows.join(old.with_columns(pl.lit(value=True).alias(_NUMBER)), on=list(key), how="left")
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"\x00old {name}")) for name in others)
    return paired.filter(~(pl.col(_NUMBER).fill_null(value=False) & same)).select(rows.columns)
