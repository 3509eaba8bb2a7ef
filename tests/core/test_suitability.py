"""What measures predictions of which kind of label."""

import pytest

from shipway.core import performance as words
from shipway.core.canary import shown_loss
from shipway.core.candidate import auc, calibration_gap, decision_value, label_maturity, slice_regression
from shipway.core.metric import METRICS
from shipway.core.slice_check import demographic_parity, found_regressions, group_calibration
from shipway.core.suitability import list_kinds, refuse_unfit
from shipway.testing.refusal import expect_refusal

BOTH = (
    calibration_gap,
    label_maturity,
    slice_regression("carrier"),
    found_regressions("carrier"),
    group_calibration("carrier"),
)
CONDITION = (
    auc,
    auc.over("28d"),
    auc.better_than("current").check,
    demographic_parity("carrier"),
    found_regressions("carrier", threshold=0.5),
    decision_value(act_if_true=1, act_if_false=2, skip_if_true=3),
    shown_loss(),
)
NUMBER = (words.r_squared, words.pinball_loss(quantile=0.9), words.mean_absolute_error.better_than("current").check,
          shown_loss("mean_absolute_error", relative=True))  # fmt: skip


@pytest.mark.parametrize(
    ("checks", "kinds"), [(BOTH, {"condition", "number"}), (CONDITION, {"condition"}), (NUMBER, {"number"})]
)
def test_a_check_says_what_it_can_measure(checks, kinds):
    assert {str(check): list_kinds(check) for check in checks} == {str(check): kinds for check in checks}


def test_an_unfit_check_is_refused_with_what_fits():
    refuse_unfit([*BOTH, *CONDITION], "late", "condition")
    refuse_unfit([*BOTH, *NUMBER], "delay", "number")
    with expect_refusal("SW-403") as caught:
        refuse_unfit([calibration_gap, auc], "delay", "number")
    assert caught[0].fact == "auc measures predictions of a condition, and label 'delay' is a number"
    assert "r_squared or mean_absolute_error" in caught[0].hint
    with expect_refusal("SW-403"):
        refuse_unfit([words.r_squared], "late", "condition")


def test_every_metric_is_of_some_kind():
    assert all(metric.of for metric in METRICS.values())
