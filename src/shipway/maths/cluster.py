"""Clusters: what it costs that whole groups of units are assigned, whose units are like each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.effect import Term, adjust, estimate_term
from shipway.maths.interval import Estimate
from shipway.maths.power import Aim, cluster_factor, units_needed
from shipway.maths.summary import Summary

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Clusters:
    """How units of one cluster are like each other.

    Attributes:
        count: how many clusters there are.
        correlation: of two units of one cluster, from 0 to 1.
        variation: the coefficient of variation of the clusters' sizes.
    """

    count: float
    correlation: float
    variation: float


def measure_clusters(values: Floats, clusters: Codes) -> Clusters:
    """Measure how units of one cluster are like each other, by the analysis of variance.

    With k clusters of sizes m_i and n units in all, m0 = (n - sum m_i^2 / n) / (k - 1), and the correlation is
    (MSB - MSW) / (MSB + (m0 - 1) MSW) of the mean squares between and within clusters (Donner and Klar 2000, "Design
    and Analysis of Cluster Randomization Trials in Health Research", section 1.4). Below 0 it is taken as 0.

    Args:
        values: float64[n].
        clusters: integer[n], the cluster of each unit, 0 or more.

    Raises:
        ValueError: if the arrays differ in length or there are fewer than two clusters.
    """
    if values.shape != clusters.shape:
        raise ValueError(f"values {values.shape} and clusters {clusters.shape} do not belong together")
    levels, index = compact(clusters)
    k, n = levels.size, values.size
    if k < 2:
        raise ValueError(f"{k} clusters are none that could differ")
    sizes = np.bincount(index).astype(np.float64)
    variation = float(sizes.std() / sizes.mean())
    if n == k:
        return Clusters(k, 0.0, variation)
    means = np.bincount(index, weights=values) / sizes
    between = float(sizes @ (means - values.mean()) ** 2) / (k - 1)
    within = float(((values - means[index]) ** 2).sum()) / (n - k)
    typical = (n - float(sizes @ sizes) / n) / (k - 1)
    total = between + (typical - 1) * within
    return Clusters(k, max(0.0, (between - within) / total) if total > 0 else 0.0, variation)


def estimate_clusters(arms: Sequence[Summary], term: Term, covariates: Sequence[Term], size: int) -> list[Estimate]:
    """Estimate a term in each arm from summaries of its clusters, as if there were only as many as count alike.

    The delta method takes few uneven clusters for more than they are: a great one pulls the ratio towards itself and
    leaves less of itself behind. So k clusters count as k_e = (sum m)^2 / sum m^2 of one size (Kish 1965, section 8.2;
    the effective number of clusters of Carter, Schnepel and Steigerwald 2017, "Asymptotic Behavior of a t-Test Robust
    to Cluster Heterogeneity", Rev. Econ. Stat. 99, where they are alike otherwise): the variance is divided by
    k_e - 1 in place of k - 1, and so are the degrees of freedom. Each covariate takes one more.

    Args:
        arms: summaries of clusters.
        term: what is estimated.
        covariates: what is taken away.
        size: the column with the units of each cluster.

    Raises:
        ValueError: as `effect.estimate_term`.
    """
    found = adjust(arms, term, covariates) if covariates else [estimate_term(arm, term) for arm in arms]
    varying = sum(float(sum(arm.products[each.numerator, each.numerator] for arm in arms)) > 0 for each in covariates)
    free = sum(arm.n for arm in arms) - len(arms)
    spent = free / (free - varying) if free > varying else math.inf
    estimates: list[Estimate] = []
    for arm, one in zip(arms, found, strict=True):
        alike = _alike(arm, size)
        if not (alike >= 2 and math.isfinite(spent)):
            estimates.append(Estimate(one.value, math.inf, one.n, arm.n))
            continue
        widened = math.sqrt((arm.n - 1) / arm.n * alike / (alike - 1) * spent)
        estimates.append(Estimate(one.value, one.standard_error * widened, one.n, max(2, math.floor(alike))))
    return estimates


def _alike(arm: Summary, size: int) -> float:
    """Return how many clusters of one size an arm's count as."""
    total = float(arm.mean[size]) * arm.n
    squares = float(arm.products[size, size]) + total * total / arm.n if arm.n else 0.0
    return total * total / squares if squares > 0 else 0.0


def clustered_units(effect: float, aim: Aim, variance: float, clusters: Clusters) -> float:
    """Return the largest number of units, of both arms together, that finds an effect where clusters are assigned.

    More units of the same clusters add ever less: n units need `cluster_factor(n / k)` times as many as independent
    ones would, which is solved for n. By Student's t of k - 2 degrees in place of the normal.

    Returns:
        Units, not rounded; infinite where so many clusters do not find the effect, however many units they have.

    Raises:
        ValueError: as for `units_needed`.
    """
    if clusters.count <= 3:
        return math.inf
    alone = units_needed(effect, aim, variance) * few_factor(aim, clusters.count)
    left = 1 - alone * (1 + clusters.variation**2) * clusters.correlation / clusters.count
    return alone * (1 - clusters.correlation) / left if left > 0 else math.inf


def clustered_variance(units: float, aim: Aim, variance: float, clusters: Clusters) -> float:
    """Return the variance of a unit that independent units would have to have to tell as little as clustered ones.

    Args:
        units: of both arms together.
        aim: of the test.
        variance: of a unit.
        clusters: how they are alike; at least four.

    Returns:
        Infinite where there are too few clusters to tell anything.
    """
    if clusters.count <= 3:
        return math.inf
    inflated = cluster_factor(max(units / clusters.count, 1.0), clusters.correlation, clusters.variation)
    return variance * inflated * few_factor(aim, clusters.count)


def few_factor(aim: Aim, clusters: float) -> float:
    """Return how many times the units that a test by Student's t of k - 2 degrees takes, against the normal."""
    from scipy.special import ndtri, stdtrit

    normal = float(ndtri(aim.power) - ndtri(aim.alpha / aim.sides))
    degrees = clusters - 2
    few = float(stdtrit(degrees, aim.power) - stdtrit(degrees, aim.alpha / aim.sides))
    return (few / normal) ** 2
