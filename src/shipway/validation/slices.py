"""Regressions that an aggregate hides: every slice tested against the baseline, false discoveries controlled.

A candidate can beat its baseline on all rows and still be worse for one carrier in the early hours. All slices by one
and by two groups are tested; the more are tested the more look worse by chance, so the Benjamini-Yekutieli procedure
decides which regressions are real (Ann. Statist. 29, 2001, theorem 1.3: valid under any dependence, and slices that
overlap depend on each other). Rows of one day share their weather, so each slice's error is clustered.
`bench/slice_error_rate.py` shows that the rate holds on such data, and what testing slices one by one would claim.
"""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from shipway.core.label import LOSS
from shipway.core.measure import SliceRegression
from shipway.maths.code import compact
from shipway.maths.multiplicity import benjamini_yekutieli
from shipway.maths.significance import one_sided_p
from shipway.maths.slice import slice_cells
from shipway.validation.profile import skill_or_none
from shipway.validation.reading import NO_ROWS, Reading, Row, read_nothing
from shipway.validation.sample import (
    Baseline,
    Floats,
    Group,
    Ints,
    Sample,
    baseline_of,
    clusters_of,
    group_of,
    split_rows,
)


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """What candidate and baseline lose per row, float64[n], and the cluster of each row, int64[n]."""

    candidate: Floats
    baseline: Floats
    clusters: Ints


def find_regressions(measure: SliceRegression, sample: Sample) -> Reading:
    """Count the slices in which the candidate loses more: by log loss, or of a number by absolute error.

    Slices are the parts of each group and of each pair of groups; a pair that holds exactly the rows of one of its
    parts is that part again and left out. Each slice with support is tested one-sided with Student's t on the paired
    difference with clustered errors (clusters - 1 degrees of freedom).

    Args:
        measure: groups, baseline, cluster, rate and support.
        sample: the rows.

    Returns:
        The count, with an interval of no width; `n` is 0 if no slice had support. Detail has a row per slice, regressed
        ones first, then by p, then those under support: `by`, `slice`, `n`, `clusters`, `candidate_loss`,
        `baseline_loss`, `difference` (above 0 is worse), `standard_error` (None where one cluster does not tell),
        `p` (None where not tested), `decides`, `regressed`, and for slices by one group `candidate_skill` and
        `baseline_skill` (area under the curve, of classes the mean of theirs, of a number R squared; None where all
        labels are equal).

    Raises:
        ShipwayError: SW-104 if a group, the cluster or the baseline is unknown.
    """
    by = tuple(dict.fromkeys(measure.by))
    baseline, clusters = baseline_of(sample, measure.baseline), clusters_of(sample, measure.cluster)
    groups = {name: group_of(sample, name) for name in by}
    named: dict[str, Any] = {"baseline": baseline.name, "fallback": baseline.fallback, "loss": LOSS[sample.kind]}
    if not sample.n:
        return read_nothing(NO_ROWS, (0.0, 0.0), {**named, "tested": 0, "under_support": 0}, [])
    losses = Losses(sample.lose(sample.p), sample.lose(baseline.p), clusters)
    cells = [row for name in by for row in _measure_group(name, groups[name], losses, sample, baseline)]
    for first, second in combinations(by, 2):
        cells += _measure_pair((first, groups[first]), (second, groups[second]), losses)
    detail = _decide(cells, measure)
    return _summarise(detail, measure, named, sample.n, int(np.unique(clusters).size))


def _measure_group(name: str, group: Group, losses: Losses, sample: Sample, baseline: Baseline) -> list[Row]:
    """Measure every part of one group, with the skill of both."""
    measured = _measure_cells(group.codes, losses)
    parts = split_rows(group)
    return [
        {
            "by": name,
            "slice": f"{name}={label}",
            **row,
            "candidate_skill": skill_or_none(sample.y[rows], sample.p[rows]),
            "baseline_skill": skill_or_none(sample.y[rows], baseline.p[rows]),
        }
        for (label, rows), (_, row) in zip(parts, measured, strict=True)
    ]


