"""Exact window kernels over known-at instants: counts, totals, extrema and the latest event, per key.

Every window is half-open, `(asked - width, asked]`: an event exactly at `asked` counts, one exactly at `asked - width`
does not. All arithmetic is on int64, so a result depends only on which events are inside the window, never on the order
in which they arrived or on how many others there are. Batch and online therefore agree bit for bit.

The work is shared as widely as it can be: one `Timeline` per stream of events, one `Queries` per set of questions, one
`search` for the upper edge of all windows, one `search_before` per width, and then a subtraction per aggregate.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
AnyInts = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
# Up to here every whole number has its own float64; above, neighbouring multiples of the resolution run together.
_FLOAT_EXACT: Final = 2.0**53


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
        order: int64[q], for each sorted query its position in the original input.
        codes: int64[q], the key of each sorted query.
        ranks: int64[q], for each sorted query the index of its instant in `instants`.
        instants: int64[u], the unique instants asked about, ascending, microseconds.
    """

    order: Ints
    codes: Ints
    ranks: Ints
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
            in this too keep the order of the input, which only `latest` can tell.

    Returns:
        The timeline; it holds no values, so it serves every column of the stream.

    Raises:
        ValueError: if the arrays differ in length or type, or codes times events exceeds what int64 can number.
    """
    codes, instants = _integers("codes", codes), _integers("instants", instants, size=codes.size)
    tiebreak = (instants,) if ties is None else (_integers("ties", ties, size=codes.size), instants)
    order = np.lexsort((*tiebreak, codes)).astype(np.int64, copy=False)
    order = order[np.searchsorted(codes[order], 0) :]
    sorted_codes = codes[order]
    unique, ranks = np.unique(instants[order], return_inverse=True)
    end = int(sorted_codes[-1]) + 1 if order.size else 0
    if (end + 1) * (unique.size + 1) > _INT64_MAX:
        raise ValueError(
            f"codes up to {end - 1} with {unique.size} instants cannot be numbered in int64: use dense codes"
        )
    keys = sorted_codes * np.int64(unique.size + 1) + ranks + 1
    return Timeline(order=order, keys=keys, instants=unique, end=end, size=codes.size)


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
    codes, asked = _integers("codes", codes), _integers("asked", asked, size=codes.size)
    unique, ranks = np.unique(asked, return_inverse=True)
    order = np.lexsort((ranks, codes)).astype(np.int64, copy=False)
    return Queries(order=order, codes=codes[order], ranks=ranks[order].astype(np.int64, copy=False), instants=unique)


def search(timeline: Timeline, queries: Queries) -> Ints:
    """Return the upper edge of every window asked about, whatever its width.

    Returns:
        int64[q], per query the index, in sorted order, one past the last event of its key with instant <= asked.
    """
    return _search_ranks(timeline, queries, np.searchsorted(timeline.instants, queries.instants, side="right"))


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
    below = np.zeros(queries.instants.size, dtype=np.int64)
    if width_us is not None:
        if not 0 <= width_us <= _INT64_MAX:
            raise ValueError(f"a window of {width_us} us is not between 0 and 2^63 - 1 us wide")
        # Where asked - width is earlier than int64 can say, no event is that old and the count below stays 0.
        first = int(np.searchsorted(queries.instants, np.int64(_INT64_MIN + width_us)))
        edges = queries.instants[first:] - np.int64(width_us)
        below[first:] = np.searchsorted(timeline.instants, edges, side="right")
    return _search_ranks(timeline, queries, below)


def span(timeline: Timeline, queries: Queries, width_us: int | None) -> tuple[Ints, Ints]:
    """Return both edges of the window of one width for every query.

    Several widths share one upper edge: call `search` once and `search_before` per width instead.

    Returns:
        `(low, high)`, int64[q] each: the events at sorted positions low <= i < high are inside the window.

    Raises:
        ValueError: if the width is out of range.
    """
    return search_before(timeline, queries, width_us), search(timeline, queries)


def latest(timeline: Timeline, queries: Queries, width_us: int | None = None) -> tuple[Ints, Bools]:
    """Find the newest event known at each instant asked about.

    Args:
        timeline: the events; among events of one instant the greatest tie is the newest.
        queries: the questions.
        width_us: how old the event may be, as for `search_before`; None for any age.

    Returns:
        `(position, found)`, int64[q] and bool[q]: the event's position in the original input, -1 where none is found.

    Raises:
        ValueError: if the width is out of range.
    """
    low, high = span(timeline, queries, width_us)
    found = high > low
    position = np.full(high.size, -1, dtype=np.int64)
    position[found] = timeline.order[high[found] - 1]
    return position, found


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
    return prefix.count[high] - prefix.count[low]


def range_total(prefix: Prefix, low: Ints, high: Ints) -> Ints:
    """Sum the valid values in each window exactly, given its edges; int64[q], 0 for a window without any."""
    return prefix.total[high] - prefix.total[low]


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


def quantise(values: NDArray[np.floating[Any]], valid: Bools, resolution: float) -> Ints:
    """Round floats to whole multiples of a resolution, so that sums of them are exact integers.

    Halves round to even. Whole numbers up to 2^53 pass unchanged at resolution 1.

    Args:
        values: float[n]; what stands where `valid` is false does not matter.
        valid: bool[n], false where the value is null.
        resolution: the size of one unit of the result, in the unit of the values; finite and above 0.

    Returns:
        int64[n], how many resolutions each value is; 0 where not valid.

    Raises:
        ValueError: if the resolution is unusable, or a valid value is not finite or more than 2^53 resolutions from 0,
            where float64 no longer tells neighbouring multiples apart.
    """
    if not (np.isfinite(resolution) and resolution > 0):
        raise ValueError(f"a resolution of {resolution} is not a finite number above 0")
    if values.shape != valid.shape or values.ndim != 1:
        raise ValueError(f"values {values.shape} and valid {valid.shape} are not two columns of one length")
    kept = np.where(valid, values, 0.0).astype(np.float64, copy=False)
    with np.errstate(over="ignore"):
        units = np.rint(kept / resolution)
    unfit = ~(np.abs(units) <= _FLOAT_EXACT)
    if unfit.any():
        raise ValueError(f"{kept[unfit][0]} at resolution {resolution} is not finite or needs more than 2^53 units")
    return units.astype(np.int64)


def rank_floats(values: NDArray[np.floating[Any]]) -> Ints:
    """Map floats to integers of the same order, so that extrema of them are exact; both zeros are one.

    The bits of an IEEE 754 double are ordered like its value if the sign is clear, and against it otherwise.
    """
    return _flip((values.astype(np.float64) + 0.0).view(np.int64))


def floats_of(ranks: Ints) -> NDArray[np.float64]:
    """Return the floats that `rank_floats` mapped to these integers."""
    return _flip(ranks).view(np.float64)


def _flip(bits: Ints) -> Ints:
    """Reverse the order of the negative numbers among themselves; done twice, nothing has changed."""
    return np.where(bits < 0, bits ^ np.int64(_INT64_MAX), bits)


def _search_ranks(timeline: Timeline, queries: Queries, ranks: Ints) -> Ints:
    """Search for (code, rank) given, per unique instant asked about, the rank of the newest event instant allowed."""
    codes = np.clip(queries.codes, -1, timeline.end)
    wanted = codes * np.int64(timeline.instants.size + 1) + ranks[queries.ranks]
    found = np.empty(wanted.size, dtype=np.int64)
    found[queries.order] = np.searchsorted(timeline.keys, wanted, side="right")
    return found


def _running(values: Ints | Bools) -> Ints:
    """Return the cumulative int64 sum with a leading 0."""
    total = np.zeros(values.size + 1, dtype=np.int64)
    np.cumsum(values, out=total[1:])
    return total


def _column(timeline: Timeline, values: AnyInts, valid: Bools) -> tuple[Ints, Bools]:
    """Check that a column of values and its validity have the size of the timeline's input."""
    if valid.dtype != np.bool_ or valid.shape != (timeline.size,):
        raise ValueError(f"valid is {valid.dtype}{list(valid.shape)}, not bool[{timeline.size}]")
    return _integers("values", values, size=timeline.size), valid


def _integers(name: str, array: AnyInts, size: int | None = None) -> Ints:
    """Check that an array is one-dimensional, of integers that int64 holds, and of a size; return it as int64."""
    if not np.can_cast(array.dtype, np.int64, "safe") or array.dtype == np.bool_:
        raise ValueError(f"{name} is an array of {array.dtype}, not of integers that fit in int64")
    if array.ndim != 1 or size not in (None, array.size):
        raise ValueError(f"{name} has shape {array.shape}, not ({'n' if size is None else size},)")
    return array.astype(np.int64, copy=False)
