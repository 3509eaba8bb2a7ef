"""The words for metrics of a candidate beyond those of `shipway.core.candidate`: at a threshold, ranked, calibrated."""

from collections.abc import Mapping
from typing import overload

import msgspec

from shipway.core.argument import take_mapping, take_name
from shipway.core.check import Check, finite, write_number
from shipway.core.error import ShipwayError
from shipway.core.measure import Action, ActionValue, ClassAction, ClassValue, DecisionValue, Score
from shipway.core.metric import Name
from shipway.maths.expression import Column, quote, render

average_precision = Check("average_precision", Score("average_precision"), "candidate", "average_precision")
accuracy = Check("accuracy", Score("accuracy", at=0.5), "candidate", "accuracy")
calibration_slope = Check("calibration_slope", Score("calibration_slope"), "candidate", "calibration_slope")
expected_calibration_error = Check(
    "expected_calibration_error", Score("expected_calibration_error"), "candidate", "expected_calibration_error"
)
mean_absolute_error = Check("mean_absolute_error", Score("mean_absolute_error"), "candidate", "mean_absolute_error")
root_mean_squared_error = Check(
    "root_mean_squared_error", Score("root_mean_squared_error"), "candidate", "root_mean_squared_error"
)
r_squared = Check("r_squared", Score("r_squared"), "candidate", "r_squared")
mean_absolute_percentage_error = Check(
    "mean_absolute_percentage_error",
    Score("mean_absolute_percentage_error"),
    "candidate",
    "mean_absolute_percentage_error",
)
weighted_percentage_error = Check(
    "weighted_percentage_error", Score("weighted_percentage_error"), "candidate", "weighted_percentage_error"
)
share_below = Check("share_below", Score("share_below"), "candidate", "share_below")
macro_auc = Check("macro_auc", Score("macro_auc"), "candidate", "macro_auc")
macro_f1 = Check("macro_f1", Score("macro_f1"), "candidate", "macro_f1")
weighted_f1 = Check("weighted_f1", Score("weighted_f1"), "candidate", "weighted_f1")


def pinball_loss(*, quantile: float) -> Check:
    """Measure the mean loss of a predicted quantile of a number, which the true quantile makes least.

    Args:
        quantile: which quantile the model predicts, between 0 and 1, such as 0.9.
    """
    level = finite("pinball_loss(quantile=...)", quantile)
    if not 0 < level < 1:
        raise ShipwayError("SW-106", f"pinball_loss has quantile={quantile!r}", "it lies between 0 and 1, such as 0.9")
    text = f"pinball_loss(quantile={write_number(level)})"
    return Check(text, Score("pinball_loss", at=level), "candidate", text)


def top_accuracy(*, first: int) -> Check:
    """Measure in which share of the rows the class is among the most probable ones.

    Args:
        first: how many of the most probable classes count, such as 3.
    """
    places = _take_places("top_accuracy", first)
    text = f"top_accuracy(first={places})"
    return Check(text, Score("top_accuracy", at=float(places)), "candidate", text)


def precision(*, at: float | Check | None = None, of: str = "") -> Check:
    """Measure in which share of the rows acted on the label is true.

    Args:
        at: the threshold, above which one acts; or a `decision_value`, for its own.
        of: of a label of classes, the one that is acted on: where its probability is above `at`, or without that where
            it is the most probable class.
    """
    return _acting("precision", at, of)


def recall(*, at: float | Check | None = None, of: str = "") -> Check:
    """Measure which share of the rows whose label is true is acted on; arguments as for `precision`."""
    return _acting("recall", at, of)


def specificity(*, at: float | Check | None = None, of: str = "") -> Check:
    """Measure which share of the rows whose label is false is left alone; arguments as for `precision`."""
    return _acting("specificity", at, of)


