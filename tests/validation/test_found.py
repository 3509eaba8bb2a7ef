import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from shipway.core.check import Check, natural_rule
from shipway.core.error import ShipwayError
from shipway.core.gate import judge
from shipway.core.measure import SliceRegression
from shipway.core.slice_measure import ROW, FoundRegression
from shipway.validation.cut import cut_column, cut_name
from shipway.validation.evaluation import measure_candidate
from shipway.validation.found import search_regressions
from shipway.validation.reading import Reading
from shipway.validation.sample import Group, Sample
from shipway.validation.slices import find_regressions

Draw = Callable[..., Sample]
BY = ("origin", "carrier", "size")
MEASURE = FoundRegression(BY, support_rows=100)


def _search(flights: Draw, seed: int = 0, n: int = 12_000, worse: float = 0.0) -> Sample:
    """Draw flights cut by three columns; in EWR with the greatest sizes the candidate is off by so much log odds."""
    drawn = flights(seed=seed, n=n)
    size = np.random.default_rng(seed + 100).normal(size=n)
    carrier = drawn.groups["carrier"]
    names = pl.Series([None if code < 0 else carrier.labels[code] for code in carrier.codes])
    origins = pl.Series([drawn.groups["origin"].labels[code] for code in drawn.groups["origin"].codes])
    cuts = {"origin": origins, "carrier": names, "size": pl.Series(size)}
    groups = {cut_name(name, 10): cut_column(values) for name, values in cuts.items()}
    rows = (drawn.groups["origin"].codes == 0) & (groups[cut_name("size", 10)].codes == 9)
    p = drawn.p.copy()
    p[rows] = 1 / (1 + np.exp(-(np.log(p[rows] / (1 - p[rows])) + worse)))
    return dataclasses.replace(drawn, p=p, groups=groups)


def _rows(reading: Reading, **given: Any) -> list[dict[str, Any]]:
    return [row for row in reading.detail or [] if all(row[name] == value for name, value in given.items())]


def test_one_cause_is_one_line(flights: Draw):
    sample = _search(flights, worse=2.5)
    reading = search_regressions(MEASURE, sample)
    (line,) = [row for row in reading.detail or [] if row["line"]]
    assert line["slice"].startswith("origin=EWR, size=above")
    assert line["regressed"]
    assert line["low"] > 0
    assert line["effect"] > line["difference"] > 0  # the candidate is better elsewhere
    assert reading.value == len(_rows(reading, regressed=True)) >= 1
    assert reading.facts["lines"] == 1
    assert "slices found worse than version 1" in reading.facts["said"]
    assert reading.detail is not None
    assert reading.detail[0] is line


def test_nothing_wrong_passes_and_something_wrong_fails(flights: Draw):
    check = Check("found", MEASURE, "candidate", "found")
    for worse, outcome in ((0.0, "pass"), (2.5, "fail")):
        evidence = measure_candidate(check, _search(flights, worse=worse), subject="model:m@1", log_digest="").evidence
        assert judge(natural_rule(check), evidence).outcome == outcome


def test_each_slice_is_measured_as_a_declared_one_is(flights: Draw):
    """The search has the differences, errors and p-values of slice_regression."""
    sample = _search(flights, n=3000, worse=2.0)
    named = dataclasses.replace(
        sample, groups={**sample.groups, **{name: sample.groups[cut_name(name, 10)] for name in BY}}
    )
    declared = find_regressions(SliceRegression(BY, support_rows=30), named)
    searched = search_regressions(FoundRegression(BY, support_rows=30), sample)
    known = {row["slice"]: row for row in declared.detail or []}
    assert searched.facts["tested"] == declared.facts["tested"]
    assert len(searched.detail or []) >= 5
    for row in searched.detail or []:
        same = known[row["slice"]]
        for name in ("n", "clusters", "candidate_loss", "baseline_loss", "difference", "p"):
            assert row[name] == pytest.approx(same[name])


def test_decisions_on_independent_rows_are_tested_exactly(flights: Draw):
    sample = _search(flights, worse=3.0)
    measure = FoundRegression(BY, threshold=0.4, cluster=ROW, support_rows=100)
    reading = search_regressions(measure, sample)
    row = next(row for row in reading.detail or [] if row["slice"].startswith("origin=EWR, size=above"))
    origin, size = (sample.groups[cut_name(name, 10)] for name in ("origin", "size"))
    inside = (origin.codes == 0) & (size.codes == len(size.labels) - 1)
    wrong, before = ((p > 0.4) != sample.y for p in (sample.p, sample.baselines["current"]))
    worse, better = (inside & wrong & ~before).sum(), (inside & before & ~wrong).sum()
    assert row["p"] == pytest.approx(stats.binomtest(worse, worse + better, alternative="greater").pvalue)
    assert row["difference"] == pytest.approx((worse - better) / inside.sum())
    assert row["regressed"]
    assert reading.clusters == 0
    assert "of decisions wrong" in reading.facts["said"]


def test_control_under_any_dependence_finds_no_more(flights: Draw):
    sample = _search(flights, worse=1.5)
    by = search_regressions(FoundRegression(BY, control="by", support_rows=100), sample)
    assert by.value <= search_regressions(MEASURE, sample).value


def test_too_few_rows_hold(flights: Draw):
    check = Check("found", FoundRegression(BY, support_rows=10**6), "candidate", "found")
    evidence = measure_candidate(check, _search(flights, n=500), subject="model:m@1", log_digest="").evidence
    finding = judge(natural_rule(check), evidence)
    assert finding.outcome == "hold"
    assert "1,000,000 rows in 20 day clusters" in finding.reason


def test_no_rows_hold(flights: Draw):
    sample = _search(flights, n=12)
    empty = dataclasses.replace(
        sample,
        y=sample.y[:0],
        p=sample.p[:0],
        baselines={name: p[:0] for name, p in sample.baselines.items()},
        groups={name: Group(g.codes[:0], ()) for name, g in sample.groups.items()},
        clusters={name: codes[:0] for name, codes in sample.clusters.items()},
    )
    assert search_regressions(MEASURE, empty).n == 0


def test_a_pair_that_is_one_of_its_parts_again_is_left_out(flights: Draw):
    sample = _search(flights, n=4000)
    origin = sample.groups[cut_name("origin", 10)]
    twin = {cut_name("twin", 10): origin, cut_name("origin", 10): origin}
    reading = search_regressions(
        FoundRegression(("origin", "twin"), support_rows=1), dataclasses.replace(sample, groups=twin)
    )
    assert reading.facts["tested"] == 6


def test_what_varies_by_nothing_is_found_and_explained(flights: Draw):
    """Where the candidate is worse by the same everywhere in a slice, its error is 0 and it is found."""
    sample = _search(flights, n=4000)
    current = np.full(sample.n, 0.25)
    rows = sample.groups[cut_name("origin", 10)].codes == 1
    p = np.where(rows & ~sample.y, 0.5, 0.25)
    sample = dataclasses.replace(sample, p=p, baselines={**sample.baselines, "current": current}, y=sample.y & ~rows)
    reading = search_regressions(MEASURE, sample)
    assert (reading.detail or [])[0]["slice"] == "origin=JFK"
    assert reading.facts["lines"] == 1


@pytest.mark.parametrize(
    "measure",
    [
        FoundRegression(("nowhere",)),
        FoundRegression(BY, baseline="nobody"),
        FoundRegression(BY, cluster="week"),
    ],
)
def test_what_is_not_there_is_named(flights: Draw, measure: FoundRegression):
    with pytest.raises(ShipwayError, match="SW-104"):
        search_regressions(measure, _search(flights, n=50))
