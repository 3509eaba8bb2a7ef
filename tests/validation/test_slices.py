import dataclasses
import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from shipway.core.candidate import log_loss
from shipway.core.check import Check, natural_rule
from shipway.core.error import ShipwayError
from shipway.core.gate import judge
from shipway.core.measure import SliceRegression
from shipway.validation.evaluation import measure_candidate
from shipway.validation.reading import Reading
from shipway.validation.sample import Group, Sample
from shipway.validation.slices import find_regressions

Draw = Callable[..., Sample]
BOTH = SliceRegression(("origin", "carrier"), support_rows=100, support_clusters=20)


def _row(reading: Reading, name: str) -> dict[str, Any]:
    return next(row for row in reading.detail or [] if row["slice"] == name)


def _outcome(measure: SliceRegression, sample: Sample) -> str:
    check = Check("slices", measure, "candidate", "slices")
    return judge(
        natural_rule(check), measure_candidate(check, sample, subject="model:m@1", log_digest="").evidence
    ).outcome


def _spoil(sample: Sample, rows: np.ndarray, by: float = 2.0) -> Sample:
    """Return the sample with the candidate's log odds moved up in some rows."""
    p = sample.p.copy()
    p[rows] = 1 / (1 + np.exp(-(np.log(p[rows] / (1 - p[rows])) + by)))
    return dataclasses.replace(sample, p=p)


def test_every_slice_is_what_a_loop_over_its_rows_says(flights: Draw) -> None:
    sample = flights(n=3000)
    reading = find_regressions(BOTH, sample)
    origin, carrier = sample.groups["origin"], sample.groups["carrier"]
    masks = {f"origin={name}": origin.codes == i for i, name in enumerate(origin.labels)}
    masks |= {f"carrier={name}": carrier.codes == i for i, name in enumerate(carrier.labels)}
    pairs = [(a, b) for a in masks if a.startswith("o") for b in masks if b.startswith("c")]
    masks |= {f"{a}, {b}": masks[a] & masks[b] for a, b in pairs}
    assert {row["slice"] for row in reading.detail or []} == set(masks)
    current = sample.baselines["current"]
    for row in reading.detail or []:
        rows = np.flatnonzero(masks[row["slice"]])
        y, day = sample.y[rows], sample.clusters["day"][rows]
        ours, theirs = (-np.where(y, np.log(q[rows]), np.log(1 - q[rows])) for q in (sample.p, current))
        worse, days = ours - theirs, sorted(set(day.tolist()))
        moved = [(worse[day == which] - worse.mean()).sum() for which in days]
        error = math.sqrt(len(days) / (len(days) - 1) * sum(m * m for m in moved)) / rows.size
        assert (row["n"], row["clusters"]) == (rows.size, len(days))
        assert row["candidate_loss"] == pytest.approx(ours.mean())
        assert row["baseline_loss"] == pytest.approx(theirs.mean())
        assert row["difference"] == pytest.approx(worse.mean())
        assert row["standard_error"] == pytest.approx(error)
        assert row["decides"] == (rows.size >= 100 and len(days) >= 20)
        if row["decides"]:
            assert row["p"] == pytest.approx(stats.t.sf(worse.mean() / error, len(days) - 1), rel=1e-6)
        if "," not in row["by"]:
            assert row["candidate_skill"] == pytest.approx(metrics.roc_auc_score(y, sample.p[rows]))
            assert row["baseline_skill"] == pytest.approx(metrics.roc_auc_score(y, current[rows]))
        else:
            assert row["candidate_skill"] is row["baseline_skill"] is None


def test_rejections_are_those_of_scipy(flights: Draw) -> None:
    sample, counts = flights(noise=1.3), list[float]()
    for rate in (0.01, 0.05, 0.2, 0.4):
        reading = find_regressions(msgspec.structs.replace(BOTH, rate=rate), sample)
        tested = [row for row in reading.detail or [] if row["decides"]]
        adjusted = stats.false_discovery_control([row["p"] for row in tested], method="by")
        assert [row["regressed"] for row in tested] == [bool(p <= rate) for p in adjusted]
        assert reading.value == np.count_nonzero(adjusted <= rate)
        counts.append(reading.value)
    assert counts == sorted(set(counts))


