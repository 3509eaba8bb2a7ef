"""Aggregates that keep more than a count and a sum: spreads, sums that fade, and counts of bins.

Each is a function of whole numbers that add up, so that the online store keeps the same ones.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Event, Expr
from shipway.core.online import SCALE
from shipway.data.stream import Ints, Streams, scale_values
from shipway.maths import bins as binning
from shipway.maths import decay as fading
from shipway.maths import wide, window
from shipway.maths.bins import Bins, Categories, Edges, Hashes, Relative
from shipway.maths.code import compact
from shipway.maths.expression import Aggregate, render
from shipway.maths.vector import Vector
from shipway.maths.wavelet import Wavelet, build_wavelet, count_below, find_ranked

_Bools = NDArray[np.bool_]
_FIT = 1 << 63
_WHOLE = 1 << 53
_COUNTS = 1 << 22
"""How many counts of values are held at once, four bytes each."""
_FEW = 32
"""Of up to so many values it costs less to count them over all events than to sort the windows."""
_WIDTH = 128
"""Of how many values, so that they stay near the processor."""
_BLOCK = 64
_ASKED = 1 << 12
"""How many windows are asked for their counts at once, so that these stay near the processor."""


def square_values(value: Expr, vector: Vector) -> Ints:
    """Return the squares of whole numbers as limbs, int64[n, LIMBS], zero where there is none.

    Raises:
        ShipwayError: SW-303 if what a variance is computed from does not fit.
    """
    limbs = wide.split_square(np.where(vector.valid, vector.values, 0))
    count = int(np.count_nonzero(vector.valid))
    most = sum(int(limbs[:, place].sum(dtype=np.int64)) << 32 * place for place in range(wide.LIMBS))
    if count >= wide.MOST_EVENTS or not wide.fits(count * most):
        raise ShipwayError(
            "SW-303",
            f"squares of {render(value)} add up to more than 127 bits",
            "use smaller numbers, or a larger unit",
        )
    return limbs


def fade_values(value: Expr, vector: Vector, instants: Ints, half_us: int, *, whole: bool = True) -> Ints:
    """Return what events add to the lanes of a sum that fades, int64[n, LANES].

    Args:
        value: the expression, for a refusal.
        vector: its values.
        instants: when each event became known; where `vector` is not valid it may be anything.
        half_us: the half-life.
        whole: whether these are all events there are.

    Raises:
        ShipwayError: SW-303 if the sum cannot be kept exactly.
    """
    if vector.values.dtype.kind == "f":
        units = scale_values(value, vector, whole=whole)
    else:
        numbers = vector.values.astype(np.int64)
        if (wide.magnitude(numbers)[vector.valid] > np.uint64(int(_WHOLE / SCALE))).any():
            raise ShipwayError(
                "SW-303", f"{render(value)} needs more than 53 bits in millionths", "use smaller numbers"
            )
        units = numbers * np.int64(SCALE)
    lanes = fading.split_events(np.where(vector.valid, units, 0), np.where(vector.valid, instants, 0), half_us)
    total = float(np.abs(np.where(vector.valid, units, 0)).sum(dtype=np.float64))
    if len(units) >= wide.MOST_EVENTS or 2 * total >= float(_FIT >> 1):
        raise ShipwayError("SW-303", f"{render(value)} adds up to more than 62 bits in millionths", "use a larger unit")
    return lanes


def place_values(value: Expr, bins: Bins, vector: Vector) -> Ints:
    """Return the bin of each value, `OUTSIDE` for none; SW-203 where values and bins do not go together."""
    try:
        return binning.place(bins, vector)
    except ValueError as error:
        raise ShipwayError(
            "SW-203", f"{render(value)} cannot be counted in bins: {error}", "declare what the column holds"
        ) from error


def spread(
    node: Aggregate,
    timeline: window.Timeline,
    vector: Vector,
    unit: float,
    total: Ints,
    count: Ints,
    low: Ints,
    high: Ints,
    asked: _Bools,
) -> Vector:
    """Return the variance or deviation of each window, given the sums and counts of its values."""
    assert node.value is not None, "the value whose spread it is"
    squares = _run(square_values(node.value, vector), timeline, low, high)
    size, factor = wide.magnitude(total), count.view(np.uint64)
    exact = wide.subtract(wide.scale(wide.join(squares)[0], factor), wide.multiply(size, size))
    enough = count > 1
    pairs = np.where(enough, count * (count - 1), 1).astype(np.float64)
    variance = wide.to_float(exact) / (pairs * (unit * unit))
    return Vector(np.sqrt(variance) if node.kind == "deviation" else variance, asked & enough)


def decay(
    streams: Streams, node: Aggregate, event: Event, entity: Entity, timeline: window.Timeline, instants: Ints
) -> Vector:
    """Return a sum that fades, for all rows of the spine."""
    assert node.value is not None, "the value that is added up"
    assert node.width_us is not None, "its half-life"
    half_us, codes, at = node.width_us, streams.codes(event, entity)[1], streams.at
    lanes = fade_values(node.value, streams.number(event, node.value), instants, half_us, whole=streams.whole)
    edges = (at // half_us - (fading.PERIODS - 1)) * half_us - 1
    low = window.search(timeline, window.build_queries(codes, edges))
    high = window.search(timeline, streams.queries(event, entity))
    return Vector(fading.conclude_all(_run(lanes, timeline, low, high), at, half_us, SCALE), codes >= 0)


def count_bins(
    streams: Streams, node: Aggregate, event: Event, timeline: window.Timeline, low: Ints, high: Ints, asked: _Bools
) -> Vector:
    """Return a quantile, a number of different values or a most common value, from counts of bins."""
    assert node.value is not None, "the value that is counted"
    assert node.bins is not None, "what it is counted in"
    placed = place_values(node.value, node.bins, streams.raw(event, node.value))[timeline.order]
    inside = placed != binning.OUTSIDE
    seen = np.zeros(len(placed) + 1, dtype=np.int64)
    np.cumsum(inside, out=seen[1:])
    placed, low, high = placed[inside], seen[low], seen[high]
    match node.bins:
        case Edges() | Relative() as bins:
            return _rank(bins, node.share, placed, low, high)
        case Categories(values=values) if node.kind == "common":
            return _vote(values, node.place, placed, low, high)
        case Categories() | Hashes() as bins:
            found = _count_distinct(placed, low, high)
            if isinstance(bins, Hashes):
                return Vector(np.array(binning.estimates(bins.count))[found], asked)
            return Vector(found, asked)


def _rank(bins: Edges | Relative, share: float, placed: Ints, low: Ints, high: Ints) -> Vector:
    wavelet = build_wavelet(placed, binning.count_bins(bins))
    some = high > low
    rank = binning.ranks_of(share, np.maximum(high - low, 1))
    found, inside, count = find_ranked(wavelet, low, high, rank)
    values = binning.values_at(bins, np.where(some, found, 0), inside, np.maximum(count, 1))
    return Vector(values, some)


def _vote(values: tuple[binning.Scalar, ...], place: int, placed: Ints, low: Ints, high: Ints) -> Vector:
    """Order the values by their counts, the most frequent first and of two as frequent the one declared first."""
    # A count with the number below it: the greatest of these is the best, and so on downwards.
    best = np.zeros((place, len(low)), dtype=np.int64)
    if len(values) <= _FEW:
        running = np.zeros(len(placed) + 1, dtype=np.int64)
        for number in range(len(values)):
            np.cumsum(placed == number, out=running[1:])
            _insert((running[high] - running[low]) * binning.MOST + (binning.MOST - 1 - number), best)
    else:
        for asked in _gather_near(low, high, np.argsort(high, kind="stable")):
            best[:, asked] = _rank_near(place, placed, low[asked], high[asked])
    count, code = np.divmod(best[place - 1], binning.MOST)
    return Vector(binning.column_of(values)[np.minimum(binning.MOST - 1 - code, len(values) - 1)], count > 0)


def _insert(rival: Ints, best: Ints) -> None:
    """Put one number of each window among the best there were, which are in descending order."""
    for held in best:
        held[:], rival = np.maximum(held, rival), np.minimum(held, rival)


def _rank_near(place: int, placed: Ints, low: Ints, high: Ints) -> Ints:
    """Return the best of windows whose events are near each other, int64[place, n], of the values that occur there."""
    best = np.zeros((place, len(low)), dtype=np.int64)
    begin, end = int(low.min()), int(high.max())
    occurring, codes = compact(placed[begin:end])
    width = max(1, min(_WIDTH, _COUNTS // (end - begin + 1)))
    for first in range(0, len(occurring), width):
        numbers = occurring[first : first + width]
        running = _count_running(codes - first, len(numbers))
        for start in range(0, len(low), _ASKED):
            some = slice(start, start + _ASKED)
            # The counts of one window stand side by side: it is two rows, and not two places of each value.
            counts = running.take(high[some] - begin, axis=0) - running.take(low[some] - begin, axis=0)
            rows = np.arange(len(counts))
            for _ in range(min(place, len(numbers))):
                code = counts.argmax(axis=1)  # of two as great the first
                most = counts[rows, code].astype(np.int64)
                _insert(most * binning.MOST + (binning.MOST - 1 - numbers[code]), best[:, some])
                counts[rows, code] = -1
    return best


def _gather_near(low: Ints, high: Ints, asked: Ints) -> Iterator[Ints]:
    """Yield windows, sorted by their ends, in parts whose events are near each other."""
    if not len(asked):
        return
    half = len(asked) // 2

    def span(some: Ints) -> int:
        return int(high[some[-1]] - low[some].min())

    if len(asked) > _ASKED and 4 * (span(asked[:half]) + span(asked[half:])) <= 5 * span(asked):
        yield from _gather_near(low, high, asked[:half])
        yield from _gather_near(low, high, asked[half:])
    else:
        yield asked


def _count_running(codes: Ints, width: int) -> NDArray[np.int32]:
    """Return how many events before each were of each of the first values, int32[n + 1 or more, width]."""
    size = len(codes) // _BLOCK + 1
    blocks = np.zeros((size, _BLOCK, width), dtype=np.int32)
    running = blocks.reshape(size * _BLOCK, width)
    there = np.flatnonzero((codes >= 0) & (codes < width))
    running[there + 1, codes[there]] = 1
    # Added up within all blocks at once, for NumPy takes six times as long to add up rows one by one.
    for row in range(1, _BLOCK):
        blocks[:, row] += blocks[:, row - 1]
    blocks[1:] += np.cumsum(blocks[:-1, -1], axis=0, dtype=np.int32)[:, None]
    return running


def _count_distinct(placed: Ints, low: Ints, high: Ints) -> Ints:
    """Count the different bins of each run: those events whose bin was not seen before them in the run."""
    order = np.argsort(placed, kind="stable")
    before = np.zeros(len(placed), dtype=np.int64)
    same = placed[order[1:]] == placed[order[:-1]]
    before[order[1:]] = np.where(same, order[:-1] + 1, 0)
    wavelet: Wavelet = build_wavelet(before, len(placed) + 1)
    # An event is the first of its bin where the one before it lies at or before the run's beginning.
    return count_below(wavelet, low, high, low + 1)


def _run(lanes: Ints, timeline: window.Timeline, low: Ints, high: Ints) -> Ints:
    """Return the sums of lanes over each window."""
    found = np.empty((len(low), lanes.shape[1]), dtype=np.int64)
    running = np.zeros(len(timeline.order) + 1, dtype=np.int64)
    for lane in range(lanes.shape[1]):
        np.cumsum(lanes[timeline.order, lane], out=running[1:])
        found[:, lane] = running[high] - running[low]
    return found
