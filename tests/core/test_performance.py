"""The words for metrics print as they were written and refuse what they cannot mean."""

import pytest

from shipway.core import performance as words
from shipway.core.candidate import auc, calibration_gap, decision_value, never_lowers
from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.gate import make_gate
from shipway.core.measure import (
    Action,
    ActionValue,
    ClassAction,
    ClassValue,
    DecisionValue,
    Improvement,
    Score,
    ValueImprovement,
)
from shipway.maths.expression import Feature

SEARCHES = Source("searches", ("row",), (), {"always": ("query", "customer")})
WORTH = decision_value(act_if_true=65, act_if_false=25, skip_if_true=100)


@pytest.mark.parametrize(
    ("check", "text", "measure"),
    [
        (words.recall(at=0.4), "recall(at=0.4)", Score("recall", at=0.4)),
        (words.precision(at=0.25), "precision(at=0.25)", Score("precision", at=0.25)),
        (words.specificity(at=0), "specificity(at=0)", Score("specificity", at=0.0)),
        (words.f_score(at=0.5, beta=2), "f_score(at=0.5, beta=2)", Score("f_score", at=0.5, beta=2.0)),
        (words.f_score(at=0.5), "f_score(at=0.5)", Score("f_score", at=0.5)),
        (words.mcc(at=WORTH), "mcc(at=0.416667)", Score("mcc", at=25 / 60)),
        (words.ndcg(first=10, query=SEARCHES.query), "ndcg(first=10, query=searches.query)",
         Score("ndcg", at=10.0, query="query")),
        (words.top_recall(first=3, query="query"), 'top_recall(first=3, query="query")',
         Score("top_recall", at=3.0, query="query")),
        (words.mean_reciprocal_rank(query="q"), 'mean_reciprocal_rank(query="q")',
         Score("mean_reciprocal_rank", query="q")),
        (words.mean_average_precision(first=5, query="q"), 'mean_average_precision(first=5, query="q")',
         Score("mean_average_precision", at=5.0, query="q")),
        (words.accuracy, "accuracy", Score("accuracy", at=0.5)),
        (words.macro_f1, "macro_f1", Score("macro_f1")),
        (words.top_accuracy(first=3), "top_accuracy(first=3)", Score("top_accuracy", at=3.0)),
        (words.recall(of="lost"), 'recall(of="lost")', Score("recall", of="lost")),
        (words.f_score(at=0.3, beta=2, of="lost"), 'f_score(at=0.3, beta=2, of="lost")',
         Score("f_score", at=0.3, beta=2.0, of="lost")),
    ],
)  # fmt: skip
def test_a_word_is_what_it_says(check: Check, text: str, measure: Score):
    assert (check.name, check.text, check.measure, check.subject) == (text, text, measure, "candidate")


def test_a_metric_is_compared_as_it_was_taken():
    rule = words.recall(at=0.4).better_than("current")
    assert rule.check.measure == Improvement("recall", "current", at=0.4)
    assert rule.text == 'recall(at=0.4).better_than("current")'
    assert words.f_score(at=0.4, beta=2).no_worse_than("current", by=0.01).bound == -0.01


def test_clusters_are_said_of_a_metric_and_kept_when_it_is_compared():
    check = auc.clustered(SEARCHES.customer)
    assert (check.name, check.text) == ("auc by customer", "auc.clustered(searches.customer)")
    assert check.better_than("current").check.measure == Improvement("auc", "current", "customer")
    assert auc.clustered("weekday").text == 'auc.clustered("weekday")'
    with pytest.raises(ShipwayError, match="has no clusters"):
        never_lowers("n", {Feature("v", "f"): 1}).clustered("day")
    with pytest.raises(ShipwayError, match="cannot be measured on what a service answered"):
        check.over("7d")


def test_a_value_is_compared_too():
    rule = WORTH.better_than("current")
    assert rule.check.measure == ValueImprovement(WORTH.measure, "current")
    assert str(rule) == f'{WORTH.text}.better_than("current")'
    assert make_gate("worth", rule.check, before="release").rules[0].bound == 0.0


