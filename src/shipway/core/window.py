"""The words for windows over known-at: `from shipway import windows as w`, then `w.mean(landings.delay, last="3h")`.

A window of width W asked at T is `(T - W, T]` over the instants at which the events became known: an event known
exactly at T counts, one known exactly at T - W no longer does.

Every word takes `where=`, a condition on the event's columns: events where it is not true, null included, are as if
they were not there.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from shipway.core.argument import take_event, take_expression, take_names, take_width, write
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Event, Expr, streams_of
from shipway.core.sketch import take_categories, take_edges, take_hashes, take_place, take_relative, take_share
from shipway.kit.suggestion import did_you_mean
from shipway.maths.bins import Bins, Relative
from shipway.maths.decay import LONGEST_US
from shipway.maths.expression import WINDOW_WORDS, Aggregate, Aggregation, Scalar, render, walk

_WORDS: Final = (
    "count", "total", "mean", "variance", "deviation", "share", "least", "greatest", "newest", "first", "age", "around",
    "decayed", "quantile", "distinct", "most_common", "relative", "over",
)  # fmt: skip
_SYNONYMS: Final = {
    "sum": "total",
    "avg": "mean",
    "average": "mean",
    "var": "variance",
    "std": "deviation",
    "stddev": "deviation",
    "rate": "share",
    "min": "least",
    "max": "greatest",
    "last": "newest",
    "latest": "newest",
    "oldest": "first",
    "earliest": "first",
    "len": "count",
    "ewm": "decayed",
    "ema": "decayed",
    "median": "quantile",
    "percentile": "quantile",
    "n_unique": "distinct",
    "nunique": "distinct",
    "unique": "distinct",
    "mode": "most_common",
    "top": "most_common",
    "each": "over",
}
"""What other libraries call these words."""


class _MakesFeature(Protocol):
    """A feature but for the width of its window: `lambda last: w.mean(landings.delay, last=last)`."""

    def __call__(self, *, last: str) -> Expr:
        """Return the feature for a width."""
        ...


def count(event: Event, *, last: str, where: Expr | None = None) -> Aggregate:
    """Count the events of a window."""
    stream = _dated(take_event(event, "w.count").name)
    return Aggregate("count", stream, width_us=_width(last), where=_where(where, stream))


def total(value: Expr, *, last: str, where: Expr | None = None) -> Aggregate:
    """Add up a value over the events of a window that have it; 0 where there is none."""
    return _over("sum", value, last, where)


def mean(value: Expr, *, last: str, where: Expr | None = None) -> Aggregate:
    """Average a value over the events of a window that have it; null where there is none."""
    return _over("mean", value, last, where)


def variance(value: Expr, *, last: str, where: Expr | None = None) -> Aggregate:
    """Return the sample variance of a value over the events of a window that have it; null below two.

    The sum of squares less the square of the sum is a whole number, however near the two are, and is rounded once; then
    it is divided once.
    """
    return _over("variance", value, last, where)


def deviation(value: Expr, *, last: str, where: Expr | None = None) -> Aggregate:
    """Return the sample standard deviation, the square root of `variance`; null below two values."""
    return _over("deviation", value, last, where)


def share(condition: Expr, *, last: str, where: Expr | None = None) -> Aggregate:
    """Return the share of a window's events where a condition holds, of those where it is known."""
    return _over("share", condition, last, where)


def least(value: Expr, *, last: str, where: Expr | None = None) -> Aggregate:
    """Return the least value among the events of a window; null where there is none."""
    return _over("min", value, last, where)


def greatest(value: Expr, *, last: str, where: Expr | None = None) -> Aggregate:
    """Return the greatest value among the events of a window; null where there is none."""
    return _over("max", value, last, where)


def newest(value: Expr, *, within: str | None = None, where: Expr | None = None) -> Aggregate:
    """Return the value of the newest event known, null if that event has none or is older than `within`.

    Events known at the same instant are ordered by their source's key; the greatest is the newest.
    """
    stream = _stream(value, "last")
    if within is not None:
        return _over("last", value, within, where)
    return Aggregate("last", stream, value, where=_where(where, stream))


def first(value: Expr, *, last: str, where: Expr | None = None) -> Aggregate:
    """Return the value of the oldest event of a window, null if that event has none or there is no event.

    Events known at the same instant are ordered by their source's key; the least is the oldest.
    """
    return _over("first", value, last, where)


def age(event: Event, *, within: str | None = None, where: Expr | None = None) -> Aggregate:
    """Return how long ago the newest event became known, in microseconds; null if there is none within the limit."""
    stream = _dated(take_event(event, "w.age").name)
    width_us = None if within is None else _width(within)
    return Aggregate("age", stream, width_us=width_us, where=_where(where, stream))


def around(event: Event, anchor: Expr, *, before: str, after: str, where: Expr | None = None) -> Aggregate:
    """Count planned events in `(anchor - before, anchor + after]`, over the instant the stream is named by.

    This is the one window that may look past the prediction time. It is allowed only for instants that were all known
    early enough, such as a published schedule; the frame checks this row by row and refuses the feature otherwise.
    """
    stream = _dated(take_event(event, "w.around").name)
    anchor = take_expression(anchor, "the anchor of w.around")
    return Aggregate(
        "around",
        stream,
        width_us=_width(before),
        after_us=_width(after),
        anchor=anchor,
        where=_where(where, stream),
    )


