"""The answers of blocks: what a series' newest entry and the edges of its windows come to."""

import math
from collections.abc import Sequence
from operator import add, sub
from typing import TypeAlias

from shipway.core.entry import unpack_varied
from shipway.core.online import SCALE, Scalar
from shipway.maths.decay import LANES, conclude
from shipway.maths.wide import LIMBS
from shipway.serving.block import Block
from shipway.serving.cell import Fade, Spread

Values: TypeAlias = Sequence[bytes | None]
"""Values of a series at some edges, None where nothing stands at or before one."""


def add_up(block: Block, newest: bytes, entries: Values, bases: Values) -> list[int]:
    """Return what the windows of a block add up to, as the cells of the block read it.

    Args:
        block: whose windows they are; it has some that are added up.
        newest: the newest entry.
        entries: at the lower edges.
        bases: at the instant of the block, then at the lower edges.
    """
    zeros, high, low = block.zeros, block.high, block.low
    parts = [newest, *[zeros if entry is None else entry for entry in entries]]
    if block.varied:
        parts = [part[: len(zeros)] for part in parts]
    totals = block.edges.unpack(b"".join(parts))
    if bases.count(bases[0]) == len(bases):
        # Where all edges have one base, or none, it makes no difference to theirs.
        return list(map(sub, high(totals), low(totals)))
    before = block.edges.unpack(b"".join([zeros if base is None else base for base in bases]))
    return list(map(sub, map(add, high(totals), high(before)), map(add, low(totals), low(before))))


def conclude_block(block: Block, sums: Sequence[int], newest: tuple[int, bytes], at: int) -> list[Scalar]:
    """Return a block's cells but for the first values and the extrema of windows.

    Args:
        block: the block.
        sums: what its windows add up to.
        newest: the instant of the newest entry, and the entry.
        at: as of when, microseconds since 1970 UTC.
    """
    values: list[Scalar] = [sums[place] for place in block.counts]
    if block.sums:
        values += [sums[place] if unit is None else sums[place] / unit for place, unit in block.sums]
    if block.means:
        values += [sums[place + 1] / (sums[place] * unit) if sums[place] else None for place, unit in block.means]
    if block.spreads:
        values += [_spread(sums, one) for one in block.spreads]
    if block.fades:
        values += [_fade(sums, one, at) for one in block.fades]
    if block.recent:
        varied, age = unpack_varied(block.packing, newest[1]), at - newest[0]
        values += [None if age >= width else age if slot is None else varied[slot] for slot, width in block.recent]
    return values


def _spread(sums: Sequence[int], one: Spread) -> float | None:
    """Return a variance or deviation, by the steps that a frame takes."""
    count, total = sums[one.place], sums[one.place + 1]
    if count < 2:
        return None
    squares = sum(lane << 32 * place for place, lane in enumerate(sums[one.squares : one.squares + LIMBS]))
    variance = float(count * squares - total * total) / (float(count * (count - 1)) * (one.unit * one.unit))
    return math.sqrt(variance) if one.root else variance


def _fade(sums: Sequence[int], one: Fade, at: int) -> float:
    return conclude(sums[one.place : one.place + LANES], at, one.half_us, SCALE)
