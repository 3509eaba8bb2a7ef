"""The words for metrics of a candidate beyond those of `shipway.core.candidate`: at a threshold, ranked, calibrated."""

from shipway.core.argument import take_name
from shipway.core.check import Check, finite, write_number
from shipway.core.error import ShipwayError
from shipway.core.measure import Action, ActionValue, DecisionValue, Score
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


def precision(*, at: float | Check) -> Check:
    """Measure in which share of the rows acted on the label is true.

    Args:
        at: the threshold, above which one acts; or a `decision_value`, for its own.
    """
    return _acting("precision", at)


def recall(*, at: float | Check) -> Check:
    """Measure which share of the rows whose label is true is acted on; `at` as for `precision`."""
    return _acting("recall", at)


def specificity(*, at: float | Check) -> Check:
    """Measure which share of the rows whose label is false is left alone; `at` as for `precision`."""
    return _acting("specificity", at)


def f_score(*, at: float | Check, beta: float = 1.0) -> Check:
    """Measure the weighted harmonic mean of precision and recall.

    Args:
        at: as for `precision`.
        beta: how many times as much recall counts as precision.
    """
    weight = finite("f_score", beta)
    if weight <= 0:
        raise ShipwayError("SW-106", f"f_score has beta={beta!r}", "write a number above 0, such as beta=2")
    return _acting("f_score", at, weight)


def mcc(*, at: float | Check) -> Check:
    """Measure the correlation of acting and the label, -1 to 1 (Matthews); `at` as for `precision`."""
    return _acting("mcc", at)


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


def action(*, if_true: float, if_false: float) -> Action:
    """State what an action costs where the label turns out true and where it turns out false; a gain is negative."""
    return Action("", finite("action(if_true=...)", if_true), finite("action(if_false=...)", if_false))


def action_value(**actions: Action) -> Check:
    """Measure what choosing the cheapest of several actions saves a row, against the first of them, doing nothing.

    Args:
        actions: name to costs, two or more, such as `wait=sw.action(if_true=100, if_false=0)`.

    Raises:
        ShipwayError: SW-106 for fewer than two actions, what is none, or one that is the cheapest whatever happens.
    """
    if len(actions) < 2:
        raise ShipwayError("SW-106", "action_value needs two actions to choose between", "name one more")
    given: dict[str, object] = {**actions}
    for name, each in given.items():
        if not isinstance(each, Action):
            raise ShipwayError(
                "SW-106", f"action {name!r} is {each!r}", f"write {name}=sw.action(if_true=..., if_false=...)"
            )
    listed = tuple(Action(name, each.if_true, each.if_false) for name, each in actions.items())
    for each in listed:
        if all(each.if_true <= other.if_true and each.if_false <= other.if_false for other in listed):
            raise ShipwayError(
                "SW-106",
                f"action {each.name!r} is the cheapest whatever happens",
                "there is nothing to decide: say what it costs where it is the wrong one",
            )
    words = ", ".join(
        f"{each.name}=action(if_true={write_number(each.if_true)}, if_false={write_number(each.if_false)})"
        for each in listed
    )
    return Check("action_value", ActionValue(listed), "candidate", f"action_value({words})")


def _acting(metric: Name, at: object, beta: float = 1.0) -> Check:
    if isinstance(at, Check) and isinstance(at.measure, DecisionValue):
        at = at.measure.threshold
    threshold = finite(f"{metric}(at=...)", at)
    if not 0 <= threshold < 1:
        raise ShipwayError("SW-106", f"{metric} has at={at!r}", "a threshold is a probability, such as at=0.4")
    words = f"at={threshold:.6g}" + (f", beta={write_number(beta)}" if beta != 1 else "")
    text = f"{metric}({words})"
    return Check(text, Score(metric, at=threshold, beta=beta), "candidate", text)


def _ranking(metric: Name, query: object, first: object = None) -> Check:
    if isinstance(query, Column):
        name, word = query.name, render(query)
    else:
        name = take_name(query, f"the query of {metric}")
        word = quote(name)
    if first is not None and (not isinstance(first, int) or isinstance(first, bool) or first < 1):
        raise ShipwayError("SW-106", f"{metric} has first={first!r}", "say how many places count, such as first=10")
    text = f"{metric}({'' if first is None else f'first={first}, '}query={word})"
    measure = Score(metric, at=None if first is None else float(first), query=name)
    return Check(text, measure, "candidate", text)
