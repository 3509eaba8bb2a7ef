"""Materialisation: a feed's updates added up into the online store, each exactly once, as they become known.

The store holds all that was due by an instant, and that instant stands in it as the position of every write. Whatever
is kept in memory here, the running sums of series touched, is a copy of the series' newest entries in the store.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import add
from typing import Final, TypeAlias

import numpy as np

from shipway.core.error import ShipwayError
from shipway.core.online import Layout, Scalar, encode_place, pack_entry, unpack_entry
from shipway.data.feed import Feed, SeriesFeed, StreamFeed
from shipway.maths.window import Ints
from shipway.ports.online import Online

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1
_NONE: Final = _EARLIEST - 1
"""In place of the newest entry's instant while a series has no entry."""
_POSITION: Final = struct.Struct("<q32s")
"""By when what is in the store was due, and the digest of what it is fed from."""
_CHUNK: Final = 2048
_PLAIN: Final[tuple[Sequence[Scalar], bool]] = ((), True)

_Update: TypeAlias = tuple[int, list[int], tuple[list[int], ...], tuple[tuple[list[Scalar], bool], ...]]
"""An update's instant; for each series of the stream which of its names, -1 for none; what it adds to the totals, for
each choice of sums; and for each varied series what its entry has after the totals if it is alone, and whether it is
the newest of its instant."""


@dataclass(slots=True, eq=False)
class _Tail:
    """The newest entry of one entity's series, and what this write puts there.

    Attributes:
        name: the series' name.
        instant: the entry's instant, `_NONE` before there is one.
        totals: the entry's totals.
        varied: the rest of the entry.
        fresh: entries of this write by instant.
    """

    name: bytes
    instant: int
    totals: list[int]
    varied: Sequence[Scalar]
    fresh: dict[int, bytes] = field(default_factory=dict[int, bytes])


@dataclass(slots=True, eq=False)
class _SeriesWriter:
    """A series of the layout.

    Attributes:
        feed: its updates.
        packing: of its entries.
        sums: place of what an update adds to it.
        varied: place of what an update has for it after the totals, -1 where it keeps nothing but totals.
        tails: of its entities, by their place in the feed's names; None before the first touch.
    """

    feed: SeriesFeed
    packing: struct.Struct
    sums: int
    varied: int
    tails: list[_Tail | None]