def test_a_planted_regression_is_found_while_the_aggregate_improves(flights: Draw) -> None:
    sample = flights(noise=0.1)
    planted = (sample.groups["origin"].codes == 1) & (sample.groups["carrier"].codes == 2)
    spoiled = _spoil(sample, planted)
    better = log_loss.better_than("current")
    aggregate = measure_candidate(better.check, spoiled, subject="model:m@1", log_digest="").evidence
    reading = find_regressions(BOTH, spoiled)
    assert judge(better, aggregate).outcome == "pass"
    assert [row["slice"] for row in reading.detail or [] if row["regressed"]] == ["origin=JFK, carrier=DL"]
    assert (reading.value, reading.low, reading.high, reading.n, reading.clusters) == (1.0, 1.0, 1.0, 6000, 60)
    assert reading.facts["worst"] == "origin=JFK, carrier=DL"
    assert reading.facts["worst_difference"] == _row(reading, "origin=JFK, carrier=DL")["difference"] > 0.1
    assert reading.facts["worst_p"] < 1e-3
    assert reading.facts["said"].startswith(
        "1 of 23 slices found worse than version 1; worst origin=JFK, carrier=DL, +0."
    )
    assert (_outcome(BOTH, sample), _outcome(BOTH, spoiled)) == ("pass", "fail")


def test_the_same_predictions_regress_nowhere(flights: Draw) -> None:
    sample = flights()
    same = dataclasses.replace(sample, p=sample.baselines["current"])
    reading = find_regressions(BOTH, same)
    assert {(row["difference"], row["p"], row["regressed"]) for row in reading.detail or []} == {(0.0, 1.0, False)}
    assert reading.facts["said"].startswith("none of 23 slices found worse than version 1; nearest to it ")
    assert _outcome(BOTH, same) == "pass"


def test_slices_under_support_are_listed_and_never_decide(flights: Draw) -> None:
    sample = flights(n=3000)
    small = _spoil(sample, (sample.groups["origin"].codes == 1) & (sample.groups["carrier"].codes == 2), by=4.0)
    reading = find_regressions(SliceRegression(("origin", "carrier"), support_rows=300), small)
    row = _row(reading, "origin=JFK, carrier=DL")
    assert (row["decides"], row["regressed"], row["p"]) == (False, False, None)
    assert row["difference"] > 0.5
    assert (reading.facts["tested"], reading.facts["under_support"]) == (8, 15)
    assert [r["decides"] for r in reading.detail or []] == [True] * 8 + [False] * 15
    assert reading.facts["said"].endswith("; 15 under support")
    listed = [r["difference"] for r in reading.detail or []][8:]
    assert listed == sorted(listed, reverse=True)


def test_exactly_the_support_asked_for_is_enough(build: Draw) -> None:
    rng = np.random.default_rng(4)
    day, half = np.arange(400) % 20, Group(np.repeat([0, 1], [200, 200]), ("a", "b"))
    sample = build(rng.random(400) < 0.5, rng.random(400), day=day, groups={"half": half})
    asked = [(200, 20), (201, 20), (200, 21)]
    readings = [
        find_regressions(SliceRegression(("half",), support_rows=r, support_clusters=c), sample) for r, c in asked
    ]
    assert [reading.facts["tested"] for reading in readings] == [2, 0, 0]


def test_too_few_clusters_are_too_little_support(flights: Draw) -> None:
    sample = flights(days=19)
    reading = find_regressions(BOTH, sample)
    assert (reading.n, reading.facts["tested"], reading.facts["under_support"]) == (0, 0, 23)
    assert reading.facts["said"] == "none of 23 slices has 100 rows in 20 day clusters"
    assert _outcome(BOTH, sample) == "hold"


