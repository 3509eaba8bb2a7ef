"""Whether a candidate treats groups alike: rates of every group, and how far the two furthest apart are.

Groups may be combinations of several columns, as harm is often done where two of them meet. A group without support is
listed and never decides. The interval of the greatest difference counts every comparison (`shipway.maths.fairness`).
"""

import math
from itertools import combinations
from typing import Any

import numpy as np

from shipway.core.slice_measure import ROW, Fairness
from shipway.maths.fairness import Rates, Spread, covariance_of, estimate_rates, spread_of, spread_of_ratio
from shipway.maths.interval import Estimate, interval
from shipway.validation.contrast import contrast_chosen
from shipway.validation.cut import cut_name
from shipway.validation.reading import NO_ROWS, Range, Reading, Row, read_nothing
from shipway.validation.sample import Bools, Floats, Group, Ints, Sample, clusters_of, group_of

Kind = tuple[str, Floats, Bools]
"""What a rate is called, its value per row, and which rows it is over."""


def measure_fairness(measure: Fairness, sample: Sample) -> Reading:
    """Measure the greatest difference of a rate between two groups, or the least ratio.

    Args:
        measure: which rate, the columns whose combinations are the groups, threshold, cluster and support.
        sample: the rows.

    Returns:
        The difference (or ratio) with an interval that holds for all pairs of groups together; `n` is 0 if one of
        the rates has fewer than two groups with support. Detail has a row for each rate of each group: `group`, `rate`
        (what it is called), `n`, `clusters`, `value`, `low` and `high` (its own 95 % interval, None under two clusters)
        and `decides`.

    Raises:
        ShipwayError: SW-104 if a column or the cluster is unknown, SW-403 for what acts on a probability where the
            label is a number.
    """
    groups = cross_groups([(name, group_of(sample, cut_name(name, measure.bins))) for name in measure.by])
    clusters = None if measure.cluster == ROW else clusters_of(sample, measure.cluster)
    ratio = measure.metric == "demographic_parity_ratio"
    possible = _possible(measure, sample)
    if not sample.n:
        return read_nothing(NO_ROWS, (0.0, 0.0), {"groups": 0}, [])
    kinds = _kinds(measure, sample)
    inside = groups.codes >= 0
    size = len(groups.labels)
    rates = [
        estimate_rates(groups.codes, size, value, rows & inside, clusters, share=measure.metric != "group_calibration")
        for _, value, rows in kinds
    ]
    decides = [_decides(measure, each, clusters) for each in rates]
    detail = [
        _row(groups.labels[at], name, each, at, bool(does[at]))
        for (name, _, _), each, does in zip(kinds, rates, decides, strict=True)
        for at in range(size)
    ]
    pairs, names = _pairs(groups, kinds, decides)
    under = sum(not row["decides"] for row in detail)
    facts: dict[str, Any] = {"groups": size, "under_support": under, "threshold": measure.threshold}
    # A rate that no two groups can be compared by is not known to be alike, whatever the other one says.
    if untold := [name for (name, _, _), does in zip(kinds, decides, strict=True) if does.sum() < 2]:
        said = f"fewer than two of {size:,} groups have {measure.support_rows:,} rows to tell {' or '.join(untold)}"
        return read_nothing(said, (0.0, min(possible[1], 2.0)), facts, detail)
    value = np.concatenate([each.value for each in rates])
    used = np.unique(pairs)
    of_group = np.concatenate([each.clusters for each in rates])
    degrees = max(int(of_group[used].min()) - 1, 1)
    covariance = _join([covariance_of(each, np.flatnonzero(does)) for each, does in zip(rates, decides, strict=True)])
    local = np.searchsorted(used, pairs)
    if ratio:
        measured = spread_of_ratio(value[used], rates[0].n[used], covariance, degrees, local)
    else:
        measured = spread_of(value[used], covariance, degrees, local)
    most, least = int(used[measured.most]), int(used[measured.least])
    said = _say(measure, measured, (names[most], float(value[most])), (names[least], float(value[least])))
    told = f"{said}; {int(np.logical_or.reduce(decides).sum()):,} groups"
    return Reading(
        value=measured.value,
        low=max(measured.low, possible[0]),
        high=min(measured.high, possible[1]),
        n=sample.n,
        clusters=0 if clusters is None else int(np.unique(clusters).size),
        facts={
            "said": f"{told}, {under:,} rates under support" if under else told,
            **facts,
            "most": names[most][0],
            "most_value": float(value[most]),
            "least": names[least][0],
            "least_value": float(value[least]),
        },
        detail=detail,
    )


