"""Rows that were refused and keep the contract as it is now are taken back in, without undoing what came since.

What the side table keeps of a row are its values, not its place among other changes of the same row. So a row is taken
back only where it cannot overwrite a newer one: by its watermark, or because nothing is kept under its key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import polars as pl

from shipway.core.contract import Contract
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.core.table import Snapshot
from shipway.data.cast import can_cast
from shipway.data.deposit import Deposit, quarantine_of, table_of
from shipway.data.kept import ABSENT, DELETED, POSITION, write_position
from shipway.data.landing import key_of
from shipway.data.quarantine import Delivery
from shipway.ports.tables import Tables

_PLACE: Final = "\x00place"
_OWN_POSITION: Final = ("delta", "hudi")
"""Kinds of address whose rows carry a position that the side table does not keep."""


@dataclass(frozen=True, slots=True, eq=False)
class Review:
    """What has become of the refused rows of an input under the contract as it is now.

    Attributes:
        ready: those that keep it and may be taken back, cast, with the columns of a kept table's changes.
        places: where these stand in the side table.
        newer: how many keep it and stay, because something is kept under their key that may be newer.
        refused: how many still break it.
    """

    ready: pl.DataFrame
    places: pl.Series
    newer: int
    refused: int


def refuse_release(raw: Raw, contract: Contract | None) -> None:
    """Refuse an input whose refused rows cannot be taken back, with what to do in place of it.

    Raises:
        ShipwayError: SW-224 with the reason.
    """
    name = raw.name
    if contract is None:
        reason, hint = "has no contract yet", "shipway run writes one with the first delivery"
    elif not key_of(raw):
        reason, hint = "has no key, and is read anew under a new contract", "shipway run reads it with all its rows"
    elif raw.landing != "plain" or raw.scheme in _OWN_POSITION:
        reason, hint = "is a stream of changes, whose order is not kept", "let its source send these rows again"
    else:
        odd = [column for column, field in contract.columns.items() if not can_cast(pl.String(), field)]
        if not odd:
            return
        reason, hint = f"has a column {odd[0]!r} that text cannot be", "deliver these rows again"
    raise ShipwayError("SW-224", f"raw input {name!r} {reason}, so its refused rows are not taken back", hint)


def review_refused(raw: Raw, tables: Tables, present: Mapping[str, Snapshot], contract: Contract) -> Review:
    """Hold the refused rows of an input to a contract, and tell which of them may be taken back.

    Args:
        raw: the input, one that `refuse_release` lets through.
        tables: where tables are.
        present: the tables of the branch that is continued.
        contract: what the input is held to now.
    """
    snapshot = present.get(quarantine_of(raw.name))
    rows = None if snapshot is None else tables.read(snapshot)
    columns = list(contract.columns)
    schema = {**dict.fromkeys(columns, pl.String()), _PLACE: pl.Int64()}
    records = [] if rows is None else [_read_record(text, columns) for text in rows["record"]]
    given = pl.DataFrame([(*record, place) for place, record in enumerate(records)], schema=schema, orient="row")
    key = key_of(raw)
    sifted = Delivery(contract, key, "", unique=False).sift(given)
    good = sifted.good
    position = pl.lit("") if not raw.watermark else write_position(good[raw.watermark])
    good = good.with_columns(
        position.alias(POSITION),
        pl.lit(value=False).alias(DELETED),
        pl.lit([], dtype=pl.List(pl.String)).alias(ABSENT),
    )
    ready = good
    if not raw.watermark:
        # Of rows that stand in the side table more than once, the one that came last counts.
        ready = good.unique(list(key), keep="last", maintain_order=True)
        kept = present.get(table_of(raw.name))
        if kept is not None:
            names = tables.read(kept, key).cast({name: ready.schema[name] for name in key}, strict=False)
            ready = ready.join(names, on=list(key), how="anti", maintain_order="left")
    return Review(ready.drop(_PLACE), ready[_PLACE], good.height - ready.height, sifted.refused.height)


def take_back(
    raw: Raw, tables: Tables, present: Mapping[str, Snapshot], contract: Contract, review: Review
) -> dict[str, Snapshot]:
    """Put rows that may be taken back into the table they were refused from, and out of the side table.

    Args:
        raw: the input.
        tables: where tables are.
        present: the tables of the branch that is continued.
        contract: what the input is held to now.
        review: what may be taken back.

    Returns:
        The tables that are different; none where no row is ready.
    """
    if review.ready.height == 0:
        return {}
    side = quarantine_of(raw.name)
    writer = Deposit(tables, raw, contract, dict(present), None)
    writer.add(review.ready)
    writer.flush()
    left = tables.read(present[side]).with_row_index(_PLACE).filter(~pl.col(_PLACE).is_in(review.places.implode()))
    writer.snapshots[side] = tables.write(left.drop(_PLACE))
    return {name: snapshot for name, snapshot in writer.snapshots.items() if present.get(name) != snapshot}


def _read_record(text: str, columns: list[str]) -> tuple[str | None, ...]:
    """Return the values of a refused row as text, in the order of the contract's columns."""
    record: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    return tuple(_write_value(record.get(column)) for column in columns)


def _write_value(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
