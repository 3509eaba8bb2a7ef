"""Searching all slices for regressions, and explaining those that are found in a few lines.

Every slice by one and by two columns is tested against the baseline on the same rows; those that look better are set
aside, and of the others p, given that they look worse, decides with how many there are what counts as found (under
`control="by"` p of all of them does); and because one cause shows in many slices, a short explanation names those whose
effects account for the rest (`shipway.maths.pursuit`). `bench/slice_found.py` shows what is found of what was planted,
how much of it is false, and what the lines keep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from shipway.core.label import LOSS
from shipway.core.slice_measure import ROW, FoundRegression
from shipway.maths.cube import Cube, add_values, count_rows, make_cube, sum_slices
from shipway.maths.interval import Estimate, interval
from shipway.maths.multiplicity import benjamini_hochberg, benjamini_yekutieli
from shipway.maths.pursuit import Effects, Explanation, Line, explain_slices
from shipway.maths.significance import condition_p, mcnemar_chance, mcnemar_p, one_sided_p
from shipway.validation.cut import cut_name
from shipway.validation.reading import NO_ROWS, Reading, Row, read_nothing
from shipway.validation.sample import Baseline, Bools, Floats, Group, Ints, Sample, baseline_of, clusters_of, group_of

NEAREST: Final = 10
"""Slices listed that were tested and not found, those with the least p."""


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """All slices, tested.

    Attributes:
        cube: where each slice stands.
        codes: the level of each row in each column.
        n: rows of each slice.
        clusters: independent groups among them.
        candidate: mean loss of the candidate in each.
        difference: candidate less baseline; above 0 is worse.
        standard_error: of the difference; infinite where it cannot be told.
        p: of being worse, 1 where not tested; what decides under `bh` is p given that the slice looks worse.
        tested: whether a slice has support and is not another slice again.
        found: whether it is found worse.
        under_support: how many slices have too few rows or clusters.
    """

    cube: Cube
    codes: list[Ints]
    n: Ints
    clusters: Ints
    candidate: Floats
    difference: Floats
    standard_error: Floats
    p: Floats
    tested: Bools
    found: Bools
    under_support: int


def search_regressions(measure: FoundRegression, sample: Sample) -> Reading:
    """Search all slices by one and by two columns for those where the candidate is worse than the baseline.

    The loss of a row is its log loss, of a number its absolute error, or 1 where the decision at a threshold is wrong.
    Its paired difference is tested one-sided in each slice: with errors clustered (CR1) by Student's t, or, for
    decisions on independent rows, exactly (McNemar). A pair that holds just the rows of one of its parts is that part
    again and left out.

    Args:
        measure: columns, baseline, loss, cluster, rate and support.
        sample: the rows, with a group for each column, named by `cut_name`.

    Returns:
        How many are found, with an interval of no width; `n` is 0 if no slice had support. Detail has a row for each:
        the lines of the explanation first, then the others by p, then the nearest that were not found: `line` (1 and
        on, None), `by`, `slice`, `n`, `clusters`, `candidate_loss`, `baseline_loss`, `difference` (above 0 is worse),
        `low` and `high` (its 95 % interval), `p`, `effect` of a line (above the background, the other lines accounted
        for) and `regressed`.

    Raises:
        ShipwayError: SW-104 if a column, the cluster or the baseline is unknown.
    """
    by = tuple(dict.fromkeys(measure.by))
    baseline = baseline_of(sample, measure.baseline)
    groups = [group_of(sample, cut_name(name, measure.bins)) for name in by]
    clusters = None if measure.cluster == ROW else clusters_of(sample, measure.cluster)
    unit = LOSS[sample.kind] if measure.threshold is None else "of decisions wrong"
    facts: dict[str, Any] = {"baseline": baseline.name, "fallback": baseline.fallback, "unit": unit}
    if not sample.n:
        return read_nothing(NO_ROWS, (0.0, 0.0), {**facts, "tested": 0, "under_support": 0, "lines": 0}, [])
    search = _search(measure, sample, baseline, groups, clusters)
    explained = _explain(measure, search)
    detail = _list(by, groups, search, explained.lines)
    facts["background"] = explained.background
    several = 0 if clusters is None else int(np.unique(clusters).size)
    return _summarise(measure, search, detail, facts, sample.n, several)


def _search(
    measure: FoundRegression, sample: Sample, baseline: Baseline, groups: Sequence[Group], clusters: Ints | None
) -> Search:
    cube, codes = make_cube([len(group.labels) for group in groups]), [group.codes for group in groups]
    ours, theirs = _losses(measure, sample, sample.p), _losses(measure, sample, baseline.p)
    difference = ours - theirs
    sums = sum_slices(cube, codes, difference, clusters)
    repeats = _repeats(cube, sums.n)
    support = (sums.n >= measure.support_rows) & np.isfinite(sums.standard_error)
    if clusters is not None:
        support &= sums.clusters >= measure.support_clusters
    tested = support & ~repeats
    p, chance = np.ones(cube.cells), np.full(cube.cells, 0.5)
    if clusters is None and measure.threshold is not None:
        worse, better = (count_rows(cube, codes, np.flatnonzero(difference == side))[tested] for side in (1.0, -1.0))
        p[tested], chance[tested] = mcnemar_p(worse, better), mcnemar_chance(worse, better)
    else:
        p[tested] = one_sided_p(sums.mean[tested], sums.standard_error[tested], sums.clusters[tested])
    found = np.zeros(cube.cells, np.bool_)
    # A standard error of 0 makes p 0 or 1 whatever the rows: a constant difference is one, and found all the same.
    found[tested] = _decide(measure, p[tested], chance[tested])
    return Search(
        cube=cube,
        codes=codes,
        n=sums.n,
        clusters=sums.clusters,
        candidate=add_values(cube, codes, ours) / np.maximum(sums.n, 1),
        difference=sums.mean,
        standard_error=sums.standard_error,
        p=p,
        tested=tested,
        found=found,
        under_support=int(((sums.n > 0) & ~support & ~repeats).sum()),
    )


def _decide(measure: FoundRegression, p: Floats, chance: Floats) -> Bools:
    """Decide which slices are worse.

    Benjamini and Hochberg's procedure sets aside those that look better (`condition_p`); that of Benjamini and
    Yekutieli holds under any dependence between all tests, and is made of all of them.
    """
    if measure.control == "by":
        return benjamini_yekutieli(p, measure.rate)
    given = condition_p(p, chance)
    found, looking = np.zeros(p.size, np.bool_), np.isfinite(given)
    found[looking] = benjamini_hochberg(given[looking], measure.rate)
    return found


def _losses(measure: FoundRegression, sample: Sample, p: Floats) -> Floats:
    if measure.threshold is None:
        return sample.lose(p)
    return ((p > measure.threshold) != sample.happened).astype(np.float64)


def _repeats(cube: Cube, n: Ints) -> Bools:
    """Tell which slices by two columns have just the rows of a slice by either of them."""
    repeats = np.zeros(cube.cells, np.bool_)
    for at, view in enumerate(cube.views):
        if len(view) == 2:
            a, b = (n[cube.starts[i] : cube.starts[i + 1]] for i in view)
            cells = n[cube.starts[at] : cube.starts[at + 1]].reshape(a.size, b.size)
            same = (cells == a[:, None]) | (cells == b[None, :])
            repeats[cube.starts[at] : cube.starts[at + 1]] = same.ravel()
    return repeats


def _explain(measure: FoundRegression, search: Search) -> Explanation:
    first = slice(0, search.cube.cards[0])  # the parts of any one column hold every row once
    total = search.n * search.difference
    error = np.where(np.isfinite(search.standard_error), search.standard_error, 0.0)
    # Of a slice that varies by nothing an effect is certain; a floor keeps its score a number.
    spread = np.square(error) * search.n
    floor = 1e-12 + 1e-6 * (float(np.median(spread[search.tested])) if search.tested.any() else 0.0)
    effects = Effects(
        n=search.n,
        total=total,
        variance=np.maximum(spread, floor),
        may=search.found,
        rows=int(search.n[first].sum()),
        overall=float(total[first].sum()),
    )
    return explain_slices(search.cube, search.codes, effects, most=measure.lines)


def _list(by: Sequence[str], groups: Sequence[Group], search: Search, lines: Sequence[Line]) -> list[Row]:
    """Return a row for each line, then for each other slice found, then for the nearest that were not."""
    of_line = {line.cell: (at, line) for at, line in enumerate(lines, start=1)}
    order = np.lexsort((-search.difference, search.p))
    found = [int(cell) for cell in order[search.found[order]] if cell not in of_line]
    nearest = [int(cell) for cell in order[(search.tested & ~search.found)[order]][:NEAREST]]
    return [_row(by, groups, search, cell, of_line.get(cell)) for cell in (*of_line, *found, *nearest)]


def _row(by: Sequence[str], groups: Sequence[Group], search: Search, cell: int, line: tuple[int, Line] | None) -> Row:
    parts = search.cube.name(cell)
    n, difference = int(search.n[cell]), float(search.difference[cell])
    estimate = Estimate(difference, float(search.standard_error[cell]), n, int(search.clusters[cell]))
    low, high = interval(estimate)
    candidate = float(search.candidate[cell])
    return {
        "line": None if line is None else line[0],
        "by": ", ".join(by[column] for column, _ in parts),
        "slice": ", ".join(f"{by[column]}={groups[column].labels[level]}" for column, level in parts),
        "n": n,
        "clusters": int(search.clusters[cell]),
        "candidate_loss": candidate,
        "baseline_loss": candidate - difference,
        "difference": difference,
        "low": low,
        "high": high,
        "p": float(search.p[cell]),
        "effect": None if line is None else line[1].effect,
        "regressed": bool(search.found[cell]),
    }


def _summarise(
    measure: FoundRegression, search: Search, detail: list[Row], facts: dict[str, Any], n: int, clusters: int
) -> Reading:
    tested, found = int(search.tested.sum()), int(search.found.sum())
    lines = sum(row["line"] is not None for row in detail)
    facts = {**facts, "tested": tested, "under_support": search.under_support, "lines": lines}
    if not tested:
        support = f"{measure.support_rows:,} rows"
        if clusters:
            support += f" in {measure.support_clusters:,} {measure.cluster} clusters"
        said = f"none of {search.under_support:,} slices has {support}"
        return read_nothing(said, (0.0, float(search.under_support)), facts, detail)
    first, unit = detail[0], facts["unit"]
    worst = f"{first['slice']}, {first['difference']:+.4f} {unit} over {first['n']:,} rows (p {first['p']:.2g})"
    count = f"{found:,} of {tested:,} slices found worse than {facts['baseline']}"
    if found:
        told = "" if found == lines else f", told by {lines} line{'' if lines == 1 else 's'}"
        rest = f"; rows in no line {facts['background']:+.4f}" if lines else ""
        said = f"{count}{told}; first {worst}{rest}"
    else:
        said = f"none of {tested:,} slices found worse than {facts['baseline']}; nearest to it {worst}"
    said = f"{said}; {search.under_support:,} under support"
    told = [{name: row[name] for name in ("slice", "n", "difference")} for row in detail[:lines]]
    return Reading(
        value=float(found),
        low=float(found),
        high=float(found),
        n=n,
        clusters=clusters,
        facts={"said": said, **facts, "told": told},
        detail=detail,
    )
