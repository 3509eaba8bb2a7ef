"""Blocks: all that is read of one series at one instant."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from shipway.core.entry import unpack_varied
from shipway.core.online import Scalar
from shipway.maths.decay import lower_edge
from shipway.serving.cell import Extremum, Fade, First, Mean, Recent, Spread, Sum
from shipway.serving.sketch import Sketch

EARLIEST: Final = -(1 << 63)
Pick: TypeAlias = Callable[[tuple[Any, ...]], tuple[Any, ...]]
"""From a tuple to its items in some places."""


def make_pick(places: Sequence[int]) -> Pick:
    """Return what takes a tuple's items in some places."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda fields: tuple([fields[place] for place in places])


class Span(NamedTuple):
    """The lower edges of windows that end together.

    Attributes:
        widths_us: of windows.
        halves_us: half-lives of sums that fade; the lower edges of their windows are further ones.
    """

    widths_us: tuple[int, ...]
    halves_us: tuple[int, ...]

    def edges(self, at: int) -> list[int]:
        """Return the lower edges of windows that end at an instant; no event is as old as the least one there is."""
        edges = [max(at - width, EARLIEST) for width in self.widths_us]
        if self.halves_us:
            edges += [max(lower_edge(at, half), EARLIEST) for half in self.halves_us]
        return edges


NO_SPAN: Final = Span((), ())


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What is read of one series at one instant.

    Attributes:
        prefix: what the series' name begins with; the entity's key follows.
        base: what the name of its bases begins with.
        entity: the entity's place in the plan.
        stream: the stream's place in the layout; one past the last for a block that says nothing of what is new.
        packing: of the series' entries.
        edges: of the totals of the newest entry and at all lower edges, one after the other.
        high: from these to those that windows end with.
        low: from these to those that the same windows begin after.
        lower: how many lower edges there are.
        span: place in the plan of the lower edges of its windows.
        anchor: from the row's cells to the instant, None for null; None where the instant is the row's T.
        counts: the block's first cells: of each count of rows its place among what the windows add up to.
        sums: the next cells.
        means: the next cells.
        spreads: the next cells.
        fades: the next cells.
        recent: the next cells: of the newest event.
        firsts: the next cells: of the oldest event of a window.
        extrema: the last cells: of all entries of a window.
        sketch: what is read of a tree of bins, in a block that has no other cells; None in other blocks.
        compared: where in the varied part of an entry its extrema are.
        zeros: the entry where there is no event.
        varied: whether an entry has more than its totals.
        nothing: the cells where there is no event.
        null: the cells where there is no entity, or no anchor.
    """

    prefix: bytes
    base: bytes
    entity: int
    stream: int
    packing: struct.Struct
    edges: struct.Struct
    high: Pick
    low: Pick
    lower: int
    span: int
    anchor: Callable[[Sequence[Scalar]], int | None] | None
    counts: tuple[int, ...]
    sums: tuple[Sum, ...]
    means: tuple[Mean, ...]
    spreads: tuple[Spread, ...]
    fades: tuple[Fade, ...]
    recent: tuple[Recent, ...]
    firsts: tuple[First, ...]
    extrema: tuple[Extremum, ...]
    sketch: Sketch | None
    compared: slice
    zeros: bytes
    varied: bool
    nothing: tuple[Scalar, ...]
    null: tuple[Scalar, ...]

    def unpack_extrema(self, entry: bytes) -> list[Scalar]:
        """Return the least and the greatest value of each extremum from an entry."""
        return unpack_varied(self.packing, entry)[self.compared]