def decayed(value: Expr, *, half_life: str, where: Expr | None = None) -> Aggregate:
    """Add up a value over all events known that have it, each worth half as much after every half-life; 0 where none.

    Half-lives are counted from 1970 on, and an event no longer counts in the 64th after its own: by then it is worth at
    most 2^-63 of what it was. Values are kept in millionths, as in every sum; what is read is within six units in the
    last place of the exact sum of these.
    """
    node = _over("decayed", value, half_life, where)
    if node.width_us is not None and node.width_us > LONGEST_US:
        raise ShipwayError(
            "SW-106", f"a half-life of {half_life} is longer than that of any feature", "write 35 years or less"
        )
    return node


def quantile(
    value: Expr,
    share: float,
    *,
    last: str,
    bins: Sequence[float] | Relative,
    where: Expr | None = None,
) -> Aggregate:
    """Return the value that a share of a window's values are at or below; null where no event has one.

    Of n values in order it is the one at place `share * (n - 1)`, rounded down and counted from 0. What is kept is how
    many values fall into each bin. Within a bin between two edges, values are taken to lie at even distances; below the
    first edge and from the last on, the edge stands for them. `w.relative(...)` makes bins with a relative error.

    Args:
        value: the number.
        share: above 0 and below 1, with six decimals at most; 0.5 is the median.
        last: the width of the window.
        bins: ascending edges, such as `[0, 15, 60, 240]`, or `w.relative(0.02, least=1, greatest=1440)`.
        where: a condition on the events.
    """
    taken = bins if isinstance(bins, Relative) else take_edges(bins)
    return _binned("quantile", value, last, where, taken, share=take_share(share))


def distinct(
    value: Expr,
    *,
    last: str,
    of: Sequence[Scalar] | None = None,
    bins: int = 256,
    where: Expr | None = None,
) -> Aggregate:
    """Count the different values of a window; with `of=` exactly, among those declared.

    Otherwise by linear counting (Whang, Vander-Zanden and Taylor 1990): values are spread over bins by a hash, and the
    number of values is estimated from the share of the bins that stay empty. With n values in B bins and t = n / B the
    standard error is `sqrt(B * (e^t - t - 1))`: with 256 bins, 5 values of 100, 14 of 256 and 34 of 512.

    Args:
        value: numbers, texts or conditions.
        last: the width of the window.
        of: the values that are counted; others are not.
        bins: how many bins, a power of two up to 4096.
        where: a condition on the events.
    """
    return _binned("distinct", value, last, where, take_hashes(bins) if of is None else take_categories(of))


def most_common(
    value: Expr,
    *,
    place: int = 1,
    last: str,
    of: Sequence[Scalar],
    where: Expr | None = None,
) -> Aggregate:
    """Return which of some declared values is the most common one in a window; null where fewer occur.

    Of two that are as common, the one declared first comes first.

    Args:
        value: numbers, texts or conditions.
        place: 1 for the most common value, 2 for the next, and so on.
        last: the width of the window.
        of: the values that are counted; others are not.
        where: a condition on the events.
    """
    bins = take_categories(of)
    return _binned("common", value, last, where, bins, place=take_place(place, len(bins.values)))


def relative(accuracy: float, *, least: float, greatest: float) -> Relative:
    """Make bins for `w.quantile` of which one number stands for all values with a relative error.

    Args:
        accuracy: the greatest relative error, such as 0.02.
        least: magnitudes below it count as 0.
        greatest: magnitudes above it count as this one.
    """
    return take_relative(accuracy, least, greatest)


def over(widths: Sequence[str], **features: _MakesFeature) -> dict[str, Expr]:
    """Make features for several windows at once, each named by its window: `n_1h`, `n_24h`.

    `**w.over(["1h", "24h"], n=lambda last: w.count(landings, last=last))` stands among the features of a view.

    Args:
        widths: the widths, as they are written in the names.
        features: what each feature is, given the width.
    """
    names = take_names(widths, "the windows of w.over")
    found: dict[str, Expr] = {}
    for name, make in features.items():
        if not callable(make):  # pyright: ignore[reportUnnecessaryComparison]
            raise ShipwayError(
                "SW-106",
                f"{name} in w.over is {write(make)}, which leaves no width to choose",
                f"write {name}=lambda last: w.count(landings, last=last)",
            )
        for width in names:
            _width(width)
            label = f"{name}_{width.replace(' ', '')}"
            if label in found:
                raise ShipwayError("SW-105", f"w.over makes {label!r} twice", "name each window once")
            found[label] = take_expression(make(last=width), f"{label} in w.over", features=True)
    return found


def _over(kind: Aggregation, value: Expr, last: str, where: Expr | None) -> Aggregate:
    stream = _dated(_stream(value, kind))
    return Aggregate(kind, stream, value, _width(last), where=_where(where, stream))


def _binned(
    kind: Aggregation,
    value: Expr,
    last: str,
    where: Expr | None,
    bins: Bins,
    *,
    share: float = 0.0,
    place: int = 1,
) -> Aggregate:
    stream = _dated(_stream(value, kind))
    return Aggregate(
        kind, stream, value, _width(last), where=_where(where, stream), bins=bins, share=share, place=place
    )


def _where(condition: Expr | None, stream: str) -> Expr | None:
    """Return a condition on a stream's events, or refuse one that reads anything else."""
    if condition is None:
        return None
    taken = take_expression(condition, "where")
    others = [name for name in streams_of(taken) if name != stream]
    if others or any(isinstance(node, Aggregate) for node in walk(taken)):
        raise ShipwayError(
            "SW-106",
            f"where is {render(taken)}, and only the columns of {stream} can say which of its events count",
            f"build it from columns of {stream}",
        )
    return taken


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
