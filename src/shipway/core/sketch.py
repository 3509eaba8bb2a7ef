"""The bins that words for windows are given, checked where they stand."""

import itertools
import math
from collections.abc import Sequence
from typing import cast

from shipway.core.argument import write
from shipway.core.error import ShipwayError
from shipway.maths.bins import MOST, Categories, Edges, Hashes, Relative, check_categories, count_bins
from shipway.maths.expression import Scalar


def take_edges(values: Sequence[float]) -> Edges:
    """Return bins between ascending numbers; SW-106 for anything else."""
    hint = "write ascending numbers, such as bins=[0, 15, 60, 240], or w.relative(0.02, least=1, greatest=1440)"
    if not isinstance(values, list | tuple):
        raise ShipwayError("SW-106", f"the bins of w.quantile are {write(values)}, which is no list of numbers", hint)
    edges = tuple(_number(value, "an edge of w.quantile") for value in values)
    if not edges or any(upper <= lower for lower, upper in itertools.pairwise(edges)):
        raise ShipwayError("SW-106", "the bins of w.quantile do not ascend", hint)
    if len(edges) >= MOST:
        raise ShipwayError("SW-106", f"w.quantile has {len(edges) + 1} bins", f"write {MOST - 1} edges at most")
    return Edges(edges)


def take_relative(accuracy: float, least: float, greatest: float) -> Relative:
    """Return bins with a relative error; SW-106 for what makes none, or too many."""
    bins = Relative(
        *(_number(each, f"{name} of w.relative") for name, each in (
            ("the accuracy", accuracy), ("the least", least), ("the greatest", greatest),
        ))
    )  # fmt: skip
    if not 1e-4 <= bins.accuracy <= 0.5:
        raise ShipwayError(
            "SW-106", f"an accuracy of {accuracy!r} is not between 0.0001 and 0.5", "write 0.02 for two percent"
        )
    if not 0 < bins.least < bins.greatest:
        raise ShipwayError(
            "SW-106", f"{least!r} to {greatest!r} is no range above zero", "write least=1, greatest=1440"
        )
    if math.log(bins.greatest / bins.least) > 2 * bins.accuracy * MOST or count_bins(bins) > MOST:
        raise ShipwayError(
            "SW-106",
            f"{least!r} to {greatest!r} within {accuracy!r} needs more than {MOST} bins",
            "allow a greater error, or a narrower range",
        )
    return bins


def take_categories(values: Sequence[Scalar]) -> Categories:
    """Return a bin for each of some values; SW-106 for anything else."""
    hint = 'write the values that are counted, such as of=["a", "b"]'
    if not isinstance(values, list | tuple):
        raise ShipwayError("SW-106", f"of is {write(values)}, which is no list of values", hint)
    fault = check_categories(cast("Sequence[object]", values))
    if fault is not None:
        raise ShipwayError("SW-106", fault, hint)
    return Categories(tuple(value if isinstance(value, str | bool) else _plain(value) for value in values))


def take_hashes(count: int) -> Hashes:
    """Return bins that values are spread over; SW-106 for a number that is no power of two."""
    if type(count) is not int or not 16 <= count <= MOST or count & (count - 1):
        raise ShipwayError(
            "SW-106", f"bins is {write(count)}, which is no power of two from 16 to {MOST}", "write bins=256"
        )
    return Hashes(count)


def take_share(share: float) -> float:
    """Return which quantile is meant; SW-106 if it is none, or finer than millionths."""
    taken = _number(share, "the quantile")
    if not 0 < taken < 1 or round(taken * 1e6) / 1e6 != taken:
        raise ShipwayError(
            "SW-106",
            f"a quantile of {share!r} is not between 0 and 1 with six decimals at most",
            "write 0.5 for the median, 0.99 for what 99 % are at or below",
        )
    return taken


def take_place(place: int, count: int) -> int:
    """Return which of the most common values is meant; SW-106 if there are not so many."""
    if type(place) is not int or not 1 <= place <= count:
        raise ShipwayError(
            "SW-106", f"place is {write(place)}, and there are {count} values", "write 1 for the most common one"
        )
    return place


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ShipwayError("SW-106", f"{where} is {write(value)}, which is no finite number", "write a number")
    return float(value) + 0.0  # there is one zero


def _plain(value: int | float) -> int | float:
    return value if isinstance(value, int) else _number(value, "a value that is counted")
