"""The levels of a series: what stands beside its entries so that no read and no write costs more as it grows.

A series has its entries on a level of their own, `ENTRIES`. Some of its instants are *cuts*: those whose bits, well
mixed, end in zeros, one in `BLOCK` on average. An entry's totals run from the last cut at or before it, and on the
level `BASES` a cut has the totals of all that came before it. So what a series adds up to at T is the sum of two
answers, the newest entry at or before T and the newest base at or before T; and a row that comes late raises the rest
of its block and the bases after it, not all entries after it. Which instants are cuts is a matter of the instants
alone, so that the same rows make the same store, in whatever order they came.

Series that keep extrema have *spans* in the same way, of one cut in `FAN` entries, of one in `FAN` squared and so on, a
level of the store for each: a span stands at the cut it ends before, and holds the least and the greatest values since
the cut of its level before that (after the skip lists of Pugh 1990, with coins that fall alike every time).

The rows of an instant that has several stand on the level `ROWS`.
"""

from typing import Final

BLOCK: Final = 64
"""How many entries there are between two cuts on average: what a late row rewrites against how many bases it raises."""
FAN: Final = 16
"""How many spans of one level there are to one of the next, on average."""
ENTRIES: Final = 0
BASES: Final = 1
ROWS: Final = 2
SPANS: Final = 3
"""The level of the narrowest spans; those of wider ones follow."""
TALLEST: Final = 12
"""How many levels of spans there are at most: enough for more entries than there are instants."""

_FAN_BITS: Final = FAN.bit_length() - 1
_WORD: Final = (1 << 64) - 1


def mix_instant(instant: int) -> int:
    """Return an instant's bits well mixed: SplitMix64 (Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom...").

    Instants are often whole minutes, days or steps of something else, of which no bit alone is evenly set.
    """
    mixed = (instant + 0x9E3779B97F4A7C15) & _WORD
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _WORD
    return mixed ^ (mixed >> 31)


def is_cut(instant: int) -> bool:
    """Tell whether an entry at an instant begins a block."""
    return not mix_instant(instant) % BLOCK


def count_spans(instant: int) -> int:
    """Return on how many levels a span ends before an instant."""
    mixed = mix_instant(instant)
    return min(((mixed & -mixed).bit_length() - 1) // _FAN_BITS, TALLEST) if mixed else TALLEST


def name_level(series: bytes, level: int) -> bytes:
    """Return the name of another level of a series."""
    return series[:2] + level.to_bytes() + series[3:]
