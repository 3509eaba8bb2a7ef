"""Switchback designs: everybody gets one variant for a while, then the other, and stretches of time are the units.

Where units share a market (drivers, stock, auctions), what treated ones gain untreated ones may lose, so time is
assigned instead. The rows of a stretch depend on each other: its sums are what is independent, if at all, and the first
minutes after a switch still feel the other variant.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.effect import Effect, Term, compare, estimate_term
from shipway.maths.summary import summarise

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.integer[Any]]

_BATCH: Final = 256


@dataclass(frozen=True, slots=True)
class Randomisation:
    """What assigning the stretches anew would have shown if the treatment did nothing.

    Attributes:
        p: the two-sided p-value, the assignment seen counted among those drawn.
        draws: how many other assignments were drawn.
    """

    p: float
    draws: int


def after_carry_over(times: Floats, switches: Floats, burn_in: float) -> Bools:
    """Return which rows are late enough after a switch not to feel the variant before it.

    Bojinov, Simchi-Levi and Zhao 2023, "Design and Analysis of Switchback Experiments", Management Science 69: effects
    that carry over for a known time are kept out by leaving that time out.

    Args:
        times: float64[n], when each row happened.
        switches: float64[s], the starts of the stretches, rising, in the same unit.
        burn_in: how long a variant is felt after it was switched off.

    Returns:
        bool[n]; false as well for rows before the first start.

    Raises:
        ValueError: if the starts do not rise or the time is negative.
    """
    if not switches.size or not (np.diff(switches) > 0).all() or burn_in < 0:
        raise ValueError("the starts of the stretches do not rise, or the burn-in is negative")
    place = np.searchsorted(switches, times, side="right") - 1
    return (place >= 0) & (times - switches[np.maximum(place, 0)] >= burn_in)


def switchback_effect(sums: Floats, sizes: Floats, treated: Bools) -> Effect:
    """Measure the effect on a mean over rows, stretches being the units.

    The mean of an arm is a ratio of sums over its stretches, with a delta-method error and a t of few degrees.

    Args:
        sums: float64[s], the metric's sum in each stretch.
        sizes: float64[s], the rows of each, above 0; ones to compare means of stretches whatever their size.
        treated: bool[s], which stretches had the treatment.

    Raises:
        ValueError: if the arrays differ in length or an arm has no stretch.
    """
    if not sums.shape == sizes.shape == treated.shape or not treated.any() or treated.all():
        raise ValueError("the arrays differ in length, or an arm has no stretch")
    arms = [summarise(np.column_stack([sums[held], sizes[held]])) for held in (~treated, treated)]
    return compare(*(estimate_term(arm, Term(0, 1)) for arm in arms))


def randomisation_p(
    sums: Floats, sizes: Floats, treated: Bools, blocks: Codes, *, draws: int = 10_000, seed: int = 0
) -> Randomisation:
    """Test "the treatment did nothing in any stretch" by assigning the stretches anew, within blocks.

    Fisher 1935: exact for any metric, however the stretches depend on each other, if they were assigned so. It holds
    with ten stretches, where a t-test has to trust normality.

    Args:
        sums: float64[s], the metric's sum in each stretch.
        sizes: float64[s], the rows of each, above 0.
        treated: bool[s], which stretches had the treatment.
        blocks: integer[s], the block (such as a day) within which stretches were shuffled; zeros if over all of them.
        draws: how many assignments are drawn.
        seed: of the draws.

    Raises:
        ValueError: if the arrays differ in length or an arm has no stretch.
    """
    if not sums.shape == sizes.shape == treated.shape == blocks.shape or not treated.any() or treated.all():
        raise ValueError("the arrays differ in length, or an arm has no stretch")
    order = np.argsort(blocks, kind="stable")
    sums, sizes, treated, blocks = sums[order], sizes[order], treated[order], blocks[order]

    def difference(assigned: Floats) -> Floats:
        top, bottom = assigned @ sums, assigned @ sizes
        return np.abs(top / bottom - (sums.sum() - top) / (sizes.sum() - bottom))

    seen = float(difference(treated[None].astype(np.float64))[0])
    rng, as_great, done = np.random.default_rng(seed), 0, 0
    while done < draws:
        many = min(_BATCH, draws - done)
        # Sorting by block and then by chance shuffles within blocks.
        keys = np.argsort(blocks + rng.random((many, blocks.size)), axis=1, kind="stable")
        as_great += int((difference(treated[keys].astype(np.float64)) >= seen * (1 - 1e-12)).sum())
        done += many
    return Randomisation((as_great + 1) / (draws + 1), draws)
