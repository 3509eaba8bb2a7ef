"""Where the changes of a stream go: the port of a sink, and the sink that keeps the lake's table."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec
import polars as pl

from shipway.core.change import read_position
from shipway.core.contract import Contract
from shipway.core.raw import Raw
from shipway.core.table import EMPTY, Commit, Snapshot
from shipway.data.deposit import find_rows, recast, table_of
from shipway.data.kept import ABSENT, DELETED, HIDDEN, PARTIAL, POSITION, settle
from shipway.data.landing import key_of
from shipway.data.record import Changes
from shipway.ports.tables import Tables

FOLD_ROWS: Final = 1 << 18
"""How many changes are kept beside a table before they are put into it, or a quarter of its rows if that is more."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream came to so far; it is kept with the position.

    Attributes:
        changes: how many changes of rows were taken.
        dead: how many records were put aside.
        late: how many happened before the watermark when they came.
        newest_us: when the latest happened, microseconds since 1970 UTC; None where none said.
        watermark_us: everything that happened before was seen, as far as the declared lateness holds.
    """

    changes: int = 0
    dead: int = 0
    late: int = 0
    newest_us: int | None = None
    watermark_us: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What a sink is given at once.

    Attributes:
        changes: the changes, in order.
        contract: what their columns are.
        dead: records that were put aside, for whoever keeps them.
        tally: what the stream came to with these.
        anew: whether what was taken before is void.
        partial: whether it only counts once more is there: nobody may see it before, also after a crash.
    """

    changes: list[Changes]
    contract: Contract
    dead: pl.DataFrame
    tally: Tally
    anew: bool = False
    partial: bool = False


class Sink(Protocol):
    """Takes the changes of one stream, each once, whatever is given again.

    Contract: `apply` puts a load and its position into one transaction, so that `position` tells after any crash what
    is in. The caller gives nothing at or before that position. A load that is `anew` takes the place of everything
    before it. What is `partial` becomes visible with the next load that is not, or never.
    """

    def position(self) -> bytes | None:
        """Return the position that came with the last load that counts; None before the first."""
        ...

    def apply(self, load: Load, position: bytes) -> None:
        """Take a load, all of it or nothing."""
        ...

    def sync(self) -> None:
        """Return once what was applied is durable, so that its source may forget it."""
        ...


def branch_of(name: str) -> str:
    """Return the branch that a stream keeps its tables on."""
    return f"stream/{name}"


def pending_of(name: str) -> str:
    """Return the name of the table of changes that are not in the kept table yet."""
    return f"pending_{name}"


def dead_of(name: str) -> str:
    """Return the name of the table of records that were put aside."""
    return f"dead_{name}"


def position_of(name: str) -> str:
    """Return the name of the table that says how far a stream was taken in."""
    return f"position_{name}"


