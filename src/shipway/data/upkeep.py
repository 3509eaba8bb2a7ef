"""Upkeep: an online store kept in line with rows that come, change, come twice, come late and go.

Beside its series the store keeps, for each row, the facts that it has added, so that they can be taken back: a change
is what a row says now less what it said before, and a row that says the same changes nothing. Series, rows, watermarks
and the position of the stream are one write.

What is exact, and up to when. A stream's *watermark* is the instant up to which everything known was applied: as told
by whoever feeds it, or else the newest instant at which one of its rows became known, less the declared lateness. A
read at or after the watermark is what a frame of the same rows has. Nothing is refused for being late as long as the
store still has what it changes; `trim` drops what no read at or after the watermark needs, and from then on the stream
has an *edge*. A change of a row that would change anything up to the edge is refused, whole, and counted as late.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import msgspec
import polars as pl

from shipway.core.entry import WATERMARKS, encode_place, encode_row, encode_rows, pack_watermarks
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.online import Layout, Tie
from shipway.data.fact import Facts, FactStream
from shipway.data.instant import Changed
from shipway.data.kept import DELETED, POSITION
from shipway.data.plan import Plan
from shipway.data.reach import find_keep, is_unbounded
from shipway.data.renewal import Renewal
from shipway.data.series import SeriesWriter, list_drops, list_puts
from shipway.data.standing import Position, Standing, read_position
from shipway.data.tie import read_ties
from shipway.ports.online import Online

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1
_PACK: Final = msgspec.msgpack.Encoder()
_FACTS: Final = msgspec.msgpack.Decoder(list[Any])
_STATE: Final = msgspec.msgpack.Decoder(list[bytes | None])


@dataclass(slots=True)
class _Row:
    """A row of a batch.

    Attributes:
        name: its name in the store.
        tie: its key as it orders rows.
        facts: what it says now, for each of its source's streams; nothing if it is gone.
        said: the same as it is kept.
        before: what is kept of it up to now.
        place: where its source wrote it, as text that sorts so; None where the order of coming counts.
        at: the newest of its instants, under which it is kept.
    """

    name: bytes
    tie: Tie
    facts: list[Facts | None]
    said: list[bytes | None]
    before: list[bytes | None]
    place: bytes | None = None
    at: int | None = None


class Upkeep:
    """The one writer of an online store that is fed by streams of changes."""

    def __init__(self, layout: Layout, plan: Plan, online: Online, *, lateness_us: int, stored: bool = True) -> None:
        """Go on with a store, or begin an empty one.

        Args:
            layout: whose series are kept.
            plan: of the frame whose features the store is to give; it has the streams' events.
            online: the store; nobody else writes to it.
            lateness_us: how much later than the newest row of its stream a row may become known.
            stored: whether stored series are kept up too. If not, whoever gives rows works out what becomes of those
                (`data.newest`), which is to be written `beside` the rest, and says up to when everything is known.

        Raises:
            ShipwayError: SW-805 if the store was written for other features, or from a feed, or otherwise.
        """
        self._layout = layout
        self._online = online
        self._lateness_us = lateness_us
        events = [plan.events[name] for name in layout.streams]
        self._sources: dict[str, Source] = {event.source.name: event.source for event in events}
        self._stored = stored
        kept = {series.stream for series in layout.series if stored or not series.stored}
        self._streams = {
            name: [
                FactStream(layout, event, stored=stored)
                for event in events
                if event.source.name == name and event.name in kept
            ]
            for name in self._sources
        }
        self._keep_us = {name: find_keep(layout, name, stored=stored) for name in layout.streams}
        self._writers = [SeriesWriter(series, online) for series in layout.series]
        self._resume()

    def standing(self, source: str) -> Standing:
        """Return how far a source's stream is."""
        return self._at.sources.get(source, Standing())

    @property
    def watermarks(self) -> dict[str, int]:
        """Return for each stream that has one the instant up to which everything known was applied."""
        return dict(self._at.watermarks)

    def apply(
        self,
        source: str,
        changes: pl.DataFrame,
        position: bytes,
        *,
        watermark_us: int | None = None,
        anew: bool = False,
        beside: Renewal | None = None,
    ) -> Standing:
        """Apply changes of a source's rows, each once, with the position of the stream, in one write.

        Args:
            source: whose rows.
            changes: the source's columns, and where there are deletions `_shipway_deleted`; of a deletion only the key
                is read. They are in the order in which they count, unless `_shipway_position` says it: then of each
                row the change with the greatest counts, whenever it came.
            position: where the stream stands behind them.
            watermark_us: an instant up to which everything known was given, where the stream says so; the lateness
                counts where it does not.
            anew: whether these are all rows there are, and what was applied before is void. A layout of one source is
                then begun again.
            beside: what becomes of the stored series.

        Returns:
            How far the source's stream is.

        Raises:
            ShipwayError: SW-202, SW-203 or SW-303 for rows that features cannot be made of, as for the frame; what the
                store's `write` refuses. Nothing is applied then.
        """
        if self._stale:
            self._resume()
        if anew:
            self._clear(source)
        self._at = self._at.copy()
        self._stale, self._at.void = True, False
        standing = self._at.sources.setdefault(source, Standing())
        standing.position = position
        changed: Changed = {}
        if self._streams[source]:
            rows = self._read_rows(source, changes, watermark_us)
            self._compare(rows, standing, changed, self._streams[source])
        else:
            standing.applied += changes.height
        if not self._stored:
            self._tell(source, watermark_us)
        puts, drops = ((), ()) if beside is None else (beside.puts, beside.drops)
        self._write(changed, puts, drops)
        self._stale = False
        return standing

    def fill(
        self,
        entries: Iterable[tuple[bytes, int, bytes]],
        sources: Mapping[str, int],
        position: bytes,
        *,
        watermark_us: int,
    ) -> None:
        """Put what stored series are to hold into a store that nothing was applied to.

        Args:
            entries: of all stored series.
            sources: how many rows were read of each source.
            position: where the streams of those stand that have no other series.
            watermark_us: an instant up to which everything known was given.

        Raises:
            ShipwayError: what making the entries and the store's `write` refuse; nothing is written then.
        """
        for source, rows in sources.items():
            if not self._streams[source]:
                self._at.sources[source] = Standing(position=position, applied=rows)
            self._tell(source, watermark_us)
        self._stale = True
        self._write({}, entries)
        self._stale = False

    def trim(self, *, lasting: bool = True) -> int:
        """Drop what no read at or after the watermarks needs, and return how many entries and rows that were.

        Args:
            lasting: whether also of streams of which a row of any age may be read; an old row of those that changes is
                refused from then on, so where rows change they are better left whole.

        Raises:
            ShipwayError: as the store's `trim`.
        """
        if self._stale:
            self._resume()
        if self._at.void:
            return 0
        for stream, watermark in self._at.watermarks.items():
            keep = self._keep_us[stream]
            lasts = not lasting and is_unbounded(self._layout, stream, stored=self._stored)
            if keep is not None and not lasts:
                self._at.edges[stream] = max(watermark - keep, self._at.edges.get(stream, _EARLIEST), _EARLIEST)
        # First the edges, then what they say is gone: what comes in between may be refused, and is never wrong.
        self._write({})
        dropped = sum(
            self._online.trim(encode_place(place), self._at.edges[series.stream])
            for place, series in enumerate(self._layout.series)
            if series.stream in self._at.edges and (self._stored or not series.stored)
        )
        for number, streams in enumerate(self._streams.values()):
            names = [stream.event.name for stream in streams]
            if names and not any(is_unbounded(self._layout, name, stored=self._stored) for name in names):
                before = min(self._at.edges.get(name, _EARLIEST) for name in names)
                dropped += self._online.trim(encode_rows(number), before, whole=True)
        for writer in self._writers:
            writer.forget()
        return dropped

    @property
    def written(self) -> bytes | None:
        """Return the position of the store as it was last read or written here; another one is somebody else's."""
        return self._written

    def sync(self) -> None:
        """Force what was applied to the disk, so that its source may forget it."""
        self._online.sync()

    def _resume(self) -> None:
        """Forget what is in memory and go on from the store."""
        for writer in self._writers:
            writer.forget()
        self._written = self._online.position()
        self._at = read_position(self._written, self._layout.namespace, stored=self._stored)
        if self._at.void:
            self._online.trim(b"", _LATEST, whole=True)
        self._stale = False

    def _clear(self, source: str) -> None:
        """Begin the store again; until the next write it counts as one that nothing was applied to."""
        if len(self._sources) > 1:
            raise ShipwayError(
                "SW-805",
                f"{source!r} begins anew, and its online store is fed by other sources too",
                "remove the store's folder: it is built again from the streams' beginning",
            )
        self._at = Position(namespace=self._layout.namespace, stored=self._stored, writes=self._at.writes, void=True)
        self._write({})
        self._resume()

    def _read_rows(self, source: str, changes: pl.DataFrame, watermark_us: int | None) -> dict[bytes, _Row]:
        """Return the last change of each row, with what it says, by its name in the store."""
        key = self._sources[source].key
        number = list(self._sources).index(source)
        if DELETED not in changes.columns:
            changes = changes.with_columns(pl.lit(value=False).alias(DELETED))
        if POSITION in changes.columns:
            changes = changes.sort(POSITION, maintain_order=True)
        changes = changes.unique(key, keep="last", maintain_order=True)
        ties: list[Tie] = read_ties(changes, key).tolist()
        gone = changes[DELETED].fill_null(value=False)
        rows = [_Row(encode_row(number, tie if isinstance(tie, list) else [tie]), tie, [], [], []) for tie in ties]
        if POSITION in changes.columns:
            for row, place in zip(rows, changes[POSITION].to_list(), strict=True):
                row.place = (place or "").encode()
        left = changes.filter(~gone)
        there = [row for row, out in zip(rows, gone.to_list(), strict=True) if not out]
        for stream in self._streams[source]:
            # What is deleted may come without the columns of what is there.
            facts, newest = stream.read(left) if there else ([], None)
            for row, said in zip(there, facts, strict=True):
                row.facts.append(said)
                row.said.append(None if said is None else _PACK.encode(said))
                if said is not None and (row.at is None or row.at < said[0]):
                    row.at = said[0]
            self._raise_watermark(stream.event.name, newest if self._stored else None, watermark_us)
        return {row.name: row for row in rows}

    def _tell(self, source: str, watermark_us: int | None) -> None:
        for stream in self._layout.streams:
            if stream.partition(".")[0] == source:
                self._raise_watermark(stream, None, watermark_us)

    def _raise_watermark(self, stream: str, newest: int | None, told: int | None) -> None:
        found = [self._at.watermarks.get(stream, _EARLIEST)]
        if told is not None:
            found.append(told)
        elif newest is not None and newest > _EARLIEST + self._lateness_us:
            found.append(newest - self._lateness_us)
        if max(found) > _EARLIEST:
            self._at.watermarks[stream] = max(found)

    def _compare(
        self, rows: Mapping[bytes, _Row], standing: Standing, changed: Changed, streams: Sequence[FactStream]
    ) -> None:
        """Find what changes, post it, and put what the rows say now in place of what they said."""
        found = self._online.newest([(name, _LATEST) for name in rows])
        places = {stream.event.name: place for place, stream in enumerate(streams)}
        edges = [(places[name], edge) for name, edge in self._at.edges.items() if name in places]
        different: list[_Row] = []
        for row, state in zip(rows.values(), found, strict=True):
            row.said = row.said or [None] * len(streams)
            kept: list[bytes | None] = [None] * len(streams) if state is None else _STATE.decode(state[1])
            row.before, written = kept[: len(streams)], kept[len(streams) :]
            if self._is_known(row, written):
                standing.same += 1
                continue
            if row.said == row.before:
                standing.same += 1
            elif self._is_late(row, edges):
                standing.late += 1
                continue
            else:
                standing.applied += 1
                different.append(row)
            at = row.at
            if at is None and row.place is not None:
                # A row that is gone leaves a mark, so that nothing older brings it back.
                at = max((self._at.watermarks.get(name, _EARLIEST) for name in places), default=_EARLIEST)
            if state is not None and state[0] != at:
                changed[row.name, state[0]] = None
            if at is not None:
                changed[row.name, at] = _PACK.encode(row.said if row.place is None else [*row.said, row.place])
        for place, stream in enumerate(streams):
            self._post(place, stream, different, changed)

    @staticmethod
    def _is_known(row: _Row, written: Sequence[bytes | None]) -> bool:
        """Tell whether a row says nothing new: what is there, or what came before it."""
        place = written[0] if written else None
        if row.place is not None and place is not None and row.place < place:
            return True
        return row.said == row.before and (row.place is None or row.place == place)

    def _is_late(self, row: _Row, edges: Sequence[tuple[int, int]]) -> bool:
        """Tell whether a row changes something that some stream no longer has."""
        for place, edge in edges:
            if row.said[place] != row.before[place]:
                now, before = row.facts[place] if row.facts else None, row.before[place]
                if now is not None and now[0] <= edge:
                    return True
                if before is not None and _FACTS.decode(before)[0] <= edge:
                    return True
        return False

    def _post(self, place: int, stream: FactStream, rows: Sequence[_Row], changed: Changed) -> None:
        facts: list[Facts] = []
        signs: list[int] = []
        ties: list[Tie] = []
        for row in rows:
            if row.said[place] != row.before[place]:
                before = row.before[place]
                taken = None if before is None else _FACTS.decode(before)
                for sign, each in ((-1, taken), (1, row.facts[place] if row.facts else None)):
                    if each is not None:
                        facts.append(each)
                        signs.append(sign)
                        ties.append(row.tie)
        if facts:
            for at, contributions in stream.contribute(facts, signs, ties):
                self._writers[at].post_many(contributions, changed)

    def _write(
        self,
        changed: Changed,
        puts: Iterable[tuple[bytes, int, bytes]] = (),
        drops: Sequence[tuple[bytes, int]] = (),
    ) -> None:
        self._at.writes += 1
        marks = [self._at.watermarks.get(name, _EARLIEST) for name in self._layout.streams]
        changed[WATERMARKS, 0] = pack_watermarks(marks)
        entries = chain(list_puts(changed), puts)
        position = self._at.encode()
        self._online.write(entries, position=position, drops=[*list_drops(changed), *drops])
        self._written = position