def test_several_actions_print_as_they_were_written():
    check = words.action_value(
        wait=words.action(if_true=100, if_false=0), call=words.action(if_true=65, if_false=25),
    )  # fmt: skip
    assert check.measure == ActionValue((Action("wait", 100, 0), Action("call", 65, 25)))
    assert check.text == ("action_value(wait=action(if_true=100, if_false=0), call=action(if_true=65, if_false=25))")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: words.recall(at=1), "recall has at=1"),
        (lambda: words.recall(at="half"), "not a finite number"),
        (lambda: words.f_score(at=0.5, beta=0), "beta=0"),
        (lambda: words.ndcg(first=0, query="q"), "first=0"),
        (lambda: words.ndcg(first=True, query="q"), "first=True"),
        (lambda: words.action_value(wait=words.action(if_true=1, if_false=0)), "two actions"),
        (lambda: words.action_value(wait=1, call=2), "action 'wait' is 1"),
        (
            lambda: words.action_value(
                wait=words.action(if_true=1, if_false=0), call=words.action(if_true=2, if_false=0)
            ),
            "cheapest whatever",
        ),
        (lambda: calibration_gap.better_than("current"), "cannot be compared"),
        (lambda: words.expected_calibration_error.better_than("current"), "cannot be compared"),
        (lambda: words.calibration_slope.better_than("current"), "cannot be compared"),
        (lambda: words.ndcg(first=3, query="q").over("7d"), "what a service answered"),
        (lambda: words.recall(), "not a finite number"),
        (lambda: words.top_accuracy(first=0), "top_accuracy has first=0"),
        (lambda: words.recall(at=0.4).of("lost"), "names its class itself"),
        (lambda: words.macro_auc.of("lost"), "of all classes, or of a number"),
        (lambda: auc.of("lost").of("late"), "is of no class"),
        (lambda: auc.of(""), "is of no class"),
        (lambda: never_lowers("n", {Feature("v", "f"): 1}).of("lost"), "is of no class"),
        (lambda: words.action({"lost": 1}, if_true=2), "by class, and by true and false"),
        (lambda: words.action({}), "names no class"),
        (lambda: words.action(if_true=2), "not a finite number"),
        (
            lambda: words.action_value(
                wait=words.action({"lost": 2, "late": 1}), call=words.action({"lost": 1, "late": 1})
            ),
            "'call' is the cheapest whatever",
        ),
        (
            lambda: words.action(if_true=1, if_false=0, otherwise=5),
            "otherwise=",
        ),
        (
            lambda: words.action_value(wait=words.action({"lost": 2}), call=words.action({"late": 1}, otherwise=1)),
            "'wait' has no cost where 'late' turns out",
        ),
        (
            lambda: words.action_value(
                wait=words.action({"lost": 2}, otherwise=0), call=words.action(if_true=1, if_false=1)
            ),
            "'wait' has costs by class, and 'call' by true and false",
        ),
    ],
)
def test_what_a_word_cannot_mean_is_refused(build, said: str):
    with pytest.raises(ShipwayError, match=said) as refused:
        build()
    assert refused.value.code == "SW-106"


def test_a_metric_of_one_class_is_that_of_a_condition_and_prints_as_written():
    check = auc.of("on time")
    assert (check.name, check.text, check.measure) == (
        "auc of on time",
        'auc.of("on time")',
        Score("auc", of="on time"),
    )
    rule = words.recall(of="lost").better_than("current")
    assert rule.check.measure == Improvement("recall", "current", of="lost")
    assert rule.text == 'recall(of="lost").better_than("current")'
    live = check.over("28d")
    assert (live.name, live.text) == ("auc of on time over 28d", 'auc.of("on time").over("28d")')
    worth = WORTH.of("lost")
    assert worth.measure == DecisionValue(65, 25, 100, of="lost")
    assert worth.better_than("current").check.measure == ValueImprovement(worth.measure, "current")


def test_actions_by_class_print_as_they_were_written():
    check = words.action_value(
        wait=words.action({"lost": 100, "late": 8.5}, otherwise=0), call=words.action({"lost": 40}, otherwise=5)
    )
    assert check.measure == ClassValue(
        (ClassAction("wait", {"lost": 100, "late": 8.5}, 0.0), ClassAction("call", {"lost": 40}, 5.0))
    )
    assert check.text == (
        'action_value(wait=action({"lost": 100, "late": 8.5}, otherwise=0), call=action({"lost": 40}, otherwise=5))'
    )


def test_a_metric_without_a_bound_is_told_one():
    with pytest.raises(ShipwayError, match=r"calibration_slope >= 0\.8"):
        make_gate("g", words.calibration_slope, before="release")
