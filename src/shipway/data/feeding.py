"""A stream into an online store: its rows are made rows of a source, and kept up by whoever writes the store."""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
import polars as pl

from shipway.core.change import Position, read_position, write_position
from shipway.core.contract import Contract
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.raw import Raw
from shipway.data.cast import dtype_of
from shipway.data.kept import ABSENT, DELETED, HIDDEN, POSITION
from shipway.data.landing import key_of
from shipway.data.record import Changes
from shipway.data.sink import Load
from shipway.data.source import make_source
from shipway.data.standing import Standing

SAMPLE: Final = 64
"""How many rows are made by themselves to see whether they come out as among all others."""
_HINT: Final = "give it this raw input alone, and the same key: only then is a changed row a row of the source"


class Keeps(Protocol):
    """Who writes a store, as `Upkeep` does: changes of a source's rows with the position of its stream."""

    def standing(self, source: str) -> Standing:
        """Return how far a source's stream is."""
        ...

    def apply(
        self,
        source: str,
        changes: pl.DataFrame,
        position: bytes,
        *,
        watermark_us: int | None = None,
        anew: bool = False,
    ) -> Standing:
        """Apply changes of a source's rows, each once, with the position of the stream, in one write."""
        ...

    def sync(self) -> None:
        """Force what was applied to the disk."""
        ...