def _measure_pair(first: tuple[str, Group], second: tuple[str, Group], losses: Losses) -> list[Row]:
    """Measure every part of two groups crossed, leaving out those that have just the rows of a part of either."""
    (name_a, a), (name_b, b) = first, second
    inside = (a.codes >= 0) & (b.codes >= 0)
    codes = np.where(inside, a.codes * len(b.labels) + b.codes, -1)
    rows_a, rows_b = (np.bincount(g.codes[g.codes >= 0], minlength=len(g.labels)) for g in (a, b))
    rows: list[Row] = []
    for code, row in _measure_cells(codes, losses):
        i, j = divmod(code, len(b.labels))
        if row["n"] in (rows_a[i], rows_b[j]):
            continue
        slice_name = f"{name_a}={a.labels[i]}, {name_b}={b.labels[j]}"
        row_skill = {"candidate_skill": None, "baseline_skill": None}
        rows.append({"by": f"{name_a}, {name_b}", "slice": slice_name, **row, **row_skill})
    return rows


def _measure_cells(codes: Ints, losses: Losses) -> list[tuple[int, Row]]:
    """Return each code that occurs, ascending, with its rows, clusters, mean losses and their paired difference."""
    table = slice_cells(codes, losses.candidate - losses.baseline, losses.clusters)
    inside = codes >= 0
    _, index = compact(codes[inside])
    candidate, baseline = (
        np.bincount(index, weights=loss[inside], minlength=table.n.size) / table.n
        for loss in (losses.candidate, losses.baseline)
    )
    columns = {
        "n": table.n,
        "clusters": table.clusters,
        "candidate_loss": candidate,
        "baseline_loss": baseline,
        "difference": table.mean,
        "standard_error": table.standard_error,
    }
    values = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [(code, dict(zip(columns, row, strict=True))) for code, row in zip(table.code.tolist(), values, strict=True)]


def _decide(cells: list[Row], measure: SliceRegression) -> list[Row]:
    """Test the slices with support, correct for how many they are, and sort the worst to the top."""
    n, clusters = (np.array([row[name] for row in cells], np.int64) for name in ("n", "clusters"))
    difference, error = (
        np.array([row[name] for row in cells], np.float64) for name in ("difference", "standard_error")
    )
    decides = (n >= measure.support_rows) & (clusters >= measure.support_clusters) & np.isfinite(error)
    p = one_sided_p(difference, error, clusters)
    regressed = np.zeros(len(cells), dtype=np.bool_)
    regressed[decides] = benjamini_yekutieli(p[decides], measure.rate)
    detail = [
        {
            **row,
            "standard_error": row["standard_error"] if math.isfinite(row["standard_error"]) else None,
            "p": float(p[i]) if decides[i] else None,
            "decides": bool(decides[i]),
            "regressed": bool(regressed[i]),
        }
        for i, row in enumerate(cells)
    ]
    return sorted(detail, key=_rank)


def _rank(row: Row) -> tuple[bool, bool, float, float, str]:
    """Order slices: regressed, then tested by p, then the rest; ties by how much worse they are, then by name."""
    return not row["regressed"], not row["decides"], row["p"] or 0.0, -row["difference"], row["slice"]


def _summarise(detail: list[Row], measure: SliceRegression, named: dict[str, Any], n: int, clusters: int) -> Reading:
    tested = sum(row["decides"] for row in detail)
    found = sum(row["regressed"] for row in detail)
    facts = {**named, "tested": tested, "under_support": len(detail) - tested}
    if not tested:
        support = f"{measure.support_rows:,} rows in {measure.support_clusters:,} {measure.cluster} clusters"
        said = f"none of {len(detail):,} slices has {support}"
        return read_nothing(said, (0.0, float(len(detail))), facts, detail)
    worst = detail[0]
    count = f"{found} of {tested:,} slices found" if found else f"none of {tested:,} slices found"
    said = (
        f"{count} worse than {named['baseline']}; {'worst' if found else 'nearest to it'} {worst['slice']}, "
        f"{worst['difference']:+.4f} {named['loss']} (p {worst['p']:.2g}); {len(detail) - tested:,} under support"
    )
    named_worst = {"worst": worst["slice"], "worst_difference": worst["difference"], "worst_p": worst["p"]}
    return Reading(
        value=float(found),
        low=float(found),
        high=float(found),
        n=n,
        clusters=clusters,
        facts={"said": said, **facts, **named_worst},
        detail=detail,
    )
