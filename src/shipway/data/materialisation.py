"""Materialisation: a feed's updates added up into the online store, each exactly once, as they become known.

The store holds all that was due by an instant, and that instant stands in it as the position of every write.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from shipway.core.entry import WATERMARKS, encode_place, pack_watermarks
from shipway.core.error import ShipwayError
from shipway.core.online import Layout
from shipway.data.feed import Feed, StreamFeed
from shipway.data.instant import Changed, Row
from shipway.data.series import SeriesWriter, list_drops, list_puts
from shipway.ports.online import Online

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1
_POSITION: Final = struct.Struct("<q32s")
"""By when what is in the store was due, and the digest of what it is fed from."""
_CHUNK: Final = 2048
_MANY: Final = 512
"""From how many updates of a stream on they are added up as arrays."""

_Rows: TypeAlias = tuple[list[int], list[tuple[list[int], list[list[int]], Sequence[Row | None]]]]
"""Of some updates their instants, and for each series of the stream which of its names, -1 for none, what they add to
the totals, and what else it keeps of them."""


@dataclass(slots=True, eq=False)
class _StreamWriter:
    """A stream with how many of its updates are applied, and when the next is due."""

    feed: StreamFeed
    writers: tuple[SeriesWriter, ...]
    applied: int = 0
    next_due: int = _LATEST
    _begin: int = field(init=False, default=0)
    _rows: _Rows = field(init=False, default=([], []))

    def move(self, applied: int) -> None:
        """Take this many updates for applied."""
        self.applied = applied
        self.next_due = int(self.feed.due[applied]) if applied < len(self.feed.due) else _LATEST

    def count_due(self, bound: int) -> int:
        """Return how many updates are due by an instant."""
        return int(self.feed.due.searchsorted(bound, "right"))

    def apply(self, end: int, changed: Changed) -> None:
        """Add up the updates from the first that is not applied to another."""
        if end - self.applied >= _MANY:
            for one, writer in zip(self.feed.series, self.writers, strict=True):
                writer.post_many(self.feed.read(one, self.applied, end), changed)
            return
        if not self._begin <= self.applied <= end <= self._begin + len(self._rows[0]):
            # Arrays become Python's numbers many rows at once, for one at a time costs more than the adding up.
            self._begin, self._rows = self.applied, self._convert(self.applied, self.applied + _CHUNK)
        instants, series = self._rows
        rows = range(self.applied - self._begin, end - self._begin)
        for one, writer, (codes, deltas, kept) in zip(self.feed.series, self.writers, series, strict=True):
            names = one.names
            writer.post(((names[codes[r]], instants[r], deltas[r], kept[r]) for r in rows if codes[r] >= 0), changed)

    def _convert(self, first: int, last: int) -> _Rows:
        some = slice(first, last)
        lists = {id(one.deltas): one.deltas[some].tolist() for one in self.feed.series}
        instants = self.feed.instant[some].tolist()
        nothing = [None] * len(instants)
        return instants, [
            (one.codes[some].tolist(), lists[id(one.deltas)], one.read_rows(some) if one.series.varied else nothing)
            for one in self.feed.series
        ]


class _Nothing:
    """A store that nothing was written to, which is what a store is begun from."""

    def newest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        return [None] * len(asks)

    def between(self, series: bytes, after: int, until: int) -> list[tuple[int, bytes]]:
        del series, after, until
        return []


class Materialiser:
    """The one writer of an online store; after a crash a new one goes on where the store is."""

    def __init__(self, layout: Layout, feed: Feed, online: Online, *, lag_us: int = 0) -> None:
        """Continue the store of a feed, or begin an empty one.

        Args:
            layout: whose series are kept.
            feed: the updates, made for that layout.
            online: the store; nobody else writes to it.
            lag_us: how much later than they are known updates are applied, as by a feed that runs late.

        Raises:
            ShipwayError: SW-805 if the store was written from another feed, or with another lag.
        """
        self._layout = layout
        self._online = online
        self._lag_us = lag_us
        self._identity = hashlib.sha256(feed.digest + struct.pack("<q", lag_us)).digest()
        self._streams = tuple(
            _StreamWriter(stream, tuple(SeriesWriter(one.series, online) for one in stream.series))
            for stream in feed.streams
        )
        self._bound: int | None = None
        self._stale = False
        self._resume()

    @property
    def applied(self) -> int:
        """Return how many updates are in the store, over all streams."""
        return sum(stream.applied for stream in self._streams)

    def advance(self, until: int) -> int:
        """Apply every update due by an instant that is not applied yet, in one write.

        An update that is older than its series' newest entry is inserted, at the cost that `shipway.data.series` names.

        Args:
            until: the domain instant, microseconds since 1970 UTC; an earlier one than before changes nothing.

        Returns:
            How many updates were applied.

        Raises:
            ShipwayError: as the store's `write`; nothing is applied then.
        """
        if self._stale:
            self._resume()
        bound = max(until - self._lag_us, _EARLIEST)
        due = [stream for stream in self._streams if stream.next_due <= bound and stream.applied < len(stream.feed.due)]
        if not due:
            return 0
        ends = [stream.count_due(bound) for stream in due]
        count = sum(ends) - sum(stream.applied for stream in due)
        try:
            changed: Changed = {}
            for stream, end in zip(due, ends, strict=True):
                stream.apply(end, changed)
            changed[WATERMARKS, 0] = pack_watermarks([bound] * len(self._layout.streams))
            position = _POSITION.pack(bound, self._identity)
            self._online.write(list_puts(changed), position=position, drops=list_drops(changed))
        except BaseException:
            # Memory may be ahead of the store now, or behind it: nobody knows how far the write came.
            self._stale = True
            raise
        for stream, end in zip(due, ends, strict=True):
            stream.move(end)
        self._bound = bound
        return count

    def bootstrap(self, at: int) -> int:
        """Begin a store as `advance(at)` would, with only those entries that a question at or after `at` can need.

        Those are the entries within each series' reach before `at`, and the newest one before them. A store that was
        begun already is only advanced.

        Returns:
            How many updates were applied.

        Raises:
            ShipwayError: as the store's `write`; nothing is applied then.
        """
        if self._stale:
            self._resume()
        if self._bound is not None:
            return self.advance(at)
        bound = max(at - self._lag_us, _EARLIEST)
        self._stale = True
        self._online.write(self._begin(bound, at), position=_POSITION.pack(bound, self._identity))
        self._resume()
        return self.applied

    def trim(self, at: int) -> int:
        """Drop what no question at or after an instant needs, and return how many entries that were.

        Raises:
            ShipwayError: as the store's `trim`.
        """
        return sum(
            self._online.trim(encode_place(place), max(at - series.keep_us, _EARLIEST))
            for place, series in enumerate(self._layout.series)
            if series.keep_us is not None
        )

    def _read_bound(self) -> int | None:
        position = self._online.position()
        if position is None:
            return None
        bound, identity = _POSITION.unpack(position) if len(position) == _POSITION.size else (0, b"")
        if identity != self._identity:
            raise ShipwayError(
                "SW-805",
                "the online store was written from other data, features or lag than it is to go on with",
                "remove the store's folder: it is built again from the tables",
            )
        return bound

    def _resume(self) -> None:
        """Forget what is in memory and go on from the store's position."""
        self._bound = self._read_bound()
        self._stale = False
        for stream in self._streams:
            for writer in stream.writers:
                writer.forget()
            stream.move(0 if self._bound is None else stream.count_due(self._bound))

    def _begin(self, bound: int, at: int) -> Iterator[tuple[bytes, int, bytes]]:
        """Yield the entries of everything due by an instant that questions from another on can need."""
        yield WATERMARKS, 0, pack_watermarks([bound] * len(self._layout.streams))
        for stream in self._streams:
            end = stream.count_due(bound)
            for one in stream.feed.series:
                keep_us, changed = one.series.keep_us, Changed()
                since = None if keep_us is None else max(at - keep_us, _EARLIEST)
                SeriesWriter(one.series, _Nothing()).post_many(stream.feed.read(one, 0, end), changed, since=since)
                yield from list_puts(changed)