@dataclass(slots=True, eq=False)
class _StreamWriter:
    """A stream with how many of its updates are applied, and when the next is due."""

    feed: StreamFeed
    series: tuple[_SeriesWriter, ...]
    applied: int = 0
    next_due: int = _LATEST
    _begin: int = field(init=False, default=0)
    _rows: list[_Update] = field(init=False, default_factory=list[_Update])

    def move(self, applied: int) -> None:
        """Take this many updates for applied."""
        self.applied = applied
        self.next_due = int(self.feed.due[applied]) if applied < len(self.feed.due) else _LATEST

    def count_due(self, bound: int) -> int:
        """Return how many updates are due by an instant."""
        return int(self.feed.due.searchsorted(bound, "right"))

    def take(self, end: int) -> Iterator[list[_Update]]:
        """Yield the updates from the first that is not applied to another, some at a time."""
        at = self.applied
        while at < end:
            if not self._begin <= at < self._begin + len(self._rows):
                # Arrays become Python's numbers many rows at once, for one at a time costs more than the adding up.
                self._begin, self._rows = at, self._convert(at, min(at + _CHUNK, len(self.feed.due)))
            some = self._rows[at - self._begin : end - self._begin]
            yield some
            at += len(some)

    def _convert(self, first: int, last: int) -> list[_Update]:
        rows, feeds = slice(first, last), [one.feed for one in self.series]
        codes = np.stack([feed.codes[rows] for feed in feeds], axis=1).tolist()
        deltas = [array[rows].tolist() for array in {id(feed.deltas): feed.deltas for feed in feeds}.values()]
        varied = [
            zip(feed.read_varied(rows), feed.read_leads(rows), strict=True) for feed in feeds if feed.series.varied
        ]
        owns = zip(*varied, strict=True) if varied else repeat(())
        return list(zip(self.feed.instant[rows].tolist(), codes, zip(*deltas, strict=True), owns, strict=False))


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
        self._streams = tuple(_StreamWriter(stream, _make_writers(stream)) for stream in feed.streams)
        self._bound: int | None = None
        self._stale = False
        self._resume()

    @property
    def applied(self) -> int:
        """Return how many updates are in the store, over all streams."""
        return sum(stream.applied for stream in self._streams)

    def advance(self, until: int) -> int:
        """Apply every update due by an instant that is not applied yet, in one write.

        An update that is older than its series' newest entry is inserted, and every later entry raised by it, at a cost
        proportional to their number.

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
            touched: list[_Tail] = []
            for stream, end in zip(due, ends, strict=True):
                self._apply(stream, end, touched)
            entries = ((tail.name, instant, entry) for tail in touched for instant, entry in tail.fresh.items())
            self._online.write(entries, position=_POSITION.pack(bound, self._identity))
        except BaseException:
            # Memory may be ahead of the store now, or behind it: nobody knows how far the write came.
            self._stale = True
            raise
        for tail in touched:
            tail.fresh.clear()
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
        entries = (
            entry
            for stream in self._streams
            for writer in stream.series
            for entry in _settle(writer, stream.feed, stream.count_due(bound), at)
        )
        self._stale = True
        self._online.write(entries, position=_POSITION.pack(bound, self._identity))
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
            for writer in stream.series:
                writer.tails = [None] * len(writer.feed.names)
            stream.move(0 if self._bound is None else stream.count_due(self._bound))

    def _apply(self, stream: _StreamWriter, end: int, touched: list[_Tail]) -> None:
        """Add updates up: the loop that all of them go through."""
        writers = [(one, one.tails, one.packing, one.sums, one.varied) for one in stream.series]
        for updates in stream.take(end):
            for instant, codes, deltas, owns in updates:
                for (writer, tails, packing, sums, varied), code in zip(writers, codes, strict=True):
                    if code < 0:
                        continue
                    tail = tails[code]
                    if tail is None:
                        tail = tails[code] = self._load_tail(writer, code)
                    if not tail.fresh:
                        touched.append(tail)
                    delta, (own, leads) = deltas[sums], owns[varied] if varied >= 0 else _PLAIN
                    if instant < tail.instant:
                        self._insert(writer, tail, instant, delta, own, leads=leads)
                        continue
                    tail.totals = totals = list(map(add, tail.totals, delta))
                    if varied >= 0:
                        own = own if instant > tail.instant else _merge(writer.feed, tail.varied, own, leads=leads)
                        tail.varied = own
                    tail.instant = instant
                    tail.fresh[instant] = pack_entry(packing, totals, own)

    def _load_tail(self, writer: _SeriesWriter, code: int) -> _Tail:
        """Read the newest entry of a series, on its first touch."""
        name = writer.feed.names[code]
        entry = self._online.newest([(name, _LATEST)])[0]
        if entry is None:
            return _Tail(name, _NONE, [0] * writer.feed.deltas.shape[1], ())
        totals, varied = unpack_entry(writer.packing, entry[1])
        return _Tail(name, entry[0], list(totals), varied)

    def _insert(
        self, writer: _SeriesWriter, tail: _Tail, instant: int, delta: list[int], own: Sequence[Scalar], *, leads: bool
    ) -> None:
        """Put an update before its series' newest entry, and raise the totals of all entries after it."""
        packing = writer.packing
        entries = dict(self._online.between(tail.name, instant - 1, _LATEST)) | tail.fresh
        if instant in entries:
            totals, varied = unpack_entry(packing, entries[instant])
            own = _merge(writer.feed, varied, own, leads=leads)
        else:
            before = self._online.newest([(tail.name, instant - 1)])[0]
            newer = max((each for each in tail.fresh if each < instant), default=_NONE)
            if before is None or newer >= before[0]:
                before = (newer, tail.fresh[newer]) if newer != _NONE else None
            totals = (0,) * len(delta) if before is None else packing.unpack_from(before[1])
        tail.fresh[instant] = pack_entry(packing, list(map(add, totals, delta)), own)
        for later, entry in entries.items():
            if later > instant:
                raised = packing.pack(*map(add, packing.unpack_from(entry), delta))
                tail.fresh[later] = raised + entry[packing.size :]
        tail.totals = list(map(add, tail.totals, delta))


