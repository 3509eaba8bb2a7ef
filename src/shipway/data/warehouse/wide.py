"""Whole numbers of more than 64 bits in SQL, and values that are chosen by a whole number.

Six dialects have decimal numbers of 38 digits or more, which add, multiply and leave a remainder exactly. None says how
it rounds them to a float, so they are cut at bits 40 and 80 into pieces that are floats as they are, and those are
added up such that one addition rounds.
"""

from collections.abc import Sequence
from typing import Final

from shipway.data.warehouse.dialect import Dialect
from shipway.data.warehouse.translation import write_constant

_LOW: Final = 40
_HIGH: Final = 80


def power_of_two(bits: int, dialect: Dialect) -> str:
    """Return 2^bits as a wide number."""
    return dialect.cast("vast", f"'{1 << bits}'")


def round_wide(number: str, dialect: Dialect) -> str:
    """Return a wide number below 2^127 as the nearest float, the even one of two.

    Up to 93 bits, two pieces of at most 53 bits are the number. Beyond, the lowest piece is less than half of what the
    float's last bit is worth, so that all it can say is whether something is left (rounding to odd: Boldo and Melquiond
    2008, "Emulation of FMA and correctly rounded sums").

    Args:
        number: the column that holds it.
        dialect: the SQL that is spoken.
    """
    lowest, low = _rest(number, _LOW, dialect), _rest(number, _HIGH, dialect)
    half, nothing = (write_constant(value, dialect) for value in (2.0 ** (_LOW - 1), 0.0))
    sticky = f"case when {lowest} > 0 then {half} when {lowest} < 0 then -{half} else {nothing} end"
    two = f"{dialect.cast('float', f'{number} - {lowest}')} + {dialect.cast('float', lowest)}"
    high, middle = dialect.cast("float", f"{number} - {low}"), dialect.cast("float", f"{low} - {lowest}")
    return f"case when abs({number}) < {power_of_two(93, dialect)} then {two} else {high} + ({middle} + {sticky}) end"


def split_wide(number: str, dialect: Dialect) -> tuple[str, str, str]:
    """Return a wide number in three whole ones of 64 bits with its sign: what bits 0, 40 and 80 begin."""
    lowest, low = _rest(number, _LOW, dialect), _rest(number, _HIGH, dialect)

    def cut(text: str, bits: int) -> str:
        # Such a piece is a float as it is, and a power of two only changes its exponent.
        down = write_constant(2.0**-bits, dialect)
        return dialect.whole.format(f"({dialect.cast('float', text)} * {down})")

    return dialect.cast("int", lowest), cut(f"{low} - {lowest}", _LOW), cut(f"{number} - {low}", _HIGH)


def choose(index: str, values: Sequence[str], dialect: Dialect) -> str:
    """Return one of some values by its place, from 0; what is chosen by null means nothing."""
    if len(set(values)) == 1:
        return values[0]
    if dialect.pick is not None:
        return dialect.pick.format(", ".join(values), index)

    def among(first: int, last: int) -> str:
        if len(set(values[first:last])) == 1:
            return values[first]
        middle = (first + last) // 2
        return f"case when {index} < {middle} then {among(first, middle)} else {among(middle, last)} end"

    return among(0, len(values))


def _rest(number: str, bits: int, dialect: Dialect) -> str:
    return f"({dialect.modulo.format(number, power_of_two(bits, dialect))})"
