"""Strata of units: what they explain of an effect, and whether effects differ between them.

A stratum is a part of the units by what was known before the experiment, such as the country.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shipway.maths.effect import Effect, Term
from shipway.maths.summary import Summary, merge


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether effects differ from stratum to stratum.

    Attributes:
        q: Cochran's Q, the weighted sum of squared differences from the weighted mean.
        degrees: strata less one.
        p: the p-value of "the effect is the same in all strata", by chi-square.
        share: I^2, the share of the effects' spread that chance does not explain, from 0 to 1.
    """

    q: float
    degrees: int
    p: float
    share: float


def stratify(
    arms: Sequence[Mapping[str, Summary]], *, most: int = 50, least: int = 20
) -> tuple[list[Summary], list[Term]]:
    """Return arms with a column for each stratum, 1 for its units and 0 for others, to be covariates of an effect.

    The columns are exactly what they would be had every unit had them: within a stratum they do not vary, and merging
    strata makes their products. Regression on such columns is post-stratification with one theta for both arms, which
    for arms of one size has its variance (Miratrix, Sekhon and Yu 2013, "Adjusting Treatment Effect Estimates by
    Post-Stratification in Randomized Experiments", J. R. Stat. Soc. B 75), and which takes ratios and other covariates
    beside it (`shipway.maths.effect.adjust`). `bench/experiment_strata.py` compares the two.

    Args:
        arms: stratum to the summary of its units, for each arm.
        most: strata that have a column, those with the most units of all arms.
        least: units of all arms below which a stratum has none; those without a column are one stratum together.

    Returns:
        The arms' summaries, the strata's columns after all others, and the terms of these columns.

    Raises:
        ValueError: if an arm has no stratum.
    """
    if not arms or not all(arms):
        raise ValueError("an arm has no stratum")
    counts = {name: sum(arm[name].n for arm in arms if name in arm) for name in {name for arm in arms for name in arm}}
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    told = [name for name in ordered[:most] if counts[name] >= least]
    told = told if len(told) < len(ordered) else told[:-1]  # the last one is where all others are not
    width = next(iter(arms[0].values())).mean.size
    places = {name: place for place, name in enumerate(told)}
    found = [merge([_tell(each, places.get(name), len(told)) for name, each in arm.items()]) for arm in arms]
    return found, [Term(width + place) for place in range(len(told))]


def heterogeneity(effects: Sequence[Effect]) -> Heterogeneity:
    """Test whether the effect differs between strata (Cochran 1954; I^2 of Higgins and Thompson 2002).

    Args:
        effects: the effect of each stratum, units being in one stratum only; those whose error is infinite or 0 are
            left out.
    """
    from scipy.special import chdtrc

    told = [effect for effect in effects if 0 < effect.standard_error < math.inf]
    if len(told) < 2:
        return Heterogeneity(0.0, 0, 1.0, 0.0)
    values = np.array([effect.value for effect in told])
    weights = 1 / np.array([effect.standard_error for effect in told]) ** 2
    q = float(weights @ (values - (weights @ values) / weights.sum()) ** 2)
    degrees = len(told) - 1
    return Heterogeneity(q, degrees, float(chdtrc(degrees, q)), max(0.0, 1 - degrees / q) if q > 0 else 0.0)


def _tell(summary: Summary, place: int | None, columns: int) -> Summary:
    """Return the summary of a stratum with columns more, of which one is 1 for all its units."""
    which = np.zeros(columns)
    if place is not None:
        which[place] = 1.0
    size = summary.mean.size
    products = np.zeros((size + columns, size + columns))
    products[:size, :size] = summary.products
    return Summary(summary.n, np.concatenate([summary.mean, which]), products)