def _make_writers(stream: StreamFeed) -> tuple[_SeriesWriter, ...]:
    sums = list({id(one.deltas): None for one in stream.series})
    varied = [one.place for one in stream.series if one.series.varied]
    return tuple(
        _SeriesWriter(
            feed=one,
            packing=one.series.packing,
            sums=sums.index(id(one.deltas)),
            varied=varied.index(one.place) if one.series.varied else -1,
            tails=[],
        )
        for one in stream.series
    )


def _merge(feed: SeriesFeed, varied: Sequence[Scalar], own: Sequence[Scalar], *, leads: bool) -> list[Scalar]:
    """Return the varied part of one instant's entry with one row more."""
    split = len(feed.newest)
    merged = list((own if leads else varied)[:split])
    for place in range(split, len(own), 2):
        merged += [_pick(min, varied[place], own[place]), _pick(max, varied[place + 1], own[place + 1])]
    return merged


def _pick(choose: Callable[..., Scalar], left: Scalar, right: Scalar) -> Scalar:
    if left is None or right is None:
        return right if left is None else left
    return choose(left, right)


def _settle(writer: _SeriesWriter, stream: StreamFeed, applied: int, at: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield the entries of a series' first updates that questions from an instant on can need.

    The same as adding up one update after the other, in one pass over sorted arrays.
    """
    feed = writer.feed
    codes = feed.codes[:applied].astype(np.int64)
    rows = np.flatnonzero(codes >= 0)
    rows = rows[np.argsort(codes[rows] * len(stream.rank) + stream.rank[rows])]
    codes, instants = codes[rows], stream.instant[rows]
    other = np.diff(codes) != 0
    first = np.flatnonzero(np.concatenate([[True], other | (np.diff(instants) != 0)])[: len(rows)])
    last = np.append(first[1:], len(rows))[: len(first)] - 1
    running = np.concatenate([np.zeros((1, feed.deltas.shape[1]), np.int64), np.cumsum(feed.deltas[rows], axis=0)])
    needed = np.ones(len(last), dtype=np.bool_)
    if feed.series.keep_us is not None:
        edge = max(at - feed.series.keep_us, _EARLIEST)
        # One is not needed if the next of the same entity is old enough to answer in its place.
        needed[:-1] = (np.diff(codes[last]) != 0) | (instants[last[1:]] > edge)
    first, last = first[needed], last[needed]
    varied = _settle_varied(feed, rows, first, last) if feed.series.varied else repeat(())
    # Totals run over all entities: what stood there when an entity's own began is taken away.
    totals = running[last + 1] - running[np.searchsorted(codes, codes[last])]
    of, when = codes[last].tolist(), instants[last].tolist()
    for code, instant, total, rest in zip(of, when, totals.tolist(), varied, strict=False):
        yield feed.names[code], instant, pack_entry(writer.packing, total, rest)


def _settle_varied(feed: SeriesFeed, rows: Ints, first: Ints, last: Ints) -> list[list[Scalar]]:
    """Return the varied parts of entries, each of the rows from one position to another in the order of ties."""
    varied = feed.read_varied(rows[last])
    if feed.extrema:
        for entry in np.flatnonzero(first < last).tolist():
            for other in feed.read_varied(rows[first[entry] : last[entry]]):
                varied[entry] = _merge(feed, varied[entry], other, leads=False)
    return varied
