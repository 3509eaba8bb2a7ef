"""Sums that fade with time in SQL, by the very steps of `shipway.maths.decay`.

An event adds `q * 2^(k mod 64)` to the blocks with the parity of its own, as a wide number in place of limbs. What the
instant of a question says (how far to move each, what the sum has faded to within its period) is calculated once for
each half-life.
"""

from typing import Final

from shipway.core.online import SCALE
from shipway.data.warehouse.dialect import Dialect
from shipway.data.warehouse.layer import Layers
from shipway.data.warehouse.translation import floor_divide, write_constant
from shipway.data.warehouse.wide import choose, power_of_two, round_wide, split_wide
from shipway.maths.decay import LOG, PERIODS, ROOTS, SERIES, STEPS

_MIDDLE: Final = 40
"""The bit that the second of the three pieces of a wide number begins at; the third begins at twice that."""


def lower_edge(instant: str, half_us: int, dialect: Dialect) -> str:
    """Return the instant that the window of a fading sum begins after, as SQL."""
    return f"({floor_divide(instant, str(half_us), dialect)} - {PERIODS - 1}) * {half_us} - 1"


def fade_rows(rows: Layers, units: str, half_us: int, dialect: Dialect) -> tuple[str, str]:
    """Return the columns of what rows add to the sums of even and of odd blocks.

    Args:
        rows: what is read of the rows; `h` is when they became known.
        units: the column of their values in millionths.
        half_us: the half-life.
        dialect: the SQL that is spoken.
    """
    period = rows.add(floor_divide("h", str(half_us), dialect))
    weight = _add_power(rows, rows.add(f"h - {period} * {half_us}"), half_us, dialect)
    weighed = rows.add(dialect.whole.format(rows.add(f"{dialect.cast('float', units)} * {weight}")))
    place, odd = _add_place(rows, period, dialect)
    ups = [power_of_two(bits, dialect) for bits in range(PERIODS)]
    moved = rows.add(f"{dialect.cast('vast', weighed)} * ({choose(place, ups, dialect)})")
    return rows.add(f"case when {odd} = 0 then {moved} end"), rows.add(f"case when {odd} = 1 then {moved} end")


def write_fading(half_us: int, asked: str, dialect: Dialect) -> str:
    """Return the relation that says what moves and fades a sum when each row is asked about.

    Its columns are `odd`, the parity of the block; `place`, that of the period in it; `up`, `high`, `middle` and `low`,
    the powers of two that the sum of this block and the pieces of the last one are moved by; and `weight`.

    Args:
        half_us: the half-life.
        asked: the column of the rows asked about that holds the instant.
        dialect: the SQL that is spoken.
    """
    layers = Layers("z", dialect.fence)
    instant = layers.base(asked)
    period = layers.add(floor_divide(instant, str(half_us), dialect))
    place, odd = _add_place(layers, period, dialect)
    rest = layers.add(f"{half_us} - ({instant} - {period} * {half_us})")
    weight = _add_power(layers, rest, half_us, dialect)
    places = range(PERIODS)
    ups = choose(place, [power_of_two(PERIODS - 1 - each, dialect) for each in places], dialect)
    # The sum of the last block is moved down by place + 1 bits, which its pieces are in a way that loses none.
    high = choose(place, [power_of_two(2 * _MIDDLE - 1 - each, dialect) for each in places], dialect)
    middle = choose(place, [power_of_two(max(_MIDDLE - 1 - each, 0), dialect) for each in places], dialect)
    low = choose(place, [str(1 << (each + 1 if each < _MIDDLE else each + 1 - _MIDDLE)) for each in places], dialect)
    text = layers.stack(f"select r,\n  {asked} as {instant}\nfrom asked")
    wanted = {"odd": odd, "place": place, "up": ups, "high": high, "middle": middle, "low": low, "weight": weight}
    columns = ",\n  ".join(f"{value} as {name}" for name, value in wanted.items())
    return f"select r,\n  {columns}\nfrom (\n{text}{dialect.fence}\n) as w"


def conclude(found: Layers, even: str, odd: str, moves: dict[str, str], dialect: Dialect) -> str:
    """Return the faded sum as SQL on what is found.

    Args:
        found: what is found.
        even: the column of the sum over even blocks.
        odd: that over odd ones.
        moves: the columns of `write_fading`, by their names there.
        dialect: the SQL that is spoken.
    """
    this = found.add(f"case when {moves['odd']} = 0 then {even} else {odd} end")
    last = found.add(f"case when {moves['odd']} = 0 then {odd} else {even} end")
    low, middle, high = (found.add(text) for text in split_wide(last, dialect))
    moved = dialect.cast("vast", dialect.divide.format(low, moves["low"]))
    near = f"{dialect.cast('vast', middle)} * {moves['middle']} + {moved}"
    far = dialect.cast("vast", dialect.divide.format(middle, moves["low"]))
    rest = f"case when {moves['place']} < {_MIDDLE} then {near} else {far} end"
    exact = found.add(f"{this} * {moves['up']} + {dialect.cast('vast', high)} * {moves['high']} + {rest}")
    share, unit = write_constant(2.0**-PERIODS, dialect), write_constant(SCALE, dialect)
    return f"({found.add(round_wide(exact, dialect))}) * {share} * {moves['weight']} / {unit}"


def _add_place(layers: Layers, period: str, dialect: Dialect) -> tuple[str, str]:
    """Return the place of a period in its block, and the parity of that."""
    block = layers.add(floor_divide(period, str(PERIODS), dialect))
    place = layers.add(f"{period} - {block} * {PERIODS}")
    return place, layers.add(f"{block} - {floor_divide(block, '2', dialect)} * 2")


def _add_power(layers: Layers, rest: str, half_us: int, dialect: Dialect) -> str:
    """Return 2^(rest / half), by the operations of `shipway.maths.decay.power` in their order."""
    scaled = layers.add(f"{rest} * {STEPS}")
    step = layers.add(dialect.divide.format(scaled, half_us))
    left = dialect.cast("float", f"{scaled} - {step} * {half_us}")
    half, log, one = (write_constant(value, dialect) for value in (float(half_us), LOG, 1.0))
    x = layers.add(f"{left} / {half} * {log}")
    tail = write_constant(SERIES[-1], dialect)
    for factor in reversed(SERIES[:-1]):
        tail = f"{write_constant(factor, dialect)} + {x} * ({tail})"
    root = layers.add(choose(step, [write_constant(value, dialect) for value in ROOTS], dialect))
    return layers.add(f"{root} + {root} * ({x} * ({one} + {x} * ({tail})))")
