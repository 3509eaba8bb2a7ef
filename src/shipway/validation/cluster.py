"""Daily statistics of an experiment that assigns clusters: what each cluster's units of a day come to.

A cluster, such as a city, goes on for many days and is one draw of the assignment, so days cannot be merged as if their
clusters were others. Each day keeps the sums of each cluster; a look adds them up by cluster, and the clusters are then
the units: the mean over units is a ratio of sums to sizes, whose delta-method error is the cluster-robust one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.maths.summary import Summary, sum_clusters, summarise
from shipway.validation.experiment import DAY, VARIANT, name_slices

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSums:
    """What some units of a day come to for one metric, cluster by cluster.

    Attributes:
        variant: what they met.
        column: the column they are a slice by; empty for all units of the variant.
        value: the slice's value, as text.
        n: how many units.
        names: the clusters.
        sums: float64[clusters, columns + 1], the sum of each column, and last the number of units.
    """

    variant: str
    column: str
    value: str
    n: int
    names: list[str]
    sums: Floats


def sum_days(
    units: pl.DataFrame, clusters: Sequence[str], values: Floats, variants: Sequence[str], slices: Sequence[str]
) -> dict[int, list[ClusterSums]]:
    """Sum the units of each day by cluster: all of each variant, and each value of each slice.

    Args:
        units: one row for each unit, with `_day`, `_variant` and the columns of the slices.
        clusters: the cluster of each unit.
        values: float64[units, columns], finite.
        variants: their names.
        slices: columns of `units`.

    Returns:
        Day to its groups, those without units left out.
    """
    names, codes = np.unique(np.array(clusters, dtype=str), return_inverse=True)
    met, days = units[VARIANT].to_numpy().astype(str), units[DAY].to_numpy()
    texts = [("", np.zeros(len(days), dtype=str))]
    texts += [(column, name_slices(units, column)) for column in slices]
    found: dict[int, list[ClusterSums]] = {}
    for day in np.unique(days):
        groups = found.setdefault(int(day), [])
        for column, text in texts:
            for variant in variants:
                mine = np.flatnonzero((days == day) & (met == variant))
                for value in np.unique(text[mine]):
                    rows = mine[text[mine] == value]
                    levels, sums = sum_clusters(values[rows], codes[rows])
                    groups.append(ClusterSums(variant, column, str(value), rows.size, names[levels].tolist(), sums))
    return found


def merge_clusters(parts: Iterable[ClusterSums]) -> Summary:
    """Add up each cluster's sums over days, and summarise the clusters as the units they are.

    Args:
        parts: of one variant and slice.

    Returns:
        The summary of the clusters: its last column is how many units each has.
    """
    several = list(parts)
    names, codes = np.unique(np.array([name for part in several for name in part.names]), return_inverse=True)
    rows = np.concatenate([part.sums for part in several])
    sums = np.zeros((names.size, rows.shape[1]))
    np.add.at(sums, codes, rows)
    return summarise(sums)
