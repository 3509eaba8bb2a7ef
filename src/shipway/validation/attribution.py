"""What a candidate listens to, and whether it gives the same reasons as the current version, each with its interval."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.measure import Attribution, ReasonAgreement
from shipway.kit.suggestion import did_you_mean
from shipway.maths.importance import mean_size, overlap_at, share_of
from shipway.maths.interval import clustered_mean, interval
from shipway.validation.explainer import Attributed, Explainer
from shipway.validation.reading import NO_ROWS, Reading, Row, read_estimate, read_nothing
from shipway.validation.sample import Sample, clusters_of

_LISTED = 20
"""Features that the part table of a share lists beside those asked about."""


def measure_share(measure: Attribution, sample: Sample, explainer: Explainer, found: Attributed) -> Reading:
    """Measure the share of some features in all absolute contributions.

    Args:
        measure: which features.
        sample: the rows, in the columns that the candidate reads.
        explainer: how they were explained.
        found: what each column adds.

    Raises:
        ShipwayError: SW-104 if the candidate reads no such feature, or the cluster is unknown.
    """
    clusters = clusters_of(sample, measure.cluster)
    places = [place for column in measure.columns for place in _places(column, sample.columns)]
    facts = {"method": explainer.method, "unit": explainer.unit, "baseline": found.baseline}
    if not sample.n:
        return read_nothing(NO_ROWS, (0.0, 1.0), facts)
    if not np.any(found.values):
        return read_nothing("no feature contributes anything", (0.0, 1.0), facts)
    estimate = share_of(found.values, places, clusters)
    after = f" of all contributions, {_describe(explainer, sample, measure.cluster, clusters)}"
    reading = read_estimate(estimate, (0.0, 1.0), facts, after=after)
    detail = _list_sizes(sample, found, clusters, set(places))
    return replace(reading, detail=detail)


def measure_agreement(
    measure: ReasonAgreement,
    sample: Sample,
    explainer: Explainer,
    found: Attributed,
    other: tuple[str, tuple[str, ...], NDArray[np.float64]] | None,
) -> Reading:
    """Measure how far the greatest reasons of each row are those that another version gives.

    Args:
        measure: how many reasons count.
        sample: the rows, in the columns that the candidate reads.
        explainer: how they were explained.
        found: what each column adds.
        other: the other version's name, its columns, and what each adds to the same rows; None where there is none.

    Raises:
        ShipwayError: SW-104 if the cluster is unknown.
    """
    clusters = clusters_of(sample, measure.cluster)
    facts = {"method": explainer.method, "unit": explainer.unit, "top": measure.top}
    if not sample.n:
        return read_nothing(NO_ROWS, (0.0, 1.0), facts)
    if other is None:
        said = "no version has passed yet, so there are no reasons to disagree with"
        facts |= {"said": said, "fallback": True}
        return Reading(value=1.0, low=1.0, high=1.0, n=sample.n, clusters=np.unique(clusters).size, facts=facts)
    name, columns, values = other
    every = list(dict.fromkeys([*sample.columns, *columns]))
    first, second = _spread(found.values, sample.columns, every), _spread(values, columns, every)
    overlap = overlap_at(first, second, measure.top)
    after = f" of the {measure.top} greatest reasons are those of {name}, "
    after += _describe(explainer, sample, measure.cluster, clusters)
    facts |= {"baseline": name, "fallback": False, "first_alike": float(overlap_at(first, second, 1).mean())}
    reading = read_estimate(clustered_mean(overlap, clusters), (0.0, 1.0), facts, after=after)
    sizes = [np.abs(each).mean(axis=0) for each in (first, second)]
    order = np.argsort(-np.maximum(*sizes), kind="stable")[:_LISTED]
    detail: list[Row] = [
        {"feature": every[at], "candidate_size": float(sizes[0][at]), "baseline_size": float(sizes[1][at])}
        for at in order
    ]
    return replace(reading, detail=detail)


def _places(column: str, columns: Sequence[str]) -> list[int]:
    """Return where a feature stands among the columns: at one place, or as an embedding at all its components'."""
    exact = [place for place, name in enumerate(columns) if name == column]
    parts = [
        p for p, name in enumerate(columns) if name.rpartition("_")[0] == column and name.rpartition("_")[2].isdigit()
    ]
    if not exact and not parts:
        raise ShipwayError("SW-104", f"the model reads no feature {column!r}", did_you_mean(column, columns))
    return exact or parts


def _list_sizes(sample: Sample, found: Attributed, clusters: NDArray[np.int64], asked: set[int]) -> list[Row]:
    sizes = mean_size(found.values, clusters)
    order = sorted(range(len(sizes)), key=lambda at: -sizes[at].value)
    rows: list[Row] = []
    for at in [at for place, at in enumerate(order) if place < _LISTED or at in asked]:
        low, high = interval(sizes[at])
        known = np.isfinite(low) and np.isfinite(high)
        rows.append(
            {
                "feature": sample.columns[at],
                "size": sizes[at].value,
                "low": max(low, 0.0) if known else None,
                "high": high if known else None,
                "asked": at in asked,
            }
        )
    return rows


def _spread(values: NDArray[np.float64], columns: Sequence[str], every: Sequence[str]) -> NDArray[np.float64]:
    """Return contributions in the columns of both versions; one that a version does not read adds nothing."""
    wide = np.zeros((len(values), len(every)))
    wide[:, [every.index(name) for name in columns]] = values
    return wide


def _describe(explainer: Explainer, sample: Sample, cluster: str, clusters: NDArray[np.int64]) -> str:
    kind = {"tree": "path-dependent TreeSHAP", "linear": "exact, linear", "exact": "exact", "sampled": "sampled"}
    count = np.unique(clusters).size
    return f"{kind[explainer.method]} in {explainer.unit}, over {sample.n:,} rows in {count:,} {cluster} clusters"
