"""Policies: what counts as the first release, and comparisons where there is little to compare."""

import numpy as np
import polars as pl
import pytest

from shipway.app.live.policy import Scored, compare_policies, first_release, measure_weeks, score_policies
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
    assert found.monthly.score.auc == 1


def test_one_day_has_no_interval_and_one_class_no_area():
    found = compare_policies(scored([True, True], never=[0.5, 0.5], triggered=[0.7, 0.7], monthly=[0.9, 0.9]), "UTC")
    assert (found.monthly.difference, found.gain, found.monthly.score.auc) == (None, None, None)
    assert found.triggered.share == pytest.approx(np.log(0.7 / 0.5) / np.log(0.9 / 0.5))


def test_no_rows_are_no_comparison():
    assert compare_policies(scored([], never=[], triggered=[], monthly=[]), "UTC") is None


def test_policies_of_a_number_are_compared_by_its_absolute_error():
    y = [10.0, 20.0, 40.0, 10.0, 30.0, 30.0, 0.0, 50.0]
    best = [12.0, 19.0, 43.0, 10.0, 28.0, 35.0, 1.0, 44.0]
    half = [(ours + 25) / 2 for ours in best]
    found = compare_policies(scored(y, never=[25.0] * 8, triggered=half, monthly=best), "UTC")
    assert found.never.score.loss == pytest.approx(np.abs(25 - np.array(y)).mean())
    assert found.monthly.score.auc is None
    errors = np.array(best) - np.array(y)
    assert found.monthly.score.root_mean_squared_error == pytest.approx(np.sqrt(np.square(errors).mean()))
    losses = [np.abs(np.array(each) - np.array(y)).mean() for each in ([25.0] * 8, half, best)]
    assert found.triggered.share == pytest.approx((losses[0] - losses[1]) / (losses[0] - losses[2]))
    assert found.gain.value == pytest.approx(losses[0] - losses[2])


def test_weeks_of_a_number_are_told_in_its_unit():
    y, p = [10.0, 20.0, 40.0], [12.0, 20.0, 36.0]
    rows = pl.DataFrame(
        {
            "request": ["a", "b", "c"], "row": ["a", "b", "c"], "at": [0, DAY, 2 * DAY], "version": [1, 1, 1],
            "label": y, "known_at": [DAY, 2 * DAY, 3 * DAY], "p": p, "never": [25.0] * 3, "triggered": p,
            "monthly": p,
        }
    )  # fmt: skip
    (week,) = measure_weeks(rows, Scored(rows, CHANGES), known_by=9 * DAY, zone="UTC")
    assert (week.n, week.mean, week.mean_p) == (3, pytest.approx(70 / 3), pytest.approx(68 / 3))
    assert week.scores["triggered"].loss == pytest.approx(2)
    assert week.scores["triggered"].root_mean_squared_error == pytest.approx(np.sqrt(20 / 3))
    assert week.scores["triggered"].auc is None


CLASSES = ("a", "b")


def shares(*first):
    """Probabilities of two classes, by that of the first."""
    return pl.Series([[p, 1 - p] for p in first], dtype=pl.Array(pl.Float64, 2))


def test_policies_of_a_class_are_compared_by_its_log_loss():
    y = ["a", "b", "a", "b", "a", "a", "c", "b"]
    best, half = (0.9, 0.1, 0.8, 0.2, 0.9, 0.7, 0.5, 0.3), (0.7, 0.3, 0.6, 0.4, 0.7, 0.6, 0.5, 0.4)
    columns = {"label": y, "at": np.arange(8) * (DAY // 4), "never": shares(*[0.5] * 8)}
    rows = pl.DataFrame(columns | {"triggered": shares(*half), "monthly": shares(*best)})
    found = compare_policies(Scored(rows, CHANGES, CLASSES), "UTC")
    told = [p if name == "a" else 1 - p for name, p in zip(y, best, strict=True) if name != "c"]
    miss = -np.log(1e-15)
    assert found.monthly.score.loss == pytest.approx((-np.log(told).sum() + miss) / 8)
    assert found.monthly.score.accuracy == 7 / 8
    assert (found.monthly.score.auc, found.monthly.score.root_mean_squared_error) == (None, None)
    # What nobody knows is a miss of all alike.
    assert found.never.score.loss == pytest.approx((7 * np.log(2) + miss) / 8)
    assert 0 < found.triggered.share < 1


def test_weeks_of_a_class_are_told_by_log_loss_and_accuracy():
    p = shares(0.75, 0.25, 0.75)
    rows = pl.DataFrame(
        {
            "request": ["a", "b", "c"], "row": ["a", "b", "c"], "at": [0, DAY, 2 * DAY], "version": [1, 1, 1],
            "label": ["a", "b", "b"], "known_at": [DAY, 2 * DAY, 3 * DAY], "p": p, "never": shares(0.5, 0.5, 0.5),
            "triggered": p, "monthly": p,
        }
    )  # fmt: skip
    (week,) = measure_weeks(rows, Scored(rows, CHANGES, CLASSES), known_by=9 * DAY, zone="UTC")
    assert (week.n, week.mean, week.mean_p) == (3, None, None)
    assert week.scores["triggered"].accuracy == pytest.approx(2 / 3)
    assert week.scores["triggered"].loss == pytest.approx(-np.log([0.75, 0.75, 0.25]).mean())
    assert week.scores["never"].loss == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("p", "label", "classes"),
    [
        (shares(0.5, 0.25), pl.String, CLASSES),
        (pl.Series("p", [0.5, 0.25]), pl.Boolean, ()),
        (pl.Series("p", [4.5, 2]), pl.Float64, ()),
    ],
)
def test_without_a_labelled_answer_nothing_is_trained_and_weeks_are_counted(p, label, classes):
    answers = pl.DataFrame(
        {"request": ["a", "b"], "row": ["a", "b"], "at": [0, DAY], "version": [1, 2], "p": p,
         "label": pl.Series([None, None], dtype=label), "known_at": pl.Series([None, None], dtype=pl.Int64)}
    )  # fmt: skip
    # No runner: whoever trained or scored would fail here.
    found = score_policies(None, service(), None, None, answers, (0, DAY), 9 * DAY, classes)
    assert (found.rows.height, compare_policies(found, "UTC")) == (0, None)
    (week,) = measure_weeks(answers, found, known_by=9 * DAY, zone="UTC")
    assert (week.answered, week.versions, week.n, week.scores) == (2, {1: 1, 2: 1}, 0, {})
