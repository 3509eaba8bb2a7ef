"""The loop that takes a stream in: read, decode, put into every sink with the position, let the source forget it.

A sink keeps its position in the transaction that holds what came with it, and is given nothing that it has. So each
change has its effect in each sink once, wherever a process is killed: what was read and not kept is read again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from shipway.core.change import START, Batch, Position, Record, covers, least, read_position, write_position
from shipway.core.contract import Contract
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.data.record import DEAD, Changes, Decoded, Decoder
from shipway.data.sink import Load, Sink, Tally
from shipway.ports.changes import Changes as Source

READ_RECORDS: Final = 20_000
"""About how many records are read and decoded at once."""
IDLE_S: Final = 30.0
"""How long a position may wait that moved without a change, such as past the changes of other tables."""


@dataclass(slots=True)
class Outlet:
    """A sink, and what it is given next.

    Attributes:
        sink: where changes go.
        every_s: how long changes may wait to be applied together.
        most: how many of them are applied at the latest.
    """

    sink: Sink
    every_s: float = 0.2
    most: int = 50_000
    given: Position = field(default_factory=dict[str, str])
    changes: list[Changes] = field(default_factory=list[Changes])
    dead: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])
    waiting: int = 0
    since_s: float = 0.0
    anew: bool = False
    behind: bool = False

    @property
    def durable(self) -> Position:
        """Return how far the sink is."""
        return read_position(self.sink.position())

    def offer(self, decoded: Decoded, batch: Batch, now_s: float, *, level: bool) -> None:
        """Keep what a batch came to until it is due.

        Args:
            decoded: what is new to the sink of the batch.
            batch: as it was read.
            now_s: the time.
            level: whether the sink was exactly where reading went on, and not further.
        """
        if batch.anew:
            self.changes, self.dead, self.waiting, self.anew = [], [], 0, True
        if not self.behind:
            self.since_s = now_s
        self.changes += decoded.changes
        if decoded.dead.height:
            self.dead.append(decoded.dead)
        self.waiting += count_changes(decoded.changes) + decoded.dead.height
        further = batch.position
        if not (level or batch.anew or batch.partial):
            further = {**self.given, **{part: max(at, self.given.get(part, "")) for part, at in further.items()}}
        self.behind = self.behind or further != self.given
        self.given = further

    def is_due(self, now_s: float) -> bool:
        """Tell whether what waits is to be applied now."""
        wait_s = self.every_s if self.waiting else max(self.every_s, IDLE_S)
        return self.behind and (self.waiting >= self.most or now_s - self.since_s >= wait_s)

    def apply(self, contract: Contract, tally: Tally, *, partial: bool) -> None:
        """Put what waits into the sink, in one transaction with the position."""
        dead = pl.concat([pl.DataFrame(schema=DEAD), *self.dead])
        load = Load(merge_changes(self.changes), contract, dead, tally, anew=self.anew, partial=partial)
        self.sink.apply(load, write_position(self.given))
        self.changes, self.dead, self.waiting, self.anew, self.behind = [], [], 0, False, False


class Consumer:
    """Takes one stream into its sinks.

    Attributes:
        raw: the input.
        tally: what was taken so far.
        position: how far the source was read.
        drained: whether it had nothing more when it was last read.
    """

    def __init__(
        self,
        raw: Raw,
        source: Source,
        outlets: Sequence[Outlet],
        *,
        contract: Contract | None,
        tally: Tally,
        learned: Callable[[Contract], None] | None = None,
    ) -> None:
        """Go on from what the sinks have.

        Args:
            raw: the input.
            source: its changes.
            outlets: where they go.
            contract: what they are held to; None until the first ones say.
            tally: what was taken before.
            learned: is told the contract before the first rows that it was learned from go anywhere.
        """
        self.raw = raw
        self.tally = tally
        self.drained = False
        self._source = source
        self._outlets = list(outlets)
        self._decoder = Decoder(raw, contract, learned)
        self._newest: dict[str, int] = {}
        self._partial = False
        for outlet in self._outlets:
            outlet.given = outlet.durable
        self.position = least(outlet.given for outlet in self._outlets)
        self._acknowledged: Position = START

    @property
    def partial(self) -> bool:
        """Tell whether a copy is being read that is not whole yet."""
        return self._partial

    @property
    def contract(self) -> Contract | None:
        """Return what the rows are held to, None before the first came."""
        return self._decoder.contract

    def step(self, *, wait_s: float) -> int:
        """Read once, apply what is due, and return how many records came.

        Args:
            wait_s: how long to wait for the first.

        Raises:
            ShipwayError: what the source or a sink refuses; SW-225 if more records were put aside than may be.
        """
        self._refuse_dead()
        batch = self._source.read(self.position, most=READ_RECORDS, wait_s=wait_s)
        self._offer(batch)
        self.position, self._partial, self.drained = batch.position, batch.partial, batch.drained
        now_s = time.monotonic()
        for outlet in self._outlets:
            if outlet.is_due(now_s):
                self._apply(outlet)
        self._let_go()
        return len(batch.records)

    def flush(self) -> None:
        """Apply whatever waits, and let the source forget it; a copy that is not whole yet stays uncounted."""
        for outlet in self._outlets:
            if outlet.behind:
                self._apply(outlet)
        self._let_go()
        self._refuse_dead()

    def _offer(self, batch: Batch) -> None:
        decoded: dict[bytes, Decoded] = {}
        now_s = time.monotonic()
        first = True
        for outlet in self._outlets:
            new = batch.records if batch.anew or batch.partial else _uncovered(batch.records, outlet.given)
            # Sinks that are equally far have the same work done once.
            place = write_position(outlet.given)
            if place not in decoded:
                decoded[place] = self._decoder.decode(new)
            if first:
                self._count(decoded[place], batch)
                first = False
            outlet.offer(decoded[place], batch, now_s, level=outlet.given == self.position)

    def _count(self, found: Decoded, batch: Batch) -> None:
        before = Tally() if batch.anew else self.tally
        late = sum(1 for _, at in found.events if before.watermark_us is not None and at < before.watermark_us)
        for part, at in found.events:
            self._newest[part] = max(at, self._newest.get(part, at))
        newest = max((at for _, at in found.events), default=None)
        self.tally = Tally(
            changes=before.changes + count_changes(found.changes),
            dead=self.tally.dead + found.dead.height,
            late=before.late + late,
            newest_us=_latest(before.newest_us, newest),
            watermark_us=_latest(before.watermark_us, self._watermark(batch)),
        )

    def _watermark(self, batch: Batch) -> int | None:
        """Return the instant before which everything was seen if nothing is later than declared."""
        parts = batch.open or tuple(dict.fromkeys(record.part for record in batch.records[-1:]))
        newest = [self._newest.get(part) for part in parts]
        seen = None if not newest or None in newest else min(at for at in newest if at is not None)
        found = _latest(seen, batch.clock_us)
        return None if found is None else found - self.raw.lateness_us

    def _apply(self, outlet: Outlet) -> None:
        outlet.apply(self.contract or Contract(columns={}), self.tally, partial=self._partial)

    def _let_go(self) -> None:
        durable = least(outlet.durable for outlet in self._outlets)
        if durable == self._acknowledged or not durable:
            return
        for outlet in self._outlets:
            outlet.sink.sync()
        self._source.acknowledge(durable)
        self._acknowledged = durable

    def _refuse_dead(self) -> None:
        if self.tally.dead > self.raw.most_dead and not any(outlet.dead for outlet in self._outlets):
            raise ShipwayError(
                "SW-225",
                f"{self.tally.dead:,} records of {self.raw.name!r} were put aside, more than {self.raw.most_dead:,}",
                f"shipway stream --dead {self.raw.name} shows them and why; raise most_dead in [raw.{self.raw.name}] "
                "to go on",
            )


def count_changes(changes: Sequence[Changes]) -> int:
    """Return how many changes of rows these are; that a table was emptied is one."""
    return sum(each.rows.height + bool(each.emptied) for each in changes)


def merge_changes(changes: Sequence[Changes]) -> list[Changes]:
    """Return changes with those put together that no emptying of the table and no new column stands between."""
    merged: list[tuple[str, list[pl.DataFrame]]] = []
    for each in changes:
        if merged and not each.emptied and merged[-1][1][-1].schema == each.rows.schema:
            merged[-1][1].append(each.rows)
        else:
            merged.append((each.emptied, [each.rows]))
    return [Changes(pl.concat(frames), emptied) for emptied, frames in merged]


def _uncovered(records: list[Record], position: Position) -> list[Record]:
    """Return the records that somebody at a position does not have."""
    return [record for record in records if not covers(position, record)] if position else records


def _latest(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)