class LakeSink:
    """Keeps a stream's table on a branch of its own: rows, dead letters and position move in one commit.

    Changes are first appended beside the kept table, so that a commit costs what it brings, and put into it by `settle`
    once there are many. It answers `Sink`.
    """

    def __init__(self, tables: Tables, raw: Raw) -> None:
        """Go on from what the stream's branch has."""
        self._tables = tables
        self._raw = raw
        self._branch = branch_of(raw.name)
        self._head = tables.head(self._branch)
        self._commit = EMPTY if self._head is None else tables.get(self._head)
        self._staged: dict[str, Snapshot] = dict(self._commit.tables)
        self._epoch = read_epoch(tables, self._commit, raw.name)

    @property
    def begun(self) -> bool:
        """Tell whether rows are committed."""
        return any(name in self._commit.tables for name in (table_of(self._raw.name), pending_of(self._raw.name)))

    @property
    def tally(self) -> Tally:
        """Return what the stream came to as it is committed."""
        return read_tally(self._tables, self._commit, self._raw.name)[1]

    def position(self) -> bytes | None:
        """Return how far the stream is committed."""
        return read_tally(self._tables, self._commit, self._raw.name)[0]

    def apply(self, load: Load, position: bytes) -> None:
        """Take a load into one commit, or stage it for the next where it is partial.

        Raises:
            ShipwayError: SW-208 if another process moves the branch, SW-601 disk full, SW-602 not writable; SW-222 if a
                column's kept values cannot be what the contract says by now. Nothing was committed then.
        """
        name = self._raw.name
        if load.anew or self._head is None:
            self._epoch = secrets.token_hex(8)
        if load.anew:
            gone = (table_of(name), pending_of(name))
            self._staged = {table: rows for table, rows in self._commit.tables.items() if table not in gone}
        for changes in load.changes:
            self._take(changes, load.contract)
        if load.dead.height:
            self._append(dead_of(name), load.dead)
        if load.partial:
            return
        body = {"position": position.decode(), "epoch": self._epoch, **msgspec.structs.asdict(load.tally)}
        row = pl.DataFrame([body], schema=_PLACES)
        self._staged[position_of(name)] = self._tables.write(row)
        said = f"{load.tally.changes:,} changes of {name}"
        self._commit = self._tables.commit(self._branch, self._staged, expect=self._head, message=said)
        self._head = self._commit.id
        self._staged = dict(self._commit.tables)

    def sync(self) -> None:
        """Do nothing: what is committed is durable."""

    def _take(self, changes: Changes, contract: Contract) -> None:
        name = self._raw.name
        self._fit(changes.rows, contract)
        if changes.emptied:
            self._fold()
            if table_of(name) in self._staged:
                self._append(pending_of(name), self._deletions(changes.emptied))
                self._fold()
        if changes.rows.height:
            self._append(pending_of(name), changes.rows)
        kept = self._staged.get(table_of(name))
        if self._pending_rows() >= max(FOLD_ROWS, 0 if kept is None else kept.rows // 4):
            self._fold()

    def _deletions(self, position: str) -> pl.DataFrame:
        """Return the change that each row of the table goes through when all go."""
        kept = self._tables.read(self._staged[table_of(self._raw.name)])
        there = kept.filter(~pl.col(DELETED)).drop(PARTIAL)
        empty = pl.lit([], dtype=pl.List(pl.String)).alias(ABSENT)
        return there.with_columns(pl.lit(position).alias(POSITION), pl.lit(value=True).alias(DELETED), empty)

    def _fit(self, rows: pl.DataFrame, contract: Contract) -> None:
        """Put the pending changes into the table first if the columns are others by now, and give it those."""
        name = self._raw.name
        there = self._staged.get(pending_of(name)) or self._staged.get(table_of(name))
        hidden = (*HIDDEN, ABSENT)
        now = {column: str(dtype) for column, dtype in rows.schema.items() if column not in hidden}
        if there is None or now == {column: kind for column, kind in there.columns.items() if column not in hidden}:
            return
        self._fold()
        if table_of(name) in self._staged:
            kept = recast(self._tables.read(self._staged[table_of(name)]), contract, name)
            self._staged[table_of(name)] = self._tables.write(kept.select(*now, *HIDDEN))
        self._staged.pop(pending_of(name), None)

    def _fold(self) -> None:
        self._staged |= fold_pending(self._tables, self._staged, self._raw)

    def _pending_rows(self) -> int:
        snapshot = self._staged.get(pending_of(self._raw.name))
        return 0 if snapshot is None else snapshot.rows

    def _append(self, name: str, rows: pl.DataFrame) -> None:
        snapshot = self._staged.get(name)
        self._staged[name] = self._tables.write(rows) if snapshot is None else self._tables.append(snapshot, rows)


_PLACES: Final[dict[str, Any]] = {
    "position": pl.String(),
    "epoch": pl.String(),
    "changes": pl.Int64(),
    "dead": pl.Int64(),
    "late": pl.Int64(),
    "newest_us": pl.Int64(),
    "watermark_us": pl.Int64(),
}
"""Columns of the one row that says how far a stream was taken in."""


def read_tally(tables: Tables, commit: Commit, name: str) -> tuple[bytes | None, Tally]:
    """Return how far a stream is in at a commit, and what it came to."""
    snapshot = commit.tables.get(position_of(name))
    if snapshot is None:
        return None, Tally()
    row = tables.read(snapshot).row(0, named=True)
    position = row.pop("position").encode()
    read_position(position)
    row.pop("epoch", None)
    return position, msgspec.convert(row, Tally)


def read_epoch(tables: Tables, commit: Commit, name: str) -> str:
    """Return what tells a stream's table from the one that stood there before it was begun anew; empty if nothing does.

    Within an epoch a row that goes leaves a mark; what an earlier one had may be gone without any.
    """
    snapshot = commit.tables.get(position_of(name))
    if snapshot is None or "epoch" not in snapshot.columns:
        return ""
    return tables.read(snapshot).row(0, named=True)["epoch"]


def read_whole(
    tables: Tables, present: Mapping[str, Snapshot], raw: Raw, keys: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the rows of a stream's table with the pending changes in it, and the marks of those that are gone.

    Args:
        tables: where tables are.
        present: the stream's tables.
        raw: the input.
        keys: of which rows; None for all.
    """
    key = list(key_of(raw))
    kept, pending = (present.get(of(raw.name)) for of in (table_of, pending_of))
    rows = (
        None if kept is None else find_rows(tables, kept, keys) if keys is not None and kept.rows else tables.read(kept)
    )
    if pending is None or not pending.rows:
        assert rows is not None, "a stream has one of the two tables"
        return rows
    changes = tables.read(pending) if keys is None else find_rows(tables, pending, keys)
    before = None if rows is None else rows.join(changes.select(key), on=key, how="semi")
    settled = settle(before, changes, key)
    return settled if rows is None else pl.concat([rows.join(settled, on=key, how="anti"), settled])


def fold_pending(tables: Tables, present: dict[str, Snapshot], raw: Raw) -> dict[str, Snapshot]:
    """Return the kept table with the pending changes in it, and the table of those without rows; nothing if none are.

    Args:
        tables: where tables are.
        present: the stream's tables.
        raw: the input.
    """
    pending, kept = present.get(pending_of(raw.name)), present.get(table_of(raw.name))
    if pending is None or not pending.rows:
        return {}
    key = key_of(raw)
    changes = tables.read(pending)
    before = None if kept is None else find_rows(tables, kept, changes.select(key).unique())
    settled = settle(before, changes, key)
    folded = {pending_of(raw.name): tables.write(changes.clear())}
    if kept is None:
        folded[table_of(raw.name)] = tables.write(settled)
    elif settled.height:
        folded[table_of(raw.name)] = tables.upsert(kept, settled, key=key)
    return folded
