from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from shipway.core.error import ShipwayError
from shipway.core.measure import DecisionValue
from shipway.validation.profile import calibration_table, profile_by, skill_or_none
from shipway.validation.sample import Group, Sample
from shipway.validation.value import saved_per_row

LATE = DecisionValue(act_if_true=65.0, act_if_false=25.0, skip_if_true=100.0)


def test_each_part_is_measured_as_if_it_stood_alone(flights: Callable[..., Sample]) -> None:
    sample = flights(n=2000)
    table = profile_by(sample, "carrier", LATE)
    carrier = sample.groups["carrier"]
    assert [row["label"] for row in table] == list(carrier.labels)
    for code, row in enumerate(table):
        y, p = sample.y[carrier.codes == code], sample.p[carrier.codes == code]
        assert row["n"] == y.size
        assert row["mean"] == pytest.approx(y.mean())
        assert row["mean_p"] == pytest.approx(p.mean())
        assert row["skill"] == pytest.approx(metrics.roc_auc_score(y, p))
        assert row["loss"] == pytest.approx(metrics.log_loss(y, p))
        assert row["value"] == pytest.approx(saved_per_row(y, p, LATE).mean())
    assert sum(row["n"] for row in table) == np.count_nonzero(carrier.codes >= 0) < sample.n


def test_a_part_of_one_class_has_no_auc_and_an_empty_part_no_row(build: Callable[..., Sample]) -> None:
    month = Group(np.array([0, 0, 2, 2]), ("Jan", "Feb", "Mar"))
    sample = build(np.array([True, True, True, False]), np.array([0.5, 0.6, 0.7, 0.8]), groups={"month": month})
    january, march = profile_by(sample, "month")
    assert (january["label"], january["skill"], january["value"]) == ("Jan", None, None)
    assert (march["label"], march["skill"]) == ("Mar", 0.0)


def test_no_rows_give_no_parts(build: Callable[..., Sample]) -> None:
    month = Group(np.array([], np.int64), ("Jan",))
    sample = build(np.array([], bool), np.array([]), groups={"month": month})
    assert profile_by(sample, "month") == []
    assert calibration_table(sample.p, sample.y) == []


def test_an_unknown_group_is_refused(flights: Callable[..., Sample]) -> None:
    with pytest.raises(ShipwayError, match="did you mean 'carrier'"):
        profile_by(flights(n=50), "carier")


def test_calibration_bins_hold_every_row_once_in_order(flights: Callable[..., Sample]) -> None:
    sample = flights(n=1000)
    table = calibration_table(sample.p, sample.y, 5)
    ordered = np.argsort(sample.p)
    for row, part in zip(table, np.split(ordered, 5), strict=True):
        assert row["n"] == 200
        assert row["mean_p"] == pytest.approx(sample.p[part].mean())
        assert row["mean"] == pytest.approx(sample.y[part].mean())


def test_auc_needs_both_classes() -> None:
    p = np.array([0.1, 0.2])
    assert skill_or_none(np.array([False, True]), p) == 1.0
    assert skill_or_none(np.array([True, True]), p) is None
    assert skill_or_none(np.array([False, False]), p) is None
