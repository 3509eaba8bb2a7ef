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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import polars as pl

from shipway.core.entry import WATERMARKS, encode_place, encode_row, encode_rows, pack_watermarks
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Source, windows_of
from shipway.core.online import Layout, Tie
from shipway.data.fact import Facts, FactStream
from shipway.data.instant import Changed
from shipway.data.kept import DELETED
from shipway.data.plan import Plan
from shipway.data.series import SeriesWriter, list_drops, list_puts
from shipway.data.tie import read_ties
from shipway.ports.online import Online

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1
_PACK: Final = msgspec.msgpack.Encoder()
_FACTS: Final = msgspec.msgpack.Decoder(list[Any])
_STATE: Final = msgspec.msgpack.Decoder(list[bytes | None])


class Standing(msgspec.Struct, kw_only=True):
    """How far one source's stream is in the store.

    Attributes:
        position: what came with its last batch; None before the first.
        applied: changes that changed something.
        same: changes that said what was there already.
        late: changes that were refused.
    """

    position: bytes | None = None
    applied: int = 0
    same: int = 0
    late: int = 0


class _Position(msgspec.Struct, kw_only=True):
    """What stands in the store as the position of every write; while it is void, nothing that is there counts."""

    namespace: str
    void: bool = False
    writes: int = 0
    sources: dict[str, Standing] = {}
    watermarks: dict[str, int] = {}
    edges: dict[str, int] = {}


_POSITION: Final = msgspec.msgpack.Decoder(_Position)


@dataclass(slots=True)
class _Row:
    """A row of a batch.

    Attributes:
        name: its name in the store.
        tie: its key as it orders rows.
        facts: what it says now, for each of its source's streams; nothing if it is gone.
        said: the same as it is kept.
        before: what is kept of it up to now.
        at: the newest of its instants, under which it is kept.
    """

    name: bytes
    tie: Tie
    facts: list[Facts | None]
    said: list[bytes | None]
    before: list[bytes | None]
    at: int | None = None


