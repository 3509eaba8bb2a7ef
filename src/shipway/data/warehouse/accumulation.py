"""Aggregates in a warehouse that keep more than a count and a sum: spreads, sums that fade, and counts of bins.

Each is a function of whole numbers that add up, the same ones as in `shipway.data.accumulation`.
"""

from typing import cast

from shipway.core.online import SCALE
from shipway.data.warehouse.bin import add_place
from shipway.data.warehouse.fading import conclude, fade_rows
from shipway.data.warehouse.presence import Presences
from shipway.data.warehouse.rank import rank
from shipway.data.warehouse.stream import Stream, Window
from shipway.data.warehouse.translation import write_constant
from shipway.data.warehouse.vote import Votes
from shipway.data.warehouse.wide import choose, round_wide
from shipway.maths.bins import MOST, Categories, Edges, Hashes, Relative, estimates, kind_of_categories
from shipway.maths.expression import Aggregate
from shipway.maths.vector import Kind


def spread(stream: Stream, node: Aggregate, window: Window) -> str:
    """Return a variance or deviation as SQL on what is found."""
    assert node.value is not None
    dialect, found = stream.dialect, stream.found
    number, scaled = stream.number(node.value)
    wide = dialect.cast("vast", number)
    square = stream.rows.add(f"{wide} * {wide}")
    count = stream.difference(window, stream.steps.count(number))
    total = dialect.cast("vast", stream.difference(window, stream.steps.total(number)))
    squares = stream.difference(window, stream.steps.total(square), "vast")
    exact = found.add(f"{dialect.cast('vast', count)} * {squares} - {total} * {total}")
    pairs = dialect.cast("float", f"{count} * ({count} - 1)")
    unit = write_constant(SCALE * SCALE if scaled else 1.0, dialect)
    variance = found.add(f"case when {count} > 1 then ({round_wide(exact, dialect)}) / ({pairs} * {unit}) end")
    return f"sqrt({variance})" if node.kind == "deviation" else variance


def fade(stream: Stream, node: Aggregate, window: Window) -> str:
    """Return a sum that fades as SQL on what is found."""
    assert node.value is not None
    assert node.width_us is not None, "its half-life"
    dialect, found = stream.dialect, stream.found
    number, scaled = stream.number(node.value)
    units = number if scaled else stream.rows.add(f"{number} * {int(SCALE)}")
    even, odd = (
        stream.difference(window, stream.steps.total(column), "vast")
        for column in fade_rows(stream.rows, units, node.width_us, dialect)
    )
    names = ("odd", "place", "up", "high", "middle", "low", "weight")
    moves = {name: stream.fading(window.fading, name) for name in names}
    return stream.known(found.add(conclude(found, even, odd, moves, dialect)), Window(window.high, None))


def count_bins(stream: Stream, node: Aggregate, window: Window) -> tuple[str, Kind]:
    """Return a quantile, a number of different values or a most common value, as SQL on what is found, and its kind."""
    assert node.value is not None, "the value that is counted"
    assert node.bins is not None, "what it is counted in"
    assert node.width_us is not None
    column = add_place(stream, node.value, node.bins)
    match node.bins:
        case Edges() | Relative() as bins:
            return rank(stream, bins, node.share, column, window), "float"
        case Categories(values=values) if node.kind == "common":
            part = cast("Votes", stream.part(f"vote {column} {node.width_us}", _make_votes(stream, column, node)))
            best = stream.found.base(f"{part.name}.{part.want(node.place)}")
            kind = kind_of_categories(values)
            chosen = [write_constant(float(v) if kind == "float" else v, stream.dialect) for v in values]
            # A count with the number below it: what is left of 4,096 says which it is.
            code = stream.found.add(f"{MOST - 1} - {stream.dialect.modulo.format(best, MOST)}")
            return f"case when {best} is not null then {choose(code, chosen, stream.dialect)} end", kind
        case Categories() | Hashes() as bins:
            name = f"{stream.name}_{column}"
            part = cast("Presences", stream.part(f"there {column}", Presences(name, stream.steps, column)))
            count = stream.found.base(f"{part.name}.{part.want(node.width_us)}")
            if isinstance(bins, Categories):
                return count, "int"
            sizes = [write_constant(size, stream.dialect) for size in estimates(bins.count)]
            return f"case when {count} is not null then {choose(count, sizes, stream.dialect)} end", "float"


def _make_votes(stream: Stream, column: str, node: Aggregate) -> Votes:
    return Votes(f"{stream.name}_{column}_{node.width_us}", stream.steps, column, node.width_us or 0)