def test_one_cluster_never_decides_however_little_is_asked(flights: Draw) -> None:
    sample = flights(days=1)
    measure = SliceRegression(("origin",), support_rows=1, support_clusters=1)
    assert {row["standard_error"] for row in find_regressions(measure, sample).detail or []} == {None}
    assert _outcome(measure, sample) == "hold"


def test_a_pair_with_just_the_rows_of_one_part_is_that_part(build: Draw) -> None:
    rng = np.random.default_rng(3)
    city = rng.integers(0, 4, 2000)
    groups = {"city": Group(city, ("a", "b", "c", "d")), "country": Group(city // 2, ("x", "y"))}
    p = rng.uniform(0.2, 0.8, 2000)
    sample = build(rng.random(2000) < p, p, current=p, groups=groups)
    measure = SliceRegression(("city", "country", "city"), support_rows=100)
    assert {row["by"] for row in find_regressions(measure, sample).detail or []} == {"city", "country"}


def test_rows_without_a_label_are_in_no_slice(flights: Draw) -> None:
    sample = flights(n=2000)
    rows = [row for row in find_regressions(BOTH, sample).detail or [] if row["by"] == "carrier"]
    assert sum(row["n"] for row in rows) == np.count_nonzero(sample.groups["carrier"].codes >= 0) < 2000


def test_a_slice_of_one_class_has_no_auc(flights: Draw) -> None:
    sample = flights(n=2000)
    sample = dataclasses.replace(sample, y=sample.y & (sample.groups["origin"].codes != 0))
    row = _row(find_regressions(BOTH, sample), "origin=EWR")
    assert row["candidate_skill"] is row["baseline_skill"] is None
    assert row["decides"]


def test_the_first_version_is_compared_with_the_base_rate(flights: Draw) -> None:
    reading = find_regressions(BOTH, flights(current=None))
    assert (reading.facts["baseline"], reading.facts["fallback"]) == ("base rate", True)
    assert reading.value == 0.0


def test_an_unknown_group_is_refused(flights: Draw) -> None:
    with pytest.raises(ShipwayError) as caught:
        find_regressions(SliceRegression(("origin", "carier")), flights(n=50))
    assert (caught.value.code, caught.value.hint) == ("SW-104", "did you mean 'carrier'?")


def test_false_discoveries_stay_rare_where_row_wise_tests_are_fooled_by_days(build: Draw) -> None:
    rng = np.random.default_rng(11)
    runs, days, n = 60, 40, 20_000
    measure = SliceRegression(("g", "h"), support_rows=100)
    false_runs, alone, row_wise = 0, list[bool](), list[bool]()
    for _ in range(runs):
        day = np.repeat(np.arange(days), n // days)
        logit = rng.normal(-1.0, 0.8, n)
        p, current = (1 / (1 + np.exp(-(logit + rng.normal(0.0, 0.5, days)[day]))) for _ in range(2))
        y = rng.random(n) < 1 / (1 + np.exp(-(logit + rng.normal(0.0, 1.0, days)[day])))
        groups = {name: Group(rng.integers(0, 4, n), tuple("abcd")) for name in ("g", "h")}
        sample = build(y, p, current=current, clusters={"day": day, "row": np.arange(n)}, groups=groups)
        by_day = find_regressions(measure, sample)
        by_row = find_regressions(msgspec.structs.replace(measure, cluster="row"), sample)
        false_runs += by_day.value > 0
        alone += [row["p"] < 0.05 for row in by_day.detail or []]
        row_wise += [row["p"] < 0.05 for row in by_row.detail or []]
    # Candidate and baseline are exchangeable, so every rejection is false and a run may have one at a rate of 5 % at
    # most; at that rate 8 or more of 60 have a chance of 1 %. A slice by itself is called worse in 5 % of runs (with a
    # standard error of 2.8 points if the slices of a run all agree), unless its rows are taken as independent.
    assert false_runs < 8
    assert np.mean(alone) < 0.05 + 3 * 0.028
    assert np.mean(row_wise) > 0.2