class Upkeep:
    """The one writer of an online store that is fed by streams of changes."""

    def __init__(self, layout: Layout, plan: Plan, online: Online, *, lateness_us: int) -> None:
        """Go on with a store, or begin an empty one.

        Args:
            layout: whose series are kept.
            plan: of the frame whose features the store is to give; it has the streams' events.
            online: the store; nobody else writes to it.
            lateness_us: how much later than the newest row of its stream a row may become known.

        Raises:
            ShipwayError: SW-805 if the store was written for other features, or from a feed.
        """
        self._layout = layout
        self._online = online
        self._lateness_us = lateness_us
        events = [plan.events[name] for name in layout.streams]
        self._sources: dict[str, Source] = {event.source.name: event.source for event in events}
        self._streams = {
            name: [FactStream(layout, event) for event in events if event.source.name == name] for name in self._sources
        }
        self._keep_us = {name: _find_keep(layout, name) for name in layout.streams}
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
    ) -> Standing:
        """Apply changes of a source's rows, each once, with the position of the stream, in one write.

        Args:
            source: whose rows.
            changes: in the order in which they count: the source's columns, and where there are deletions
                `_shipway_deleted`; of a deletion only the key is read.
            position: where the stream stands behind them.
            watermark_us: an instant up to which everything known was given, where the stream says so.
            anew: whether these are all rows there are, and what was applied before is void. A layout of one source is
                then begun again.

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
        before = self._at
        self._at = msgspec.msgpack.decode(_PACK.encode(before), type=_Position)
        self._stale, self._at.void = True, False
        standing = self._at.sources.setdefault(source, Standing())
        standing.position = position
        changed: Changed = {}
        rows = self._read_rows(source, changes, watermark_us)
        self._compare(rows, standing, changed, self._streams[source])
        self._write(changed)
        self._stale = False
        return standing

    def trim(self) -> int:
        """Drop what no read at or after the watermarks needs, and return how many entries and rows that were.

        Raises:
            ShipwayError: as the store's `trim`.
        """
        if self._stale:
            self._resume()
        if self._at.void:
            return 0
        for stream, watermark in self._at.watermarks.items():
            keep = self._keep_us[stream]
            if keep is not None:
                self._at.edges[stream] = max(watermark - keep, self._at.edges.get(stream, _EARLIEST), _EARLIEST)
        # First the edges, then what they say is gone: what comes in between may be refused, and is never wrong.
        self._write({})
        dropped = sum(
            self._online.trim(encode_place(place), self._at.edges[series.stream])
            for place, series in enumerate(self._layout.series)
            if series.stream in self._at.edges
        )
        for number, streams in enumerate(self._streams.values()):
            names = [stream.event.name for stream in streams]
            if not any(_is_unbounded(self._layout, name) for name in names):
                before = min(self._at.edges.get(name, _EARLIEST) for name in names)
                dropped += self._online.trim(encode_rows(number), before, whole=True)
        for writer in self._writers:
            writer.forget()
        return dropped

    def sync(self) -> None:
        """Force what was applied to the disk, so that its source may forget it."""
        self._online.sync()

    def _read(self) -> _Position:
        found = self._online.position()
        if found is None:
            return _Position(namespace=self._layout.namespace)
        try:
            position = _POSITION.decode(found)
        except msgspec.MsgspecError:
            position = None
        if position is None or position.namespace != self._layout.namespace:
            raise ShipwayError(
                "SW-805",
                "the online store was written for other features, or from whole tables",
                "remove the store's folder: it is built again from the streams' beginning",
            )
        return position

    def _resume(self) -> None:
        """Forget what is in memory and go on from the store."""
        for writer in self._writers:
            writer.forget()
        self._at = self._read()
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
        self._at = _Position(namespace=self._layout.namespace, writes=self._at.writes, void=True)
        self._write({})
        self._resume()

    def _read_rows(self, source: str, changes: pl.DataFrame, watermark_us: int | None) -> dict[bytes, _Row]:
        """Return the last change of each row, with what it says, by its name in the store."""
        key = self._sources[source].key
        number = list(self._sources).index(source)
        if DELETED not in changes.columns:
            changes = changes.with_columns(pl.lit(value=False).alias(DELETED))
        changes = changes.unique(key, keep="last", maintain_order=True)
        ties: list[Tie] = read_ties(changes, key).tolist()
        gone = changes[DELETED].fill_null(value=False)
        rows = [_Row(encode_row(number, tie if isinstance(tie, list) else [tie]), tie, [], [], []) for tie in ties]
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
            self._raise_watermark(stream.event.name, newest, watermark_us)
        return {row.name: row for row in rows}

    def _raise_watermark(self, stream: str, newest: int | None, told: int | None) -> None:
        found = [self._at.watermarks.get(stream, _EARLIEST)]
        if newest is not None and newest > _EARLIEST + self._lateness_us:
            found.append(newest - self._lateness_us)
        if told is not None:
            found.append(told)
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
            row.before = [None] * len(streams) if state is None else _STATE.decode(state[1])
            if row.said == row.before:
                standing.same += 1
            elif self._is_late(row, edges):
                standing.late += 1
            else:
                standing.applied += 1
                different.append(row)
                if state is not None and state[0] != row.at:
                    changed[row.name, state[0]] = None
                if row.at is not None:
                    changed[row.name, row.at] = _PACK.encode(row.said)
        for place, stream in enumerate(streams):
            self._post(place, stream, different, changed)

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

    def _write(self, changed: Changed) -> None:
        self._at.writes += 1
        marks = [self._at.watermarks.get(name, _EARLIEST) for name in self._layout.streams]
        changed[WATERMARKS, 0] = pack_watermarks(marks)
        self._online.write(list_puts(changed), position=_PACK.encode(self._at), drops=list_drops(changed))


def _find_keep(layout: Layout, stream: str) -> int | None:
    """Return how far back the series of a stream are read; None where that may be any instant, or there is none."""
    if stream.endswith(f".{ALWAYS}"):
        return None
    found = [series.keep_us for series in layout.series if series.stream == stream]
    return None if None in found else max(each for each in found if each is not None)


def _is_unbounded(layout: Layout, stream: str) -> bool:
    """Tell whether a row of any age may be read of a stream."""
    exprs = [expr for view in layout.views for expr in view.features.values()]
    nodes = [node for expr in exprs for _, node in windows_of(expr, None)]
    return any(node.stream == stream and node.width_us is None for node in nodes)
