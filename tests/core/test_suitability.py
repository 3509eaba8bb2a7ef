"""What measures predictions of which kind of label."""

import pytest

from shipway import behaviours as b
from shipway.core import performance as words
from shipway.core.attribution import attribution, reason_agreement
from shipway.core.canary import shown_loss
from shipway.core.candidate import (
    auc,
    calibration_gap,
    decision_value,
    label_maturity,
    log_loss,
    never_lowers,
    never_matters,
    slice_regression,
)
from shipway.core.metric import METRICS
from shipway.core.slice_check import (
    demographic_parity,
    equal_accuracy,
    equal_opportunity,
    equalised_odds,
    found_regressions,
    group_calibration,
)
from shipway.core.suitability import list_kinds, refuse_unfit, refuse_unknown_classes
from shipway.maths.expression import Feature
from shipway.testing.refusal import expect_refusal

ALL = (
    calibration_gap,
    label_maturity,
    never_matters("m", {Feature("v", "f"): 1}),
    b.probe("k", change=b.add("x", 1), expect=b.keeps_class()),
    b.probe("s", expect=b.says("lost")),
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
    words.recall(at=0.5),
    words.action_value(wait=words.action(if_true=2, if_false=0), call=words.action(if_true=1, if_false=1)),
)
CLASS = (
    words.macro_auc,
    words.macro_f1.over("28d"),
    words.top_accuracy(first=2).better_than("current").check,
    auc.of("lost"),
    auc.of("lost").over("7d"),
    words.recall(of="lost"),
    words.precision(at=0.3, of="lost").better_than("current").check,
    decision_value(act_if_true=1, act_if_false=2, skip_if_true=3).of("lost").better_than("current").check,
    demographic_parity("carrier", of="lost"),
    attribution(Feature("customer", "orders_90d"), of="lost"),
    reason_agreement(of="lost"),
    never_lowers("n of", {Feature("v", "f"): 1}, of="lost"),
    b.probe("a of", expect=b.at_least(0.1), of="lost"),
    words.action_value(wait=words.action({"lost": 2}, otherwise=0), call=words.action({"lost": 1}, otherwise=1)),
)
SAID = (log_loss, log_loss.over("28d"), words.accuracy, words.expected_calibration_error, equal_accuracy("carrier"),
        shown_loss())  # fmt: skip
SCALAR = (
    never_lowers("n", {Feature("v", "f"): 1}),
    b.probe("a", expect=b.at_least(0.1)),
    attribution(Feature("customer", "orders_90d")),
    reason_agreement(),
)
NUMBER = (words.r_squared, words.pinball_loss(quantile=0.9), words.mean_absolute_error.better_than("current").check,
          shown_loss("mean_absolute_error", relative=True))  # fmt: skip


@pytest.mark.parametrize(
    ("checks", "kinds"),
    [
        (ALL, {"condition", "number", "class"}),
        (SAID, {"condition", "class"}),
        (SCALAR, {"condition", "number"}),
        (CONDITION, {"condition"}),
        (NUMBER, {"number"}),
        (CLASS, {"class"}),
    ],
)
def test_a_check_says_what_it_can_measure(checks, kinds):
    assert {str(check): list_kinds(check) for check in checks} == {str(check): kinds for check in checks}


def test_an_unfit_check_is_refused_with_what_fits():
    refuse_unfit([*ALL, *SAID, *SCALAR, *CONDITION], "late", "condition")
    refuse_unfit([*ALL, *SCALAR, *NUMBER], "delay", "number")
    refuse_unfit([*ALL, *SAID, *CLASS], "status", "class")
    with expect_refusal("SW-403") as caught:
        refuse_unfit([calibration_gap, auc], "delay", "number")
    assert caught[0].fact == "auc measures predictions of a condition, and label 'delay' is a number"
    assert "r_squared or mean_absolute_error" in caught[0].hint
    with expect_refusal("SW-403"):
        refuse_unfit([words.r_squared], "late", "condition")


def test_every_metric_is_of_some_kind():
    assert all(metric.of for metric in METRICS.values())


@pytest.mark.parametrize(
    ("check", "hint"),
    [
        (auc, "say of which class: auc.of(...)"),
        (words.recall(at=0.4), "say of which class: recall(of=...)"),
        (decision_value(act_if_true=1, act_if_false=2, skip_if_true=3), "say of which class: decision_value.of(...)"),
        (auc.better_than("current").check, "say of which class: auc.of(...)"),
        (words.recall(at=0.4).better_than("current").check, "say of which class: recall(of=...)"),
        (auc.over("7d"), "say of which class: auc.of(...)"),
        (demographic_parity("channel"), "say of which class: demographic_parity(of=...)"),
        (equal_opportunity("channel"), "say of which class: equal_opportunity(of=...)"),
        (equalised_odds("channel"), "say of which class: equalised_odds(of=...)"),
        (found_regressions("channel", threshold=0.4), "take macro_auc or log_loss"),
        (words.r_squared, "take macro_auc or log_loss"),
        (never_lowers("n", {Feature("v", "f"): 1}), "say of which class: of=..."),
        (attribution(Feature("customer", "orders_90d")), "say of which class: of=..."),
    ],
)
def test_what_measures_a_condition_measures_one_class(check, hint):
    with expect_refusal("SW-403") as caught:
        refuse_unfit([check], "status", "class")
    assert caught[0].fact.endswith("and label 'status' is a class")
    assert caught[0].hint.startswith(hint)


def test_a_class_that_never_is_and_one_without_a_cost_are_refused():
    classes = ("late", "lost", "on time")
    priced = words.action_value(
        wait=words.action({"lost": 9}, otherwise=0), call=words.action({"lost": 1}, otherwise=1)
    )
    refuse_unknown_classes([*SAID, auc.of("lost"), priced], "status", classes)
    for check in (auc.of("lots"), words.recall(of="lots"), auc.of("lots").better_than("current").check):
        with expect_refusal("SW-104") as caught:
            refuse_unknown_classes([check], "status", classes)
        assert "names class 'lots', which label 'status' never is" in caught[0].fact
        assert "'lost'" in caught[0].hint
    misspelt, short = (
        words.action_value(wait=words.action({name: 9, "on time": 0}), call=words.action({name: 1, "on time": 1}))
        for name in ("lots", "lost")
    )
    with expect_refusal("SW-104"):
        refuse_unknown_classes([misspelt.better_than("current").check], "status", classes)
    with expect_refusal("SW-403") as caught:
        refuse_unknown_classes([short], "status", classes)
    assert "action 'wait'" in caught[0].fact
    assert "has no cost where label 'status' is 'late'" in caught[0].fact
