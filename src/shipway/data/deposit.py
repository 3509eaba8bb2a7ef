"""The three tables of a raw input: its rows, those that were refused, and the pieces that are in."""

from typing import Final

import polars as pl

from shipway.core.contract import Contract, Field
from shipway.core.error import ShipwayError
from shipway.core.raw import Piece, Raw
from shipway.core.table import Snapshot
from shipway.data.cast import can_cast, cast_column, dtype_of, name_of
from shipway.data.kept import HIDDEN, settle
from shipway.data.landing import key_of
from shipway.data.quarantine import REFUSED, Delivery
from shipway.kit.canonical import digest_value
from shipway.ports.tables import Tables

CHUNK_ROWS: Final = 1 << 20
"""How many rows are gathered before they are put into a table."""

PIECES: Final = {
    "piece": pl.String(),
    "fingerprint": pl.String(),
    "mark": pl.String(),
    "contract": pl.String(),
    "rows": pl.Int64(),
    "refused": pl.Int64(),
}
"""Columns of the table of what is in: a row for each piece, with the contract it was held to and what became of it."""


def table_of(name: str) -> str:
    """Return the name of the table that keeps a raw input's rows."""
    return f"raw_{name}"


def quarantine_of(name: str) -> str:
    """Return the name of the table that keeps a raw input's refused rows."""
    return f"quarantine_{name}"


def pieces_of(name: str) -> str:
    """Return the name of the table that says which pieces of a raw input are in."""
    return f"pieces_{name}"


def digest_rules(contract: Contract | None) -> str:
    """Return the digest of what a contract holds deliveries to; notes are no part of it."""
    columns = {} if contract is None else contract.columns
    return digest_value({name: rule.rule for name, rule in columns.items()})


class Deposit:
    """Gathers rows and puts them into tables in large steps."""

    def __init__(
        self, tables: Tables, raw: Raw, contract: Contract, before: dict[str, Snapshot], last: Snapshot | None
    ) -> None:
        self._tables = tables
        self._raw = raw
        self._key = key_of(raw)
        self._contract = contract
        self._held: list[pl.DataFrame] = []
        self._height = 0
        self._refused: list[pl.DataFrame] = []
        self._pieces: list[tuple[str | int, ...]] = []
        self.snapshots = before
        self._last = last
        self._fit()

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows that keep the contract."""
        self._held.append(rows)
        self._height += rows.height
        if self._height >= CHUNK_ROWS:
            self._put()

    def finish(self, piece: Piece, delivery: Delivery, refused: pl.DataFrame) -> None:
        """Take note of a piece that was read to its end, and of the rows that were refused of it."""
        self._refused.append(refused)
        digest = digest_rules(self._contract)
        self._pieces.append((piece.name, piece.fingerprint, piece.mark, digest, delivery.rows, delivery.refused))

    def flush(self) -> None:
        """Put what is left into the tables; what was there and is read anew is emptied even where nothing is there."""
        self._put()
        if self._last is not None and table_of(self._raw.name) not in self.snapshots:
            self.snapshots[table_of(self._raw.name)] = self._tables.write(self._tables.read(self._last).clear())
        self._append(quarantine_of(self._raw.name), pl.concat([pl.DataFrame(schema=REFUSED), *self._refused]))
        self._append(pieces_of(self._raw.name), pl.DataFrame(self._pieces, schema=PIECES, orient="row"))

    def _put(self) -> None:
        if not self._held:
            return
        name, rows = table_of(self._raw.name), pl.concat(self._held)
        self._held, self._height = [], 0
        if not self._key:
            self._append(name, rows)
            return
        snapshot = self.snapshots.get(name)
        kept = None if snapshot is None else find_rows(self._tables, snapshot, rows.select(self._key))
        settled = settle(kept, rows, self._key)
        if snapshot is None:
            self.snapshots[name] = self._tables.write(settled)
        elif settled.height:
            self.snapshots[name] = self._tables.upsert(snapshot, settled, key=self._key)

    def _append(self, name: str, rows: pl.DataFrame) -> None:
        snapshot = self.snapshots.get(name)
        if snapshot is None:
            self.snapshots[name] = self._tables.write(rows)
        elif rows.height:
            self.snapshots[name] = self._tables.append(snapshot, rows)

    def _fit(self) -> None:
        """Bring a kept table to the contract's present columns, if these are others than when it was written."""
        name = table_of(self._raw.name)
        snapshot = self.snapshots.get(name)
        if snapshot is None:
            return
        rules = self._contract.columns
        wanted = [*rules, *(HIDDEN if self._key else ())]
        same = all(snapshot.columns.get(column) == name_of(rule) for column, rule in rules.items())
        if not same or list(snapshot.columns) != wanted:
            kept = recast(self._tables.read(snapshot), self._contract, self._raw.name)
            self.snapshots[name] = self._tables.write(kept.select(wanted))


def find_rows(tables: Tables, snapshot: Snapshot, keys: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a table under some keys, part by part so that the table need not fit into memory."""
    parts = [part.join(keys, on=keys.columns, how="semi") for part in tables.read_parts(snapshot)]
    return pl.concat(parts)


def recast(kept: pl.DataFrame, contract: Contract, name: str) -> pl.DataFrame:
    """Return kept rows with the types of another contract; a column that is new is null in them."""
    for column, rule in contract.columns.items():
        plain = Field(type=rule.type)
        if column not in kept.columns:
            kept = kept.with_columns(pl.lit(None).cast(dtype_of(rule, pl.String())).alias(column))
            continue
        found, made = kept[column], None
        if can_cast(found.dtype, plain):
            made = kept.select(cast_column(column, found.dtype, plain).alias(column)).to_series()
        if made is None or made.null_count() > found.null_count():
            raise ShipwayError(
                "SW-222",
                f"column {column!r} of raw input {name!r} is {found.dtype} in the rows that are kept, and not all of "
                f"them can be {rule.type}",
                "widen the type, or give the input a new name and read it from its start",
            )
        kept = kept.with_columns(made)
    return kept
