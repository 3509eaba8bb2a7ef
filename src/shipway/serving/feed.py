"""The vectors of requests that come by key: read from the store together, and logged as they were read."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns
from typing import Any

from shipway.core.error import ShipwayError
from shipway.serving.ask import NO_VECTOR, Ask
from shipway.serving.refusal import RefusedError
from shipway.serving.request import check_row
from shipway.serving.version import Feed, Place, Served, Version, read_places

NoteRead = Callable[[Sequence[Ask], str, int], None]
"""Told which requests were read together, from which store, and when that began."""


def read_keyed(served: Served, keyed: Mapping[Version, Sequence[Ask]], note: NoteRead | None) -> None:
    """Read and log the vectors of requests, once for all versions that read the same.

    Args:
        served: the service.
        keyed: the requests, by the version that answers each.
        note: is told of what was read.
    """
    by_feed: dict[Feed, list[Ask]] = {}
    for version, group in keyed.items():
        readable = [ask for ask in group if ask.checked is not None]
        if version.feed is not None and readable:
            by_feed.setdefault(version.feed, []).extend(readable)
    for feed, group in by_feed.items():
        began_ns = perf_counter_ns()
        _read(feed, group)
        if note is not None:
            note(group, feed.online, began_ns)
        _log(served, feed, group)


def read_again(served: Served, version: Version, answered: Version, asks: Sequence[Ask]) -> list[Place | ShipwayError]:
    """Return the vectors that another version reads of requests; what it reads elsewhere is read and logged.

    Args:
        served: the service.
        version: the other version.
        answered: the version that they were read for.
        asks: the requests.
    """
    feed = version.feed
    if feed is None or feed is answered.feed:
        return [ask.place for ask in asks]
    again: list[Ask] = []
    places: list[Place | ShipwayError] = []
    for ask in asks:
        try:
            checked = check_row(ask.row, feed.layout)
        except RefusedError as refusal:
            places.append(refusal.error)
            continue
        again.append(
            Ask(ask.call, ask.service, ask.request, ask.row, ask.at, key=ask.key, kept=ask.kept, checked=checked)
        )
        places.append(NO_VECTOR)
    if again:
        _read(feed, again)
        _log(served, feed, again)
    read = iter(again)
    return [next(read).place if place is NO_VECTOR else place for place in places]


def _read(feed: Feed, asks: Sequence[Ask]) -> None:
    """Read the vectors of requests that come by key."""
    places = read_places(feed, [ask.checked or {} for ask in asks], [ask.at for ask in asks])
    for ask, place in zip(asks, places, strict=True):
        ask.feed, ask.place = feed, place


def _log(served: Served, feed: Feed, asks: Sequence[Ask]) -> None:
    """Log vectors that were read."""
    groups: dict[int, tuple[Any, list[int], list[tuple[str, str, int]]]] = {}
    for ask in asks:
        if ask.kept and not isinstance(ask.place, ShipwayError):
            vectors, row = ask.place
            _, rows, asked = groups.setdefault(id(vectors), (vectors, [], []))
            rows.append(row)
            asked.append((ask.request, ask.key or "", ask.at))
    for vectors, rows, asked in groups.values():
        kept = vectors if len(rows) == vectors.rows else vectors.take(rows)
        served.log.add_vectors(feed.online, feed.layout, feed.texts, asked, kept)
