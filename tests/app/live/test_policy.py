"""Policies: what counts as the first release, and comparisons where there is little to compare."""

import numpy as np
import polars as pl
import pytest

from shipway.app.live.policy import Scored, compare_policies, first_release
from shipway.core.projection import RetrainState, ServiceState
from shipway.core.release import Release
from shipway.core.service import Step, Variant
from shipway.kit.duration import DAY

CHANGES = {"never": (), "triggered": (), "monthly": ()}


def variant(number):
    return Variant(version=number, bundle=f"{number}" * 64, online="s")


def service(*outcomes, retrained=()):
    releases = [
        Release(
            id=f"desk/{place + 1}",
            service="desk",
            model="m",
            walk=(Step(weight=1.0),),
            candidate=variant(place + 2),
            stable=variant(1),
            started_at=place,
            outcome=outcome,
            ended_at=place + 1,
        )
        for place, outcome in enumerate(outcomes)
    ]
    retrains = [RetrainState(service="desk", model="m", asked_at=0, reason="", number=n) for n in retrained]
    return ServiceState(name="desk", model="m", stable=variant(1), opened_at=0, releases=releases, retrains=retrains)


def scored(y, **policies):
    columns = {"label": y, "at": np.arange(len(y)) * (DAY // 4), **policies}
    return Scored(pl.DataFrame(columns), CHANGES)


def test_the_first_release_is_the_first_that_was_promoted():
    assert first_release(service("rolled back", "promoted", "promoted")).id == "desk/2"
    assert first_release(service("rolled back", "walking")) is None


def test_what_was_retrained_is_no_first_release():
    assert first_release(service("promoted", retrained=(2,))) is None
    assert first_release(service("promoted", "promoted", retrained=(3,))).id == "desk/1"


def test_equal_policies_leave_no_gain_to_share():
    y, p = [True, False] * 4, [0.6, 0.3] * 4
    found = compare_policies(scored(y, never=p, triggered=p, monthly=p), "UTC")
    assert (found.triggered.share, found.left, found.first) == (None, None, None)
    assert (found.monthly.difference.value, found.gain.value, found.days) == (0, 0, 2)
    assert found.monthly.auc == 1


def test_one_day_has_no_interval_and_one_class_no_area():
    found = compare_policies(scored([True, True], never=[0.5, 0.5], triggered=[0.7, 0.7], monthly=[0.9, 0.9]), "UTC")
    assert (found.monthly.difference, found.gain, found.monthly.auc) == (None, None, None)
    assert found.triggered.share == pytest.approx(np.log(0.7 / 0.5) / np.log(0.9 / 0.5))


def test_no_rows_are_no_comparison():
    assert compare_policies(scored([], never=[], triggered=[], monthly=[]), "UTC") is None
