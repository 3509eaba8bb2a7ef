import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest

from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.gate import judge
from shipway.core.slice_measure import AdvantageTrend
from shipway.maths.interval import clustered_mean, interval
from shipway.maths.metric import per_row_log_loss
from shipway.validation.evaluation import measure_candidate
from shipway.validation.sample import Group, Sample
from shipway.validation.trend import measure_trend

Build = Callable[..., Sample]
FIRST = dt.date(2013, 7, 1)


def draw(build: Build, fades: float = 0.0, days: int = 90, n: int = 6000) -> Sample:
    """Draw rows of days; the candidate's noise grows by so much a day, the baseline's is the same."""
    rng = np.random.default_rng(2)
    day = rng.integers(0, days, n)
    logit = rng.normal(-1.0, 1.0, n)
    p = 1 / (1 + np.exp(-(logit + rng.normal(size=n) * (0.1 + fades * day))))
    current = 1 / (1 + np.exp(-(logit + rng.normal(size=n) * 0.8)))
    labels = tuple((FIRST + dt.timedelta(days=at)).isoformat() for at in range(days))
    y = rng.random(n) < 1 / (1 + np.exp(-logit))
    return build(y, p, current=current, day=day, groups={"day": Group(day, labels)})


def test_an_advantage_that_fades_is_below_nought(build: Build):
    reading = measure_trend(AdvantageTrend(), draw(build, fades=0.015))
    assert reading.high < 0
    assert reading.clusters == 90
    assert "advantage over version 1" in reading.facts["said"]
    first, last = reading.facts["first"], reading.facts["last"]
    assert first["advantage"] > last["advantage"]
    assert first["window"] == "2013-07-01 to 2013-07-28"
    assert last["window"].endswith("2013-09-28")


def test_an_advantage_that_lasts_is_not(build: Build):
    reading = measure_trend(AdvantageTrend(), draw(build))
    assert reading.low < 0 < reading.high


def test_the_unit_of_time_scales_the_change(build: Build):
    sample = draw(build, fades=0.01)
    month, week = (measure_trend(AdvantageTrend(per_days=days), sample) for days in (28, 7))
    assert month.value == pytest.approx(4 * week.value)
    assert month.high == pytest.approx(4 * week.high)


def test_windows_roll_by_half_and_are_clustered_means(build: Build):
    sample = draw(build)
    windows = measure_trend(AdvantageTrend(window_days=20), sample).detail or []
    day = sample.groups["day"].codes
    advantage = per_row_log_loss(sample.y, sample.baselines["current"]) - per_row_log_loss(sample.y, sample.p)
    assert [row["window"][:10] for row in windows[:3]] == ["2013-07-01", "2013-07-11", "2013-07-21"]
    rows = (day >= 10) & (day < 30)
    alone = clustered_mean(advantage[rows], day[rows])
    assert (windows[1]["advantage"], windows[1]["n"]) == pytest.approx((alone.value, alone.n))
    assert (windows[1]["low"], windows[1]["high"]) == pytest.approx(interval(alone))
    assert sum(row["n"] for row in windows) >= sample.n


@pytest.mark.parametrize("days", [1, 2])
def test_few_days_hold(build: Build, days: int):
    check = Check("trend", AdvantageTrend(), "candidate", "trend")
    found = measure_candidate(check, draw(build, days=days, n=100), subject="model:m@1", log_digest="")
    assert judge(check >= 0, found.evidence).outcome == "hold"
    assert len(found.detail or []) == 1


def test_no_rows_hold(build: Build):
    empty = build(np.zeros(0, np.bool_), np.zeros(0), groups={"day": Group(np.zeros(0, np.int64), ())})
    assert measure_trend(AdvantageTrend(), empty).n == 0


def test_rows_without_days_are_named(build: Build):
    with pytest.raises(ShipwayError, match="SW-104"):
        measure_trend(AdvantageTrend(), build(np.ones(3, np.bool_), np.full(3, 0.5)))