def f_score(*, at: float | Check | None = None, beta: float = 1.0, of: str = "") -> Check:
    """Measure the weighted harmonic mean of precision and recall.

    Args:
        at: as for `precision`.
        beta: how many times as much recall counts as precision.
        of: as for `precision`.
    """
    weight = finite("f_score", beta)
    if weight <= 0:
        raise ShipwayError("SW-106", f"f_score has beta={beta!r}", "write a number above 0, such as beta=2")
    return _acting("f_score", at, of, weight)


def mcc(*, at: float | Check | None = None, of: str = "") -> Check:
    """Measure the correlation of acting and the label, -1 to 1 (Matthews); arguments as for `precision`."""
    return _acting("mcc", at, of)


def ndcg(*, first: int, query: str | Column) -> Check:
    """Measure the discounted gain of the first places of each query, over the greatest possible one.

    Args:
        first: how many places count.
        query: the source's column whose equal values are ranked among each other; those of one query should lie in one
            cluster.
    """
    return _ranking("ndcg", query, first)


def top_recall(*, first: int, query: str | Column) -> Check:
    """Measure which share of a query's true rows is among its first ones; arguments as for `ndcg`."""
    return _ranking("top_recall", query, first)


def mean_reciprocal_rank(*, query: str | Column) -> Check:
    """Measure one over the place of the first true row of each query; `query` as for `ndcg`."""
    return _ranking("mean_reciprocal_rank", query)


def mean_average_precision(*, first: int, query: str | Column) -> Check:
    """Measure the precision at each true row among the first ones of a query; arguments as for `ndcg`."""
    return _ranking("mean_average_precision", query, first)


@overload
def action(*, if_true: float, if_false: float) -> Action: ...
@overload
def action(costs: Mapping[str, float], /, *, otherwise: float | None = None) -> ClassAction: ...
def action(
    costs: Mapping[str, float] | None = None,
    /,
    *,
    if_true: float | None = None,
    if_false: float | None = None,
    otherwise: float | None = None,
) -> Action | ClassAction:
    """State what an action costs where a label turns out true and where it turns out false; a gain is negative.

    Args:
        costs: of a label of classes, in place of the two: class to what the action costs where it turns out.
        if_true: the cost where the label turns out true.
        if_false: where it turns out false.
        otherwise: the cost of every class that `costs` does not name.
    """
    if costs is None:
        if otherwise is not None:
            fact = "an action has costs by true and false, and otherwise="
            raise ShipwayError("SW-106", fact, "leave otherwise= away: nothing else can turn out")
        true, false = (finite("the costs of an action", each) for each in (if_true, if_false))
        return Action("", true, false)
    if if_true is not None or if_false is not None:
        raise ShipwayError(
            "SW-106", "an action has costs by class, and by true and false", "say one: {...}, or if_true= and if_false="
        )
    given = take_mapping(costs, "the costs of an action", 'write {"lost": 65, "late": 20}')
    rest = None if otherwise is None else finite("action(otherwise=...)", otherwise)
    if not given:
        raise ShipwayError("SW-106", "an action names no class", 'write sw.action({"lost": 65}, otherwise=0)')
    where = "the costs of an action"
    named = {take_name(name, "a class of an action"): finite(where, cost) for name, cost in given.items()}
    return ClassAction("", named, rest)


def action_value(**actions: Action | ClassAction) -> Check:
    """Measure what choosing the cheapest of several actions saves a row, against the first of them, doing nothing.

    Args:
        actions: name to costs, two or more, such as `wait=sw.action(if_true=100, if_false=0)`, or of a label of classes
            `wait=sw.action({"lost": 100, "late": 10}, otherwise=0)`.

    Raises:
        ShipwayError: SW-106 for fewer than two actions, what is none, one that is the cheapest whatever happens, or a
            class that another action names and this one has no cost for.
    """
    if len(actions) < 2:
        raise ShipwayError("SW-106", "action_value needs two actions to choose between", "name one more")
    given: dict[str, object] = {**actions}
    for name, each in given.items():
        if not isinstance(each, Action | ClassAction):
            raise ShipwayError(
                "SW-106", f"action {name!r} is {each!r}", f"write {name}=sw.action(if_true=..., if_false=...)"
            )
    listed = tuple(msgspec.structs.replace(each, name=name) for name, each in actions.items())
    by_class = tuple(each for each in listed if isinstance(each, ClassAction))
    by_truth = tuple(each for each in listed if isinstance(each, Action))
    if by_class and by_truth:
        raise ShipwayError(
            "SW-106",
            f"action {by_class[0].name!r} has costs by class, and {by_truth[0].name!r} by true and false",
            "state all of them by class, or none",
        )
    _refuse_cheapest([(each.name, (each.if_true, each.if_false)) for each in by_truth] or _spread_costs(by_class))
    words = ", ".join(f"{each.name}={_write_action(each)}" for each in listed)
    measure = ClassValue(by_class) if by_class else ActionValue(by_truth)
    return Check("action_value", measure, "candidate", f"action_value({words})")


