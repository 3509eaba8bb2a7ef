"""The words for how often one may look at an experiment, and how sure one has to be."""

from shipway.core.argument import take_width, write
from shipway.core.error import ShipwayError
from shipway.core.experiment import SPENDINGS, Design, Spending
from shipway.kit.suggestion import did_you_mean


def group_sequential(
    *, alpha: float = 0.05, power: float = 0.8, spending: str = "obrien_fleming", most: str = "56d"
) -> Design:
    """Look as often as you like up to a largest number of units: each look spends some of alpha.

    Args:
        alpha: probability, over all looks and metrics, of calling an effect where there is none, on either side.
        power: probability of finding an effect as great as a metric's `detect`.
        spending: `obrien_fleming`, which keeps nearly all of alpha for the end, or `pocock`, which spends it evenly.
        most: the longest that units are taken in.

    Raises:
        ShipwayError: SW-104 for another spending, SW-106 for probabilities that are none.
    """
    if spending not in SPENDINGS[:2]:
        raise ShipwayError("SW-104", f"there is no spending {spending!r}", did_you_mean(str(spending), SPENDINGS[:2]))
    return _make_design("group_sequential", "pocock" if spending == "pocock" else SPENDINGS[0], alpha, power, most)


def always_valid(*, alpha: float = 0.05, power: float = 0.8, most: str = "56d") -> Design:
    """Look whenever you like, without a largest number of units; it takes 64 to 90 % more units for the same power.

    Args:
        alpha: as for `group_sequential`.
        power: as for `group_sequential`.
        most: how long the plan takes units in; the interval is narrowest there, and holds after it too.
    """
    return _make_design("always_valid", "always_valid", alpha, power, most)


def _make_design(word: str, spending: Spending, alpha: float, power: float, most: str) -> Design:
    if not (0 < alpha < 0.5 and 0.5 <= power < 1):
        fact = f"{word} has alpha={alpha!r} and power={power!r}"
        raise ShipwayError("SW-106", fact, "alpha lies between 0 and 0.5, power from 0.5 on and below 1")
    return Design(spending, float(alpha), float(power), take_width(most, f"`most` of sw.{word}"))


def take_design(whose: str, design: object) -> Design:
    """Return a design; SW-106 for anything else."""
    if isinstance(design, Design):
        return design
    raise ShipwayError("SW-106", f"`design` {whose} is {write(design)}", "write design=sw.group_sequential()")
