"""Quantiles in a warehouse: the bin that a rank falls into, from running counts of bins.

Of few bins a step has a running count up to each. Many are cut into groups of about as many bins as there are groups: a
step has counts up to each group, and steps of each group, looked up once the group is found, those within it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.data.warehouse.layer import Layers
from shipway.data.warehouse.stream import Stream, Window
from shipway.data.warehouse.translation import write_constant
from shipway.data.warehouse.wide import choose
from shipway.maths.bins import Edges, Relative, count_bins, middles_of

_FEW: Final = 32
"""Up to so many bins a step has a count for each."""
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a rank falls, as columns: the bin, the place among its values, and how many those are."""

    bin: str
    inside: str
    count: str


def rank(stream: Stream, bins: Edges | Relative, share: float, column: str, window: Window) -> str:
    """Return a quantile as SQL on what is found.

    Args:
        stream: what is said of the stream.
        bins: the bins.
        share: the quantile.
        column: the column of the rows that holds the bin.
        window: where it looks.
    """
    dialect, count = stream.dialect, count_bins(bins)
    size = count if count <= _FEW else math.isqrt(count - 1) + 1
    groups = range(-(-count // size)) if size < count else range(count)
    ends = [(group + 1) * size - 1 if size < count else group for group in groups][:-1]
    some = stream.difference(window, stream.steps.count(column))
    below = [
        stream.difference(window, stream.steps.total(f"case when {column} <= {end} then 1 else 0 end")) for end in ends
    ]
    place = stream.found.add(dialect.divide.format(f"({round(share * 1e6)} * ({some} - 1))", _MILLION))
    found = _locate(stream.found, below, some, place)
    if size == count:
        return _conclude(stream.found, bins, found, some, stream)
    return _refine(stream, bins, found, some, column, size, window)


def _refine(
    stream: Stream, bins: Edges | Relative, coarse: _Found, some: str, column: str, size: int, window: Window
) -> str:
    """Look a rank up within the group that it falls into."""
    name = f"{column}_{size}"
    if name not in stream.fine:
        group = stream.rows.add(stream.dialect.divide.format(column, size))
        letter = f"f{len(stream.fine)}_"
        steps = stream.make_steps(f"{stream.name}_{name}", f"{stream.name}_found", letter, group)
        stream.fine[name] = steps
    steps = stream.fine[name]
    assert window.low is not None
    last, first = (steps.edge(edge, coarse.bin) for edge in (window.high, window.low))
    below: list[str] = []
    for end in range(size - 1):
        inside = stream.dialect.modulo.format(column, size)
        total = steps.total(f"case when {inside} <= {end} then 1 else 0 end")
        text = f"coalesce({last}.{total}, 0) - coalesce({first}.{total}, 0)"
        below.append(stream.later.base(stream.dialect.cast("int", text)))
    fine = _locate(stream.later, below, coarse.count, coarse.inside)
    whole = stream.later.add(f"{coarse.bin} * {size} + {fine.bin}")
    return _conclude(stream.later, bins, _Found(whole, fine.inside, fine.count), some, stream)


def _locate(layers: Layers, below: Sequence[str], some: str, place: str) -> _Found:
    """Find the first bin up to which there are more values than the place says.

    Args:
        layers: where columns are added.
        below: the columns of how many values there are up to each bin but the last.
        some: the column of how many there are.
        place: the column of the place.
    """
    # Counts up to a bin never fall, so the first that is greater, or the last that is not, is all it takes.
    past = [f"when {count} > {place} then {number}" for number, count in enumerate(below)]
    found = layers.add(f"case {' '.join(past)} else {len(below)} end")
    before = " ".join(f"when {count} <= {place} then {count}" for count in reversed(below))
    upto = " ".join(f"when {count} > {place} then {count}" for count in below)
    least, most = layers.add(f"case {before} else 0 end"), layers.add(f"case {upto} else {some} end")
    return _Found(found, layers.add(f"{place} - {least}"), layers.add(f"{most} - {least}"))


def _conclude(layers: Layers, bins: Edges | Relative, found: _Found, some: str, stream: Stream) -> str:
    """Return what stands for the value at a place of a bin; see `shipway.maths.bins.value_at`."""
    dialect = stream.dialect
    write: Callable[[float], str] = lambda value: write_constant(value, dialect)  # noqa: E731
    if isinstance(bins, Relative):
        values = choose(found.bin, [write(middle) for middle in middles_of(bins)], dialect)
        return f"case when {some} > 0 then {values} end"
    edges = bins.edges
    pairs = [(edges[max(place - 1, 0)], edges[min(place, len(edges) - 1)]) for place in range(len(edges) + 1)]
    lower = layers.add(choose(found.bin, [write(low) for low, _ in pairs], dialect))
    width = layers.add(choose(found.bin, [write(high - low) for low, high in pairs], dialect))
    inside = f"({dialect.cast('float', found.inside)} + {write(0.5)}) / {dialect.cast('float', found.count)}"
    return f"case when {some} > 0 then {lower} + {width} * ({inside}) end"
