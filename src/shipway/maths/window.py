"""Exact window kernels over known-at instants: counts, totals and extrema, per key.

Every window is half-open, `(asked - width, asked]`: an event exactly at `asked` counts, one exactly at `asked - width`
does not. All arithmetic is on int64, so a result depends only on which events are inside the window, never on the order
in which they arrived or on how many others there are. Batch and online therefore agree bit for bit.

The work is shared as widely as it can be: one `Timeline` per stream of events, one `Queries` per set of questions, one
`search` for the upper edge of all windows, one `search_before` per width, and then a subtraction per aggregate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import order_codes
from shipway.maths.instant import AnyInts, Instants, Ints, check_integers, index_type, sort_instants

Bools = NDArray[np.bool_]

_PIECE: Final = 1 << 15
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The events of one stream, sorted by key, then instant, then tie.

    Attributes:
        order: int64[kept], for each sorted event its position in the original input.
        keys: int64[kept], ascending; `code * (len(instants) + 1) + rank`, rank 1 being the earliest unique instant. A
            rank takes the place of the instant so that no range of instants can overflow the product.
        instants: int64[u], the unique event instants, ascending, microseconds.
        end: one more than the greatest code, 0 if there are no events.
        size: how many events the original input had, null keys included.
    """

    order: Ints
    keys: Ints
    instants: Ints
    end: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Questions `(code, asked)` in the order in which searching for them walks memory forwards.

    Attributes:
        order: integer[q], for each sorted query its position in the original input.
        codes: integer[q], the key of each sorted query.
        ranks: integer[q], for each sorted query the index of its instant in `instants`.
        instants: int64[u], the unique instants asked about, ascending, microseconds.
    """

    order: AnyInts
    codes: AnyInts
    ranks: AnyInts
    instants: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """Running count and total of the valid values of a timeline.

    Attributes:
        count: int64[kept + 1], how many of the first i sorted events hold a valid value.
        total: int64[kept + 1], the sum of those values.
    """

    count: Ints
    total: Ints


def build_timeline(codes: AnyInts, instants: AnyInts, ties: AnyInts | None = None) -> Timeline:
    """Sort the events of one stream so that windows over them can be searched.

    Args:
        codes: integer[n], dense entity codes; a negative code is a null key, and its event is dropped.
        instants: integer[n], when each event became known, microseconds since 1970 UTC.
        ties: integer[n], which of several events of one key and instant is the newer (greater is newer). Events equal
            in this too keep the order of the input.

    Returns:
        The timeline; it holds no values, so it serves every column of the stream.

    Raises:
        ValueError: if the arrays differ in length or type, or codes times events exceeds what int64 can number.
    """
    codes = check_integers("codes", codes)
    check_integers("instants", instants, size=codes.size)
    return sort_events(codes, sort_instants(instants, ties))


def sort_events(codes: AnyInts, instants: Instants) -> Timeline:
    """Sort the events of one stream as `build_timeline` does, given their instants in order.

    Args:
        codes: integer[n], dense entity codes; a negative code is a null key, and its event is dropped.
        instants: when each event became known, which serves every entity that the stream is sorted for.

    Raises:
        ValueError: as for `build_timeline`.
    """
    codes = check_integers("codes", codes, size=instants.size)
    ordered = codes if instants.order is None else codes.take(instants.order)
    end = int(ordered.max(initial=-1)) + 1
    if (end + 1) * (instants.unique.size + 1) > _INT64_MAX:
        raise ValueError(
            f"codes up to {end - 1} with {instants.unique.size} instants cannot be numbered in int64: use dense codes"
        )
    by_code = order_codes(np.maximum(ordered, -1), end)
    by_code = by_code[int(np.count_nonzero(ordered < 0)) :]
    keys = ordered.take(by_code) * np.int64(instants.unique.size + 1) + instants.ranks.take(by_code) + 1
    order = by_code if instants.order is None else instants.order.take(by_code)
    return Timeline(order=order, keys=keys, instants=instants.unique, end=end, size=codes.size)


def build_queries(codes: AnyInts, asked: AnyInts) -> Queries:
    """Sort questions once, so that every search for them is fast.

    Args:
        codes: integer[q], entity codes as in the timeline; a negative or unknown code has no events. Give -1 where the
            key or the instant is null.
        asked: integer[q], the instant as of which each question is asked, microseconds since 1970 UTC.

    Returns:
        The queries; they serve every timeline whose entities have the same codes.

    Raises:
        ValueError: if the arrays differ in length or are not integers.
    """
    codes = check_integers("codes", codes)
    check_integers("asked", asked, size=codes.size)
    return sort_queries(codes, sort_instants(asked))


def sort_queries(codes: AnyInts, asked: Instants) -> Queries:
    """Sort questions as `build_queries` does, given their instants in order.

    Args:
        codes: integer[q], entity codes as in the timeline.
        asked: the instant as of which each question is asked, which serves every entity.
    """
    codes = codes if asked.order is None else codes.take(asked.order)
    by_code = order_codes(np.maximum(codes, -1), int(codes.max(initial=-1)) + 1)
    order = by_code if asked.order is None else asked.order.take(by_code)
    order = order.astype(index_type(codes.size), copy=False)
    return Queries(order=order, codes=codes.take(by_code), ranks=asked.ranks.take(by_code), instants=asked.unique)


def search(timeline: Timeline, queries: Queries) -> Ints:
    """Return the upper edge of every window asked about, whatever its width.

    Returns:
        int64[q], per query the index, in sorted order, one past the last event of its key with instant <= asked.
    """
    return _search(timeline, queries, _rank_upper(timeline, queries))


def search_before(timeline: Timeline, queries: Queries, width_us: int | None) -> Ints:
    """Return the lower edge of the window of one width for every query.

    Args:
        timeline: the events.
        queries: the questions.
        width_us: how far the window reaches back, microseconds from 0 to 2^63 - 1, or None for all history.

    Returns:
        int64[q], per query the index, in sorted order, one past the last event of its key with
        instant <= asked - width.

    Raises:
        ValueError: if the width is out of range.
    """
    return _search(timeline, queries, _rank_lower(timeline, queries, width_us))


def span(timeline: Timeline, queries: Queries, width_us: int | None) -> tuple[Ints, Ints]:
    """Return both edges of the window of one width for every query.

    Several widths share one upper edge: call `search` once and `search_before` per width instead.

    Returns:
        `(low, high)`, int64[q] each: the events at sorted positions low <= i < high are inside the window.

    Raises:
        ValueError: if the width is out of range.
    """
    return search_before(timeline, queries, width_us), search(timeline, queries)


def oldest(timeline: Timeline, low: Ints, high: Ints) -> tuple[Ints, Bools]:
    """Find the oldest event of each window, given its edges; among events of one instant the least tie is the oldest.

    Returns:
        `(position, found)`, int64[q] and bool[q]: the event's position in the original input, -1 where there is none.
    """
    found = high > low
    position = np.full(high.size, -1, dtype=np.int64)
    position[found] = timeline.order[low[found]]
    return position, found


def build_prefix(timeline: Timeline, values: AnyInts, valid: Bools) -> Prefix:
    """Sum the valid values of a timeline from its start to every event.

    Args:
        timeline: the events.
        values: integer[n], in the order of the original input; what stands where `valid` is false does not matter.
        valid: bool[n], false where the value is null.

    Returns:
        The running sums.

    Raises:
        ValueError: if the arrays do not fit the timeline, or the absolute values sum to more than int64 holds.
    """
    column, valid = _column(timeline, values, valid)
    counted = _running(valid[timeline.order])
    summed = np.where(valid, column, np.int64(0))[timeline.order]
    # |-2^63| wraps back to itself, whose bits read as unsigned are 2^63 again. Halves of 32 bits cannot overflow.
    magnitude = np.abs(summed).view(np.uint64)
    high, low = int((magnitude >> np.uint64(32)).sum()), int((magnitude & np.uint64(0xFFFFFFFF)).sum())
    if (high << 32) + low > _INT64_MAX:
        raise ValueError("the absolute values sum to more than int64 holds: use a coarser resolution")
    return Prefix(count=counted, total=_running(summed))


def range_count(prefix: Prefix, low: Ints, high: Ints) -> Ints:
    """Count the valid values in each window, given its edges; int64[q]."""
    return prefix.count.take(high) - prefix.count.take(low)


def range_total(prefix: Prefix, low: Ints, high: Ints) -> Ints:
    """Sum the valid values in each window exactly, given its edges; int64[q], 0 for a window without any."""
    return prefix.total.take(high) - prefix.total.take(low)


def range_extremum(
    timeline: Timeline, values: AnyInts, valid: Bools, low: Ints, high: Ints, kind: Literal["min", "max"]
) -> tuple[Ints, Bools]:
    """Find the least or the greatest valid value in each window.

    A sparse table (Bender and Farach-Colton 2000, "The LCA Problem Revisited", section 3) built one level at a time:
    level k holds the extremum of every run of 2^k values, and a window of length 2^k to 2^(k+1) - 1 is covered by two
    such runs. O(n log n) time, O(n) memory.

    Args:
        timeline: the events.
        values: integer[n], in the order of the original input.
        valid: bool[n], false where the value is null.
        low: int64[q], lower edges from `search_before` of the same timeline.
        high: int64[q], upper edges from `search` of the same timeline.
        kind: which extremum.

    Returns:
        `(extremum, found)`, int64[q] and bool[q]; the extremum is 0 where the window holds no valid value.

    Raises:
        ValueError: if the arrays do not fit the timeline, or the kind is unknown.
    """
    if kind not in ("min", "max"):
        raise ValueError(f"{kind!r} is not an extremum: choose min or max")
    combine = np.minimum if kind == "min" else np.maximum
    column, valid = _column(timeline, values, valid)
    valid = valid[timeline.order]
    level = column[timeline.order][valid]
    seen = _running(valid)
    start, stop = seen[low], seen[high]
    # A binary exponent less 1 is the floor of the logarithm: exact up to 2^53, and -1 for an empty window.
    depth: NDArray[np.int32] = np.frexp((stop - start).astype(np.float64))[1] - 1
    by_depth = np.argsort(depth, kind="stable")
    bounds = np.searchsorted(depth[by_depth], np.arange(int(depth.max(initial=-1)) + 2))
    extremum = np.zeros(start.size, dtype=np.int64)
    for k in range(bounds.size - 1):
        if k:
            half = 1 << (k - 1)
            level = combine(level[:-half], level[half:])
        rows = by_depth[bounds[k] : bounds[k + 1]]
        extremum[rows] = combine(level[start[rows]], level[stop[rows] - (1 << k)])
    return extremum, stop > start


def _rank_upper(timeline: Timeline, queries: Queries) -> Ints:
    """Return for each instant asked about the rank of the newest event instant known by then."""
    return np.searchsorted(timeline.instants, queries.instants, side="right").astype(np.int64, copy=False)


def _rank_lower(timeline: Timeline, queries: Queries, width_us: int | None) -> Ints:
    """Return for each instant asked about the rank of the newest event instant that is too old for the window."""
    below = np.zeros(queries.instants.size, dtype=np.int64)
    if width_us is None:
        return below
    if not 0 <= width_us <= _INT64_MAX:
        raise ValueError(f"a window of {width_us} us is not between 0 and 2^63 - 1 us wide")
    # Where asked - width is earlier than int64 can say, no event is that old and the count below stays 0.
    first = int(np.searchsorted(queries.instants, np.int64(_INT64_MIN + width_us)))
    edges = queries.instants[first:] - np.int64(width_us)
    below[first:] = np.searchsorted(timeline.instants, edges, side="right")
    return below


def _search(timeline: Timeline, queries: Queries, ranks: Ints) -> Ints:
    """Return for each query how many events come up to its entity's last of a rank, given per instant asked about."""
    found = np.empty(queries.order.size, dtype=np.int64)
    for rows in _cut(queries):
        wanted = _number(timeline, queries, rows) + ranks.take(queries.ranks[rows].astype(np.intp))
        found[queries.order[rows].astype(np.intp)] = _search_sorted(timeline, wanted)
    return found


