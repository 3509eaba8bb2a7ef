"""The forms in which changes are delivered: Debezium, Fivetran, Delta's change data feed, Hudi, and plain rows."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from shipway.core.contract import Field
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.data.cast import can_cast, cast_column
from shipway.data.kept import ABSENT, DELETED, POSITION, write_position

UNAVAILABLE: Final = ("__debezium_unavailable_value", "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")
"""What stands for a long value that a change did not touch, in text and in bytes written as base64."""
FIVETRAN_ID: Final = "_fivetran_id"
"""The key that Fivetran makes for tables without one."""

_WIDTH: Final = 20
_NUMBER: Final = "\x00number"
_PLACE: Final = "\x00place"
RANKS: Final = {"r": "0", "c": "1", "u": "2", "d": "3"}
POSITIONS: Final = (
    ("lsn",),
    ("commit_lsn", "change_lsn", "event_serial_no"),
    ("file", "pos", "row"),
    ("commit_scn", "scn"),
    ("ts_us",),
    ("ts_ms",),
)
"""Fields of a source that say where a change stands in it: PostgreSQL, SQL Server, MySQL, Oracle, and any other."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A batch as changes of rows.

    Attributes:
        rows: the columns of the table, with `POSITION`, `DELETED` and `ABSENT`.
        numbers: the place of each in the batch, from 0; a change of a key is two changes of one row.
    """

    rows: pl.DataFrame
    numbers: pl.Series


def land(raw: Raw, batch: pl.DataFrame) -> Landed:
    """Return a batch as changes of the rows of a table.

    Args:
        raw: the input; its landing says what a row of the batch is.
        batch: rows as they were read.

    Raises:
        ShipwayError: SW-222 for a batch that is not of that form, or for a truncated table, which no row shows.
    """
    numbered = batch.with_columns(pl.int_range(batch.height).alias(_NUMBER))
    if raw.landing == "debezium":
        landed = _land_debezium(raw, numbered)
    elif raw.landing == "fivetran":
        landed = _land_fivetran(raw, numbered)
    elif {"_change_type", "_commit_version"} <= set(batch.columns):
        landed = _land_delta(numbered)
    elif "_hoodie_commit_time" in batch.columns:
        landed = _land_hudi(numbered)
    else:
        landed = _mark(numbered, pl.lit(""), pl.lit(value=False))
    return Landed(landed.drop(_NUMBER), landed[_NUMBER])


def key_of(raw: Raw) -> tuple[str, ...]:
    """Return the columns that name a row of an input; none where deliveries are not changes of a table that is kept."""
    return raw.key or ((FIVETRAN_ID,) if raw.landing == "fivetran" else ())


def _mark(frame: pl.DataFrame, position: pl.Expr, deleted: pl.Expr) -> pl.DataFrame:
    return frame.with_columns(
        position.cast(pl.String).fill_null("").alias(POSITION),
        deleted.cast(pl.Boolean).fill_null(value=False).alias(DELETED),
        pl.lit([], dtype=pl.List(pl.String)).alias(ABSENT),
    )


def _land_debezium(raw: Raw, batch: pl.DataFrame) -> pl.DataFrame:
    if isinstance(batch.schema.get("payload"), pl.Struct):
        batch = batch.select(_NUMBER, "payload").unnest("payload")
    if "op" in batch.columns and ("after" in batch.columns or "before" in batch.columns):
        return _leave_out(_open_envelopes(raw, batch))
    if "__op" in batch.columns or "__deleted" in batch.columns:
        return _leave_out(_open_flattened(batch))
    raise ShipwayError(
        "SW-222",
        f"raw input {raw.name!r} has no changes of Debezium: neither op with before and after, nor __op or __deleted",
        'take landing = "debezium" away from it, or let the connector write one of these forms',
    )


def _open_envelopes(raw: Raw, batch: pl.DataFrame) -> pl.DataFrame:
    # A tombstone follows a deletion and says nothing that it did not, and a message is no change of a row.
    changes = batch.filter(pl.col("op").is_in(list(RANKS)) | (pl.col("op") == "t"))
    if changes.filter(pl.col("op") == "t").height:
        raise ShipwayError(
            "SW-222",
            f"the table behind raw input {raw.name!r} was truncated at its source",
            "let the connector take a new snapshot into a new place, and give the input that address",
        )
    deleted = pl.col("op") == "d"
    marked = _mark(changes, _position_of(changes), deleted)
    sides = [(marked.filter(~deleted), "after"), (marked.filter(deleted), "before")]
    parts = [_open_side(frame, side) for frame, side in sides]
    fields = {name for part in parts for name in part.columns}
    key = [name for name in key_of(raw) if name in fields]
    before = changes.schema.get("before")
    if isinstance(before, pl.Struct) and all(name in {each.name for each in before.fields} for name in key):
        moved = pl.any_horizontal(
            pl.col("before").struct.field(name).is_not_null()
            & pl.col("before").struct.field(name).ne_missing(pl.col("after").struct.field(name))
            for name in key
        )
        if isinstance(changes.schema.get("after"), pl.Struct):
            gone = marked.filter((pl.col("op") == "u") & moved).with_columns(pl.lit(value=True).alias(DELETED))
            parts.append(_open_side(gone, "before"))
    # A deletion may carry the row as it was; only its key is looked at.
    rows = pl.concat(parts, how="diagonal_relaxed")
    return rows.sort(_NUMBER, maintain_order=True)


def _open_side(frame: pl.DataFrame, side: str) -> pl.DataFrame:
    """Return the row inside an envelope, as it was before or after the change."""
    meta = (_NUMBER, POSITION, DELETED, ABSENT)
    if not isinstance(frame.schema.get(side), pl.Struct):
        return frame.select(meta)
    return frame.select(side, *meta).unnest(side)


def _position_of(changes: pl.DataFrame) -> pl.Expr:
    """Return where changes stand in their source; what a snapshot read stands before what was changed there."""
    source = changes.schema.get("source")
    names = {each.name for each in source.fields} if isinstance(source, pl.Struct) else set[str]()
    found = next((fields for fields in POSITIONS if fields[-1] in names or fields[0] in names), None)
    if found is None:
        parts = [pl.col("ts_ms")] if "ts_ms" in changes.columns else []
    else:
        parts = [pl.col("source").struct.field(name) for name in found if name in names]
    padded = [part.cast(pl.String).fill_null("").str.zfill(_WIDTH) for part in parts]
    return pl.concat_str([*padded, pl.col("op").replace(RANKS)], separator=".")


def _open_flattened(batch: pl.DataFrame) -> pl.DataFrame:
    """Return rows that the connector has taken out of their envelopes already."""
    columns = set(batch.columns)
    deleted = pl.lit(value=False)
    if "__deleted" in columns:
        deleted = pl.col("__deleted").cast(pl.String).str.to_lowercase() == "true"
    rank = pl.lit("1")
    if "__op" in columns:
        deleted = deleted | (pl.col("__op") == "d")
        rank = pl.col("__op").replace_strict(RANKS, default="1")
    places = [f"__{prefix}{name}" for fields in POSITIONS for name in fields[-1:] for prefix in ("source_", "")]
    found = next(([name] for name in places if name in columns), list[str]())
    padded = [pl.col(name).cast(pl.String).fill_null("").str.zfill(_WIDTH) for name in found]
    marked = _mark(batch, pl.concat_str([*padded, rank], separator="."), deleted)
    return marked.drop(name for name in batch.columns if name.startswith("__"))


def _leave_out(rows: pl.DataFrame) -> pl.DataFrame:
    """Return changes with the columns named that they left out, and nothing in their place."""
    texts = [name for name, dtype in rows.schema.items() if dtype == pl.String and name != POSITION]
    held = [name for name in texts if rows[name].is_in(UNAVAILABLE).any()]
    if not held:
        return rows
    out = {name: pl.col(name).is_in(UNAVAILABLE) for name in held}
    names = pl.concat_list(pl.when(where).then(pl.lit(name)) for name, where in out.items()).list.drop_nulls()
    gone = pl.col(DELETED)
    return rows.with_columns(
        pl.when(gone).then(pl.lit([], dtype=pl.List(pl.String))).otherwise(names).alias(ABSENT),
        *(pl.when(~where).then(pl.col(name)).alias(name) for name, where in out.items()),
    )


def _land_fivetran(raw: Raw, batch: pl.DataFrame) -> pl.DataFrame:
    for name in ("_fivetran_synced", *((FIVETRAN_ID,) if not raw.key else ())):
        if name not in batch.columns:
            hint = 'take landing = "fivetran" away from it' if raw.key else "name its key: Fivetran made none for it"
            raise ShipwayError("SW-222", f"raw input {raw.name!r} has no column {name}", hint)
    synced, rule = batch["_fivetran_synced"], Field(type="instant", zone="UTC")
    if not can_cast(synced.dtype, rule):
        raise ShipwayError(
            "SW-222", f"raw input {raw.name!r} has {synced.dtype} in _fivetran_synced", "it must hold instants"
        )
    when = batch.select(cast_column("_fivetran_synced", synced.dtype, rule).alias("_fivetran_synced")).to_series()
    deleted = pl.lit(value=False)
    if "_fivetran_deleted" in batch.columns:
        deleted = pl.col("_fivetran_deleted").cast(pl.String).str.to_lowercase() == "true"
    marked = _mark(batch.with_columns(write_position(when).alias(_PLACE)), pl.col(_PLACE), deleted)
    kept = key_of(raw)
    return marked.drop(_PLACE, *(name for name in batch.columns if name.startswith("_fivetran_") and name not in kept))


def _land_delta(batch: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of Delta's change data feed; those before an update say nothing that those after it do not."""
    rows = batch.filter(pl.col("_change_type") != "update_preimage")
    deleted = pl.col("_change_type") == "delete"
    version = pl.col("_commit_version").cast(pl.String).str.zfill(_WIDTH)
    rank = pl.when(deleted).then(pl.lit("0")).otherwise(pl.lit("1"))
    marked = _mark(rows, pl.concat_str([version, rank], separator="."), deleted)
    return marked.drop("_change_type", "_commit_version", "_commit_timestamp", strict=False)


def _land_hudi(batch: pl.DataFrame) -> pl.DataFrame:
    marked = _mark(batch, pl.col("_hoodie_commit_time"), pl.lit(value=False))
    return marked.drop(name for name in batch.columns if name.startswith("_hoodie_"))
