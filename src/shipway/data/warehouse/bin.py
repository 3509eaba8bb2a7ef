"""The bins that values are counted in, in SQL: which bin a value falls into is what `shipway.maths.bins.place` says."""

from typing import Final

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.data.warehouse.dialect import Dialect
from shipway.data.warehouse.layer import Layers
from shipway.data.warehouse.stream import Stream
from shipway.data.warehouse.translation import cast_to, floor_divide, to_sql, write_constant
from shipway.maths.bins import MIXES, Bins, Categories, Edges, Hashes, Relative, edges_of
from shipway.maths.expression import Constant, Operation, render

_HALF: Final = 1 << 32
_QUARTER: Final = 1 << 16


def add_place(stream: Stream, value: Expr, bins: Bins) -> str:
    """Return the column of a stream's rows that holds the bin of a value, null where it has none.

    Raises:
        ShipwayError: SW-403 for values that the warehouse cannot spread over bins.
    """
    match bins:
        case Edges() | Relative():
            return _place_number(stream, value, bins)
        case Categories():
            return _place_category(stream, value, bins)
        case Hashes():
            return _place_hash(stream, value, bins)


def _place_number(stream: Stream, value: Expr, bins: Edges | Relative) -> str:
    dialect, kind = stream.dialect, stream.kind_of(value)
    number = stream.rows.base(cast_to("float", to_sql(value, stream.columns), kind, dialect))
    edges = [write_constant(edge, dialect) for edge in edges_of(bins)]

    def below(first: int, last: int) -> str:
        """Return the bin of a number that is known to be in one of those from the first to the last."""
        if first == last:
            return str(first)
        middle = (first + last) // 2
        return f"case when {number} < {edges[middle]} then {below(first, middle)} else {below(middle + 1, last)} end"

    return stream.rows.add(f"case when {number} is not null then {below(0, len(edges))} end")


def _place_category(stream: Stream, value: Expr, bins: Categories) -> str:
    # Of declared values that one number is equal to, as a float, the last one has it.
    found = [
        f"when {to_sql(Operation('eq', (value, Constant(each))), stream.columns)} then {place}"
        for place, each in reversed([*enumerate(bins.values)])
    ]
    return stream.rows.base(f"case {' '.join(found)} end")


def _place_hash(stream: Stream, value: Expr, bins: Hashes) -> str:
    dialect, kind, rows = stream.dialect, stream.kind_of(value), stream.rows
    text = to_sql(value, stream.columns)
    hint = "declare the values that are counted with of=, or build the frame with shipway run"
    if kind == "text":
        fact = f"texts such as {render(value)} are spread over bins by BLAKE2b, which {dialect.name} does not have"
        raise ShipwayError("SW-403", fact, hint)
    if kind == "float":
        if dialect.bits is None:
            fact = f"{render(value)} is spread over bins by the bits of a float, which {dialect.name} does not show"
            raise ShipwayError("SW-403", fact, hint)
        # The two zeros are one.
        word = rows.add(dialect.bits.format(f"({rows.base(text)} + 0.0)"))
    else:
        word = rows.base(cast_to("int", text, kind, dialect))
    above = rows.add(floor_divide(word, str(_HALF), dialect))
    low = rows.add(f"{word} - {above} * {_HALF}")
    high = rows.add(f"{above} + case when {above} < 0 then {_HALF} else 0 end")
    for shift, factor in MIXES:
        high, low = _turn(rows, high, low, shift, dialect)
        if factor != 1:
            high, low = _multiply(rows, high, low, factor, dialect)
    return rows.add(dialect.divide.format(high, _HALF // bins.count))


def _turn(rows: Layers, high: str, low: str, shift: int, dialect: Dialect) -> tuple[str, str]:
    """Return the halves of a word that is bit by bit one or the other of itself and itself moved down."""
    moved = dialect.divide.format(low, 1 << shift)
    lost = dialect.modulo.format(high, 1 << shift)
    down = rows.add(f"{moved} + {lost} * {1 << (32 - shift)}")
    up = rows.add(dialect.divide.format(high, 1 << shift))
    return rows.add(dialect.xor.format(high, up)), rows.add(dialect.xor.format(low, down))


def _multiply(rows: Layers, high: str, low: str, factor: int, dialect: Dialect) -> tuple[str, str]:
    """Return the halves of a word times a number, less what is above 64 bits; no step of it leaves 63."""
    above, below = divmod(factor, _HALF)
    least, beyond = _times(rows, low, below, dialect)
    carry = f"{dialect.divide.format(least, _HALF)} + {dialect.divide.format(beyond, _QUARTER)}"
    most = rows.add(f"{carry} + {_times(rows, high, below, dialect)[0]} + {_times(rows, low, above, dialect)[0]}")
    return rows.add(dialect.modulo.format(most, _HALF)), rows.add(dialect.modulo.format(least, _HALF))


def _times(rows: Layers, half: str, factor: int, dialect: Dialect) -> tuple[str, str]:
    """Return half a word times half a word in two parts, of which the second is worth 2^16 in what the first leaves.

    The first has all of the lower 32 bits; of the second, only what is above its 16 bits belongs beyond those.
    """
    upper = rows.add(f"({dialect.divide.format(half, _QUARTER)}) * {factor}")
    lower = f"({dialect.modulo.format(half, _QUARTER)}) * {factor}"
    return rows.add(f"({dialect.modulo.format(upper, _QUARTER)}) * {_QUARTER} + {lower}"), upper