def _cut(queries: Queries) -> Iterator[slice]:
    """Yield the sorted queries in pieces, so that what is computed on the way to an answer stays near the processor."""
    for start in range(0, queries.order.size, _PIECE):
        yield slice(start, start + _PIECE)


def _number(timeline: Timeline, queries: Queries, rows: slice) -> Ints:
    """Return for some of the sorted queries the keys that events of their entities have, less the ranks of instants."""
    codes = queries.codes[rows]
    if codes[0] < -1 or codes[-1] > timeline.end:
        codes = np.clip(codes, -1, timeline.end)
    return codes * np.int64(timeline.instants.size + 1)


def _search_sorted(timeline: Timeline, wanted: Ints) -> Ints:
    """Return how many events have keys up to each one wanted; those are sorted, and at least one."""
    first, last = timeline.keys.searchsorted((wanted[0], wanted[-1]), side="right").tolist()
    inside = timeline.keys[first:last]
    if inside.size >= wanted.size:
        return inside.searchsorted(wanted, side="right") + first
    # Both are sorted, so the fewer are looked for among the more, and the answer is read off backwards.
    places = wanted.searchsorted(inside, side="left")
    return np.bincount(places, minlength=wanted.size).cumsum() + first


def _running(values: Ints | Bools) -> Ints:
    """Return the cumulative int64 sum with a leading 0."""
    total = np.zeros(values.size + 1, dtype=np.int64)
    np.cumsum(values, out=total[1:])
    return total


def _column(timeline: Timeline, values: AnyInts, valid: Bools) -> tuple[Ints, Bools]:
    """Check that a column of values and its validity have the size of the timeline's input."""
    if valid.dtype != np.bool_ or valid.shape != (timeline.size,):
        raise ValueError(f"valid is {valid.dtype}{list(valid.shape)}, not bool[{timeline.size}]")
    return check_integers("values", values, size=timeline.size), valid