class Footing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a store stands in the stream that a source follows; it is kept as the source's position.

    Attributes:
        parts: how far the stream is in.
        raw: the stream's raw input.
        code: digest of what makes rows of the source.
        commit: a commit of the stream's branch all of whose rows are in; empty where none is known.
        epoch: of the stream's table, as `read_epoch` tells it.
    """

    parts: Position
    raw: str = ""
    code: str = ""
    commit: str = ""
    epoch: str = ""


def write_footing(footing: Footing) -> bytes:
    """Return a footing as a store keeps it."""
    return msgspec.json.encode(footing)


def read_footing(position: bytes | None) -> Footing | None:
    """Return the footing that a store kept; None where a source follows no stream, but the commits of runs."""
    if not position or not position.startswith(b"{"):
        return None
    return msgspec.json.decode(position, type=Footing)


def is_ordered(raw: Raw) -> bool:
    """Tell whether the changes of a stream say themselves in which order they count, and may come in another."""
    return raw.landing == "debezium" or bool(raw.watermark)


def is_followed(source: Source, raw: Raw) -> bool:
    """Tell whether the rows of a source can be rows of a stream: made of it alone, and named as it names them."""
    return raw.stream and source.raw == (raw.name,) and set(source.key) == set(key_of(raw))


class OnlineSink:
    """Puts the changes of one raw input into an online store, with the position of the stream; it answers `Sink`.

    The function under `@source` is called on the rows that changed and on nothing else, so it must make each row of
    itself, and name it as the raw input does. A copy is applied at once when it is whole, and is in memory until then.
    """

    def __init__(
        self,
        upkeep: Keeps,
        raw: Raw,
        source: Source,
        function: Callable[..., Any],
        *,
        code: str = "",
        check: Callable[[str, pl.DataFrame], None] | None = None,
    ) -> None:
        """Feed a source of a store.

        Args:
            upkeep: who writes the store.
            raw: the input.
            source: what is made of it.
            function: the user's function that makes it.
            code: digest of what makes rows of the source.
            check: refuses rows that features must not be made of; it is told the source's name.

        Raises:
            ShipwayError: SW-106 if the source is made of other inputs too, or has another key.
        """
        if source.raw != (raw.name,) or set(source.key) != set(key_of(raw)):
            fact = f"source {source.name!r} is not made row by row of raw input {raw.name!r}"
            raise ShipwayError("SW-106", fact, _HINT)
        self._upkeep = upkeep
        self._raw = raw
        self._source = source
        self._function = function
        self._code = code
        self._check = check
        self._held: list[pl.DataFrame] = []
        self._anew = False

    @property
    def footing(self) -> Footing | None:
        """Return where the store stands in the stream; None before anything of it is in."""
        return read_footing(self._upkeep.standing(self._source.name).position)

    def position(self) -> bytes | None:
        """Return the position that the store has of the source."""
        footing = self.footing
        return None if footing is None else write_position(footing.parts)

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
        before = self.footing or Footing(parts={})
        kept = write_footing(
            msgspec.structs.replace(before, parts=read_position(position), raw=self._raw.name, code=self._code)
        )
        self._upkeep.apply(self._source.name, rows, kept, watermark_us=load.tally.watermark_us, anew=self._anew)
        self._held, self._anew = [], False

    def sync(self) -> None:
        """Force the store to the disk."""
        self._upkeep.sync()

    def _make(self, changes: Changes) -> pl.DataFrame:
        """Return the last change of each row as a row of the source; of one that is none its key alone."""
        rows = changes.rows
        if rows[ABSENT].list.len().sum():
            raise ShipwayError(
                "SW-222",
                f"a change of raw input {self._source.raw[0]!r} leaves a long value out that it did not touch",
                "let its source send whole rows: ALTER TABLE ... REPLICA IDENTITY FULL",
            )
        if is_ordered(self._raw):
            rows = rows.sort(POSITION, maintain_order=True)
        last = rows.unique(list(self._source.key), keep="last", maintain_order=True)
        made = make_rows(self._source, self._function, last, ordered=is_ordered(self._raw))
        if self._check is not None:
            self._check(self._source.name, made.filter(~pl.col(DELETED)))
        return made

    def _empty(self, contract: Contract) -> pl.DataFrame:
        """Return no rows, of whose key the types are what they would be."""
        rules = {name: contract.columns.get(name) for name in self._source.key}
        types = {name: pl.String() if rule is None else dtype_of(rule, pl.String()) for name, rule in rules.items()}
        return pl.DataFrame(schema={**types, DELETED: pl.Boolean()})


def make_rows(
    source: Source, function: Callable[..., Any], kept: pl.DataFrame, *, ordered: bool = False
) -> pl.DataFrame:
    """Return kept rows as rows of a source, marked; of those that are deleted, or of which none comes, the key alone.

    Args:
        source: what is made.
        function: the user's function that makes it.
        kept: rows of its raw input with `DELETED`, each key once.
        ordered: whether they keep `POSITION`.

    Raises:
        ShipwayError: SW-106 if the key is made another type, what `make_source` raises.
    """
    key = list(source.key)
    there = kept.filter(~pl.col(DELETED)).drop(ABSENT, *HIDDEN, strict=False)
    gone = kept.select(*key, pl.lit(value=True).alias(DELETED))
    places = kept.select(*key, POSITION) if ordered else None
    if there.height == 0:
        return gone if places is None else gone.join(places, on=key, how="left")
    made = make_source(source, function, [there], sparse=True).with_columns(pl.lit(value=False).alias(DELETED))
    for name in key:
        if made[name].dtype != kept[name].dtype:
            fact = f"source {source.name!r} makes {made[name].dtype} of its key {name!r}, which is {kept[name].dtype}"
            raise ShipwayError("SW-106", fact, "leave the key as it comes: a deletion brings nothing else")
    if made.height < kept.height:
        made = pl.concat([made, gone.join(made, on=key, how="anti")], how="diagonal_relaxed")
    return made if places is None else made.join(places, on=key, how="left", maintain_order="left")


def refuse_mixing(source: Source, function: Callable[..., Any], kept: pl.DataFrame, made: pl.DataFrame) -> None:
    """Refuse a source whose rows depend on other rows than their own, as far as some of them show it.

    Args:
        source: what was made.
        function: the user's function that made it.
        kept: all rows of its raw input, as `make_rows` was given them.
        made: what it returned.

    Raises:
        ShipwayError: SW-106 if some rows are made otherwise by themselves than among all others.
    """
    key, columns = list(source.key), [*source.columns, DELETED]
    some = kept.filter(~pl.col(DELETED)).gather_every(max(1, kept.height // SAMPLE)).head(SAMPLE)
    for few in (some[::3], some[-1:]):
        alone, among = make_rows(source, function, few), made.join(few.select(key), on=key, how="semi")
        one, other = (pl.concat([made.clear(), each], how="diagonal_relaxed").sort(key) for each in (alone, among))
        if one.select(key).equals(other.select(key)) and one.select(columns).equals(other.select(columns)):
            continue
        wrong = [name for name in columns if one.height == other.height and not one[name].equals(other[name])]
        said = f"{wrong[0]} of them" if wrong else "which of them there are"
        raise ShipwayError(
            "SW-106",
            f"source {source.name!r} is not made row by row of raw input {source.raw[0]!r}: made by themselves, "
            f"{few.height:,} of its rows have another {said}",
            "let it make each row of that row alone, and put the rest into features",
        )