def cross_groups(named: list[tuple[str, Group]]) -> Group:
    """Return the combinations of groups that occur, in order; a row without a label in one of them is in none."""
    (name, whole), *others = named
    codes, labels = whole.codes, [f"{name}={label}" for label in whole.labels]
    for name, group in others:
        inside = (codes >= 0) & (group.codes >= 0)
        crossed = np.where(inside, codes * len(group.labels) + group.codes, -1)
        there = np.unique(crossed[inside])
        labels = [f"{labels[at // len(group.labels)]}, {name}={group.labels[at % len(group.labels)]}" for at in there]
        codes = np.where(inside, np.searchsorted(there, crossed), -1)
    return Group(codes=codes.astype(np.int64, copy=False), labels=tuple(labels))


def _possible(measure: Fairness, sample: Sample) -> Range:
    """Return what a difference between groups can be; nothing holds that of numbers above."""
    if measure.metric != "group_calibration":
        return (0.0, 1.0)
    return (0.0, math.inf) if sample.kind == "number" else (0.0, 2.0)


def _kinds(measure: Fairness, sample: Sample) -> list[Kind]:
    everywhere = np.ones(sample.n, np.bool_)
    if measure.metric == "group_calibration":
        seen = contrast_chosen(sample) if sample.kind == "class" else sample
        return [("predicts less observed", seen.p - seen.y, everywhere)]
    if measure.metric == "equal_accuracy" and sample.kind == "class":
        return [("is right", contrast_chosen(sample).y.astype(np.float64), everywhere)]
    happened, acts = sample.happened, (sample.p > measure.threshold).astype(np.float64)
    match measure.metric:
        case "equal_accuracy":
            return [("is right", (acts == happened).astype(np.float64), everywhere)]
        case "demographic_parity" | "demographic_parity_ratio":
            return [("acts", acts, everywhere)]
        case "equal_opportunity":
            return [("acts where true", acts, happened)]
        case "equalised_odds":
            return [("acts where true", acts, happened), ("acts where false", acts, ~happened)]


def _decides(measure: Fairness, rates: Rates, clusters: Ints | None) -> Bools:
    enough = rates.n >= measure.support_rows
    return enough if clusters is None else enough & (rates.clusters >= measure.support_clusters)


def _pairs(groups: Group, kinds: list[Kind], decides: list[Bools]) -> tuple[Ints, dict[int, tuple[str, str]]]:
    """Return which rates are compared, numbered over all kinds, and what each is called."""
    size = len(groups.labels)
    names = {
        at * size + place: (groups.labels[place], kind[0]) for at, kind in enumerate(kinds) for place in range(size)
    }
    pairs = [
        pair for at, does in enumerate(decides) for pair in combinations((at * size + np.flatnonzero(does)).tolist(), 2)
    ]
    return np.array(pairs, np.int64).reshape(-1, 2), names


def _join(parts: list[Floats]) -> Floats:
    """Return the covariance of all rates; kinds are over different rows, never compared, and taken as independent."""
    size = sum(len(part) for part in parts)
    whole, at = np.zeros((size, size)), 0
    for part in parts:
        whole[at : at + len(part), at : at + len(part)] = part
        at += len(part)
    return whole


def _row(group: str, name: str, rates: Rates, at: int, decides: bool) -> Row:
    n, clusters = int(rates.n[at]), int(rates.clusters[at])
    known = n > 0
    row: Row = {"group": group, "rate": name, "n": n, "clusters": clusters, "decides": decides}
    row |= {"value": float(rates.value[at]) if known else None, "low": None, "high": None}
    if clusters > 1:
        error = float(np.sqrt(rates.variance[at]))
        row["low"], row["high"] = interval(Estimate(float(rates.value[at]), error, n, clusters))
    return row


def _say(
    measure: Fairness, spread: Spread, most: tuple[tuple[str, str], float], least: tuple[tuple[str, str], float]
) -> str:
    ratio = measure.metric == "demographic_parity_ratio"
    what = "least ratio" if ratio else "greatest difference"
    apart = f"{what} {spread.value:.4f} [{spread.low:.4f}, {spread.high:.4f}]"
    (group, kind), value = most
    (other, _), less = least
    form = "+.4f" if measure.metric == "group_calibration" else ".4f"
    return f"{apart}: {kind} {value:{form}} for {group} and {less:{form}} for {other}"
