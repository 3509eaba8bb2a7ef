"""The cells of a block: what is computed of the edges and the newest entry of one series."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from shipway.core.online import SCALE, Fading, Series
from shipway.maths.decay import LANES
from shipway.maths.expression import Aggregate
from shipway.maths.wide import LIMBS

ANY_AGE: Final = 1 << 65
"""A width that no event is too old for."""


class Sum(NamedTuple):
    """A sum over a window.

    Attributes:
        place: of its total among what the windows of the block add up to.
        unit: how many units of the total make one; None for a sum of whole numbers, which stays one.
    """

    place: int
    unit: float | None


class Mean(NamedTuple):
    """A mean over a window, also a share.

    Attributes:
        place: of its count of valid values among what the windows of the block add up to; their total follows.
        unit: how many units of the total make one; a float, for Python would divide two whole numbers exactly, and a
            frame divides floats.
    """

    place: int
    unit: float


class Spread(NamedTuple):
    """A variance or a deviation over a window.

    Attributes:
        place: of its count of valid values among what the windows of the block add up to; their total follows.
        squares: the place of the first limb of their squares.
        unit: how many units of the total make one.
        root: whether it is the deviation.
    """

    place: int
    squares: int
    unit: float
    root: bool


class Fade(NamedTuple):
    """A sum that fades.

    Attributes:
        place: of its first lane among what the windows of the block add up to.
        half_us: its half-life.
    """

    place: int
    half_us: int


class First(NamedTuple):
    """The value of the oldest event of a window.

    Attributes:
        slot: its place in the varied part of an entry.
        width_us: the window's width.
    """

    slot: int
    width_us: int


class Recent(NamedTuple):
    """A value of the newest event, or how long ago it was.

    Attributes:
        slot: the value's place in the varied part of an entry; None for the age.
        width_us: from what age on the event no longer answers.
    """

    slot: int | None
    width_us: int


class Extremum(NamedTuple):
    """A least or greatest value over a window.

    Attributes:
        place: its place among the extrema of an entry or a span.
        width_us: the window's width.
        choose: `min` or `max`.
    """

    place: int
    width_us: int
    choose: Callable[..., Any]


class Windows:
    """Collects which totals the windows of a block are made of, each once.

    Attributes:
        high: their places among the totals of the newest entry and at all lower edges, one after the other: above.
        low: the same of the window's lower edge.
    """

    def __init__(self, lanes: int) -> None:
        """Begin with none; `lanes` is how many totals an entry has."""
        self.high: list[int] = []
        self.low: list[int] = []
        self._lanes = lanes
        self._known: dict[tuple[int, int, int], int] = {}

    def take(self, edge: int, slot: int, count: int = 1) -> int:
        """Return the place of the first of some totals of a window, from a slot of an entry on.

        Args:
            edge: which lower edge the window begins after.
            slot: of the first total.
            count: how many.
        """
        place = self._known.setdefault((edge, slot, count), len(self.high))
        if place == len(self.high):
            self.high += range(slot, slot + count)
            self.low += range(self._lanes * (1 + edge) + slot, self._lanes * (1 + edge) + slot + count)
        return place


def make_sum(series: Series, node: Aggregate, edge: int, windows: Windows) -> Sum:
    """Return how a sum is read, whose window begins after an edge."""
    place = _find_sum(series, node)
    return Sum(windows.take(edge, 2 + 2 * place), SCALE if series.scaled[place] else None)


def make_mean(series: Series, node: Aggregate, edge: int, windows: Windows) -> Mean:
    """Return how a mean or a share is read, whose window begins after an edge."""
    place = _find_sum(series, node)
    return Mean(windows.take(edge, 1 + 2 * place, 2), SCALE if series.scaled[place] else 1.0)


def make_spread(series: Series, node: Aggregate, edge: int, windows: Windows) -> Spread:
    """Return how a variance or a deviation is read, whose window begins after an edge."""
    assert node.value is not None, "the value whose spread it is"
    place, square = _find_sum(series, node), series.squares.index(node.value)
    squares = windows.take(edge, series.first_square + LIMBS * square, LIMBS)
    unit = SCALE if series.scaled[place] else 1.0
    return Spread(windows.take(edge, 1 + 2 * place, 2), squares, unit, node.kind == "deviation")


def make_fade(series: Series, node: Aggregate, edge: int, windows: Windows) -> Fade:
    """Return how a sum that fades is read, whose window begins after an edge."""
    assert node.value is not None, "the value that is added up"
    fading = Fading(node.value, node.width_us or 1)
    lanes = windows.take(edge, series.first_fading + LANES * series.fading.index(fading), LANES)
    return Fade(lanes, fading.half_us)


def make_recent(series: Series, node: Aggregate) -> Recent:
    """Return how a value of the newest event is read, or its age."""
    slot = None if node.kind == "age" or node.value is None else series.newest.index(node.value)
    return Recent(slot, ANY_AGE if node.width_us is None else node.width_us)


def make_first(series: Series, node: Aggregate) -> First:
    """Return how a value of the oldest event of a window is read."""
    assert node.value is not None, "the value that is read"
    slot = len(series.newest) + 2 * len(series.extrema) + series.oldest.index(node.value)
    return First(slot, node.width_us or 0)


def make_extremum(series: Series, node: Aggregate) -> Extremum:
    """Return how a least or greatest value is read."""
    assert node.value is not None, "the value that is compared"
    place = 2 * series.extrema.index(node.value)
    least = node.kind == "min"
    return Extremum(place if least else place + 1, node.width_us or 0, min if least else max)


def _find_sum(series: Series, node: Aggregate) -> int:
    assert node.value is not None, "the value that is added up"
    return series.sums.index(node.value)
