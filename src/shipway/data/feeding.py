"""A stream into an online store: its rows are made rows of a source, and kept up by whoever writes the store."""

from collections.abc import Callable
from typing import Any

import polars as pl

from shipway.core.contract import Contract
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.raw import Raw
from shipway.data.cast import dtype_of
from shipway.data.kept import ABSENT, DELETED, HIDDEN
from shipway.data.landing import key_of
from shipway.data.record import Changes
from shipway.data.sink import Load
from shipway.data.source import make_source
from shipway.data.upkeep import Upkeep


class OnlineSink:
    """Puts the changes of one raw input into an online store, with the position of the stream; it answers `Sink`.

    The function under `@source` is called on the rows that changed and on nothing else, so it must make each row of
    itself, and name it as the raw input does. A copy is applied at once when it is whole, and is in memory until then.
    """

    def __init__(self, upkeep: Upkeep, raw: Raw, source: Source, function: Callable[..., Any]) -> None:
        """Feed a source of a store.

        Args:
            upkeep: who writes the store.
            raw: the input.
            source: what is made of it.
            function: the user's function that makes it.

        Raises:
            ShipwayError: SW-106 if the source is made of other inputs too, or has another key.
        """
        if source.raw != (raw.name,) or set(source.key) != set(key_of(raw)):
            raise ShipwayError(
                "SW-106",
                f"source {source.name!r} is not made row by row of raw input {raw.name!r}",
                "give it this raw input alone, and the same key: only then is a changed row a row of the source",
            )
        self._upkeep = upkeep
        self._source = source
        self._function = function
        self._held: list[pl.DataFrame] = []
        self._anew = False

    def position(self) -> bytes | None:
        """Return the position that the store has of the source."""
        return self._upkeep.standing(self._source.name).position

    def apply(self, load: Load, position: bytes) -> None:
        """Apply a load in one write, or hold it until its copy is whole.

        Raises:
            ShipwayError: SW-222 for a change that leaves values out; what the function under `@source` raises, and what
                the store refuses.
        """
        if load.anew:
            self._held, self._anew = [], True
        for changes in load.changes:
            if changes.emptied:
                self._held, self._anew = [], True
            self._held.append(self._make(changes))
        if load.partial:
            return
        rows = pl.concat(self._held, how="diagonal_relaxed") if self._held else self._empty(load.contract)
        self._upkeep.apply(self._source.name, rows, position, watermark_us=load.tally.watermark_us, anew=self._anew)
        self._held, self._anew = [], False

    def sync(self) -> None:
        """Force the store to the disk."""
        self._upkeep.sync()

    def _make(self, changes: Changes) -> pl.DataFrame:
        """Return the last change of each row as a row of the source; of a deletion its key alone."""
        rows = changes.rows
        if rows[ABSENT].list.len().sum():
            raise ShipwayError(
                "SW-222",
                f"a change of raw input {self._source.raw[0]!r} leaves a long value out that it did not touch",
                "let its source send whole rows: ALTER TABLE ... REPLICA IDENTITY FULL",
            )
        key = list(self._source.key)
        last = rows.unique(key, keep="last", maintain_order=True)
        gone = last.filter(DELETED).select(*key, DELETED)
        there = last.filter(~pl.col(DELETED)).drop(ABSENT, *HIDDEN, strict=False)
        if there.height == 0:
            return gone
        made = make_source(self._source, self._function, [there]).with_columns(pl.lit(value=False).alias(DELETED))
        return pl.concat([made, gone], how="diagonal_relaxed")

    def _empty(self, contract: Contract) -> pl.DataFrame:
        """Return no rows, of whose key the types are what they would be."""
        rules = {name: contract.columns.get(name) for name in self._source.key}
        types = {name: pl.String() if rule is None else dtype_of(rule, pl.String()) for name, rule in rules.items()}
        return pl.DataFrame(schema={**types, DELETED: pl.Boolean()})
