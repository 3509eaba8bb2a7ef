"""The words for windows over known-at: `from shipway import windows as w`, then `w.mean(landings.delay, last="3h")`.

A window of width W asked at T is `(T - W, T]` over the instants at which the events became known: an event known
exactly at T counts, one known exactly at T - W no longer does.
"""

from typing import TYPE_CHECKING, Final

from shipway.core.argument import take_event, take_expression, take_width
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Event, Expr, streams_of
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import WINDOW_WORDS, Aggregate, Aggregation, render

_WORDS: Final = ("count", "total", "mean", "share", "least", "greatest", "newest", "age", "around")
_SYNONYMS: Final = {
    "sum": "total",
    "avg": "mean",
    "average": "mean",
    "rate": "share",
    "min": "least",
    "max": "greatest",
    "last": "newest",
    "latest": "newest",
    "len": "count",
}
"""What other libraries call these words."""


def count(event: Event, *, last: str) -> Aggregate:
    """Count the events of a window."""
    return Aggregate("count", _dated(take_event(event, "w.count").name), width_us=_width(last))


def total(value: Expr, *, last: str) -> Aggregate:
    """Add up a value over the events of a window that have it; 0 where there is none."""
    return _over("sum", value, last)


def mean(value: Expr, *, last: str) -> Aggregate:
    """Average a value over the events of a window that have it; null where there is none."""
    return _over("mean", value, last)


def share(condition: Expr, *, last: str) -> Aggregate:
    """Return the share of a window's events where a condition holds, of those where it is known."""
    return _over("share", condition, last)


def least(value: Expr, *, last: str) -> Aggregate:
    """Return the least value among the events of a window; null where there is none."""
    return _over("min", value, last)


def greatest(value: Expr, *, last: str) -> Aggregate:
    """Return the greatest value among the events of a window; null where there is none."""
    return _over("max", value, last)


def newest(value: Expr, *, within: str | None = None) -> Aggregate:
    """Return the value of the newest event known, null if that event has none or is older than `within`.

    Events known at the same instant are ordered by their source's key; the greatest is the newest.
    """
    stream = _stream(value, "last")
    return Aggregate("last", stream, value) if within is None else _over("last", value, within)


def age(event: Event, *, within: str | None = None) -> Aggregate:
    """Return how long ago the newest event became known, in microseconds; null if there is none within the limit."""
    stream = _dated(take_event(event, "w.age").name)
    return Aggregate("age", stream, width_us=None if within is None else _width(within))


def around(event: Event, anchor: Expr, *, before: str, after: str) -> Aggregate:
    """Count planned events in `(anchor - before, anchor + after]`, over the instant the stream is named by.

    This is the one window that may look past the prediction time. It is allowed only for instants that were all known
    early enough, such as a published schedule; the frame checks this row by row and refuses the feature otherwise.
    """
    stream = _dated(take_event(event, "w.around").name)
    anchor = take_expression(anchor, "the anchor of w.around")
    return Aggregate("around", stream, width_us=_width(before), after_us=_width(after), anchor=anchor)


def _over(kind: Aggregation, value: Expr, last: str) -> Aggregate:
    return Aggregate(kind, _dated(_stream(value, kind)), value, _width(last))


def _width(text: str) -> int:
    return take_width(text, "a window")


def _dated(stream: str) -> str:
    """Return a stream's name, or refuse one whose rows have no instant that a window could hold or be aged by."""
    if stream.endswith(f".{ALWAYS}"):
        raise ShipwayError(
            "SW-106",
            f"the rows of {stream} were known beforehand, at no instant, so no window holds them and they have no age",
            "read them with w.newest(...) without a limit, or take an event of the source that has an instant",
        )
    return stream


def _stream(value: Expr, kind: Aggregation) -> str:
    streams = streams_of(take_expression(value, f"the value of w.{WINDOW_WORDS.get(kind, kind)}"))
    if len(streams) != 1 or "." not in streams[0]:
        raise ShipwayError(
            "SW-106",
            f"a window needs columns of one event stream, and {render(value)} has {', '.join(streams) or 'none'}",
            'take the columns from an event, such as landings = flights.event("landed") and then landings.arr_delay',
        )
    return streams[0]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Refuse a word that is none, with the nearest one; type checkers see none of this."""
        if name.startswith("__"):
            raise AttributeError(name)
        hint = did_you_mean(name, _WORDS, most=len(_WORDS), synonyms=_SYNONYMS)
        raise AttributeError(f"there is no window {name!r}: {hint}")