def _spread_costs(actions: tuple[ClassAction, ...]) -> list[tuple[str, tuple[float, ...]]]:
    """Return what each action costs by the classes that any of them names, and otherwise."""
    named = dict.fromkeys(name for each in actions for name in each.costs)
    for each in actions:
        for name in named:
            if name not in each.costs and each.otherwise is None:
                hint = "give it a cost, or say otherwise="
                raise ShipwayError("SW-106", f"action {each.name!r} has no cost where {name!r} turns out", hint)
    # Other classes have costs where every action says what it costs in them.
    rest = () if any(each.otherwise is None for each in actions) else ("",)
    spread = [[each.costs.get(name, each.otherwise or 0.0) for name in (*named, *rest)] for each in actions]
    return [(each.name, tuple(costs)) for each, costs in zip(actions, spread, strict=True)]


def _refuse_cheapest(costs: list[tuple[str, tuple[float, ...]]]) -> None:
    for name, own in costs:
        if all(mine <= theirs for _, other in costs for mine, theirs in zip(own, other, strict=True)):
            raise ShipwayError(
                "SW-106",
                f"action {name!r} is the cheapest whatever happens",
                "there is nothing to decide: say what it costs where it is the wrong one",
            )


def _write_action(each: Action | ClassAction) -> str:
    if isinstance(each, Action):
        return f"action(if_true={write_number(each.if_true)}, if_false={write_number(each.if_false)})"
    costs = ", ".join(f"{quote(name)}: {write_number(cost)}" for name, cost in each.costs.items())
    rest = "" if each.otherwise is None else f", otherwise={write_number(each.otherwise)}"
    return f"action({{{costs}}}{rest})"


def _acting(metric: Name, at: object, of: str, beta: float = 1.0) -> Check:
    if isinstance(at, Check) and isinstance(at.measure, DecisionValue):
        at = at.measure.threshold
    words = [f"of={quote(take_name(of, f'the class of {metric}'))}"] if of else []
    if beta != 1:
        words.insert(0, f"beta={write_number(beta)}")
    threshold = None
    if at is not None or not of:
        threshold = finite(f"{metric}(at=...)", at)
        if not 0 <= threshold < 1:
            raise ShipwayError("SW-106", f"{metric} has at={at!r}", "a threshold is a probability, such as at=0.4")
        words.insert(0, f"at={threshold:.6g}")
    text = f"{metric}({', '.join(words)})"
    return Check(text, Score(metric, at=threshold, beta=beta, of=of), "candidate", text)


def _ranking(metric: Name, query: object, first: object = None) -> Check:
    if isinstance(query, Column):
        name, word = query.name, render(query)
    else:
        name = take_name(query, f"the query of {metric}")
        word = quote(name)
    places = None if first is None else _take_places(metric, first)
    text = f"{metric}({'' if places is None else f'first={places}, '}query={word})"
    measure = Score(metric, at=None if places is None else float(places), query=name)
    return Check(text, measure, "candidate", text)


def _take_places(metric: str, first: object) -> int:
    if not isinstance(first, int) or isinstance(first, bool) or first < 1:
        raise ShipwayError("SW-106", f"{metric} has first={first!r}", "say how many count, such as first=10")
    return first
