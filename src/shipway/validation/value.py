"""What a candidate is worth: the cost of acting on its predictions against that of never acting."""

from typing import Any

import numpy as np

from shipway.core.error import ShipwayError
from shipway.core.measure import ActionValue, ClassAction, ClassValue, DecisionValue, Value, ValueImprovement
from shipway.maths.decision import choose_actions, choose_by_class, cost_curve, cost_of_actions, find_bounds
from shipway.maths.interval import clustered_mean
from shipway.maths.metric import Costs, decision_cost
from shipway.validation.reading import NO_ROWS, Range, Reading, Row, describe_rows, read_estimate, read_nothing
from shipway.validation.sample import Bools, Floats, Ints, Labels, Sample, baseline_of, clusters_of


def measure_value(measure: DecisionValue, sample: Sample) -> Reading:
    """Measure what acting where it pays on average saves a row, with its clustered interval, in the unit of the costs.

    One acts where the prediction is above (harm) / (harm + gain), harm being what a needless action costs and gain what
    a needed one saves: the threshold of least expected cost (Elkan 2001, "The Foundations of Cost-Sensitive Learning",
    section 1). The oracle acts where the label turns out true.

    Raises:
        ShipwayError: SW-104 if the cluster is unknown.
    """
    clusters = clusters_of(sample, measure.cluster)
    possible = _possible(measure, ())
    if not sample.n:
        return read_nothing(NO_ROWS, possible, {})
    y, p, threshold, costs = sample.happened, sample.p, measure.threshold, _costs_of(measure)
    cost = float(decision_cost(y, p, threshold, costs).mean())
    nothing = float(_cost_of_nothing(y, p, costs).mean())
    oracle = float(decision_cost(y, y.astype(np.float64), 0.5, costs).mean())
    acted = float((p > threshold).mean())
    facts: dict[str, Any] = {
        "cost": cost,
        "cost_of_nothing": nothing,
        "cost_of_always": float(np.where(y, measure.act_if_true, measure.act_if_false).mean()),
        "cost_of_oracle": oracle,
        "share_acted": acted,
        "threshold": threshold,
    }
    after = (
        f" a row: costs {cost:.4g}, doing nothing {nothing:.4g}, an oracle {oracle:.4g}, acts on {acted:.1%} "
        f"{describe_rows(sample, measure.cluster, clusters)}"
    )
    saved = clustered_mean(saved_per_row(y, p, measure), clusters)
    return read_estimate(saved, possible, facts, before="saves ", after=after, form=".4g")


def measure_actions(measure: ActionValue | ClassValue, sample: Sample) -> Reading:
    """Measure what the action of least expected cost saves a row against the first one, doing nothing.

    Facts hold the cost of a row for each action if it were always taken, the share of rows on which each was chosen,
    and of a condition the probability from which on each is the cheapest.

    Raises:
        ShipwayError: SW-104 if the cluster is unknown or there is no class of a name, SW-403 if a class has no cost or
            the label is of another kind.
    """
    clusters = clusters_of(sample, measure.cluster)
    possible = _possible(measure, sample.classes)
    if not sample.n:
        return read_nothing(NO_ROWS, possible, {})
    table, names = _table_of(measure, sample.classes), [each.name for each in measure.actions]
    y, certain = _outcomes(measure, sample)
    chosen = _choose(measure, sample.p, table)
    always: Floats = np.array([float(row[y].mean()) for row in table])
    cost = float(cost_of_actions(y, chosen, table).mean())
    oracle = float(cost_of_actions(y, _choose(measure, certain, table), table).mean())
    shares = np.bincount(chosen, minlength=len(names)) / sample.n
    facts: dict[str, Any] = {
        "cost": cost,
        "cost_of_nothing": float(always[0]),
        "cost_of_oracle": oracle,
        "cost_of_always": dict(zip(names, always.tolist(), strict=True)),
        "share": dict(zip(names, shares.tolist(), strict=True)),
    }
    if isinstance(measure, ActionValue):
        facts["from"] = {names[place]: at for at, place in find_bounds(table)}
    taken = ", ".join(f"{name} {share:.1%}" for name, share in zip(names, shares.tolist(), strict=True))
    after = (
        f" a row: costs {cost:.4g}, {names[0]} always {always[0]:.4g}, an oracle {oracle:.4g}; {taken} "
        f"{describe_rows(sample, measure.cluster, clusters)}"
    )
    saved = clustered_mean(saved_per_row(y, sample.p, measure, sample.classes), clusters)
    return read_estimate(saved, possible, facts, before="saves ", after=after, form=".4g")


def measure_value_improvement(measure: ValueImprovement, sample: Sample) -> Reading:
    """Measure what acting on a candidate's predictions saves a row against acting on a baseline's, row by row.

    Raises:
        ShipwayError: SW-104 if the cluster or the baseline is unknown.
    """
    value = measure.value
    clusters, baseline = clusters_of(sample, value.cluster), baseline_of(sample, measure.baseline)
    named: dict[str, Any] = {"metric": "value", "baseline": baseline.name, "fallback": baseline.fallback}
    low, high = _possible(value, sample.classes)
    possible = (low - high, high - low)
    if not sample.n:
        return read_nothing(NO_ROWS, possible, named)
    y = _outcomes(value, sample)[0]
    ours, theirs = (saved_per_row(y, p, value, sample.classes) for p in (sample.p, baseline.p))
    why = " (no version has passed yet)" if baseline.fallback else ""
    said = f"saves {ours.mean():.4g} a row against {theirs.mean():.4g} of {baseline.name}{why}, better by "
    facts = {**named, "candidate_value": float(ours.mean()), "baseline_value": float(theirs.mean())}
    after = f" {describe_rows(sample, value.cluster, clusters)}"
    return read_estimate(clustered_mean(ours - theirs, clusters), possible, facts, before=said, after=after, form=".4g")


def value_curve(y: Bools, p: Floats, measure: DecisionValue, points: int = 51) -> list[Row]:
    """Return what acting above each of some thresholds saves a row against never acting.

    Args:
        y: the labels.
        p: the predictions.
        measure: what acting costs.
        points: how many thresholds, evenly from 0 to 1.

    Returns:
        One row per threshold: `threshold`, `saved` and `share_acted`; none for no rows.
    """
    if not y.size:
        return []
    thresholds = np.linspace(0.0, 1.0, points)
    curve = cost_curve(y, p, _costs_of(measure), thresholds)
    saved = float(_cost_of_nothing(y, p, _costs_of(measure)).mean()) - curve.cost
    columns = zip(thresholds.tolist(), saved.tolist(), curve.share_acted.tolist(), strict=True)
    return [{"threshold": at, "saved": each, "share_acted": share} for at, each, share in columns]


def saved_per_row(y: Labels, p: Floats, measure: Value, classes: tuple[str, ...] = ()) -> Floats:
    """Return what acting on each prediction saved against doing nothing, float64[n], in the unit of the costs.

    Args:
        y: what happened: conditions, or codes of classes.
        p: what was predicted.
        measure: what acting costs.
        classes: of a label of classes the text of each code.
    """
    if isinstance(measure, DecisionValue):
        costs, happened = _costs_of(measure), y.astype(np.bool_, copy=False)
        return _cost_of_nothing(happened, p, costs) - decision_cost(happened, p, measure.threshold, costs)
    table, codes = _table_of(measure, classes), y.astype(np.int64)
    nothing = np.zeros(y.size, dtype=np.int64)
    return cost_of_actions(codes, nothing, table) - cost_of_actions(codes, _choose(measure, p, table), table)


def _outcomes(measure: Value, sample: Sample) -> tuple[Ints, Floats]:
    """Return what happened as places in a table of costs, and as the predictions of who knew it."""
    if not isinstance(measure, ClassValue):
        happened = sample.happened
        return happened.astype(np.int64), happened.astype(np.float64)
    codes = sample.codes
    return codes, np.eye(len(sample.classes))[codes]


def _choose(measure: ActionValue | ClassValue, p: Floats, table: Floats) -> Ints:
    return choose_by_class(p, table) if isinstance(measure, ClassValue) else choose_actions(p, table)


def _cost_of_nothing(y: Bools, p: Floats, costs: Costs) -> Floats:
    """Return what each row costs if one never acts: no probability is above a threshold of 1."""
    return decision_cost(y, p, 1.0, costs)


def _possible(measure: Value, classes: tuple[str, ...]) -> Range:
    """Return what a row can save at worst and at best."""
    if isinstance(measure, DecisionValue):
        return measure.skip_if_false - measure.act_if_false, measure.skip_if_true - measure.act_if_true
    table = _table_of(measure, classes)
    saved = table[0] - table
    return float(saved.min(initial=0.0)), float(saved.max(initial=0.0))


def _table_of(measure: ActionValue | ClassValue, classes: tuple[str, ...]) -> Floats:
    """Return what each action costs by what happens: float64[a, 2] of a condition, float64[a, k] of classes.

    Raises:
        ShipwayError: SW-403 for a class that an action has no cost for.
    """
    if isinstance(measure, ActionValue):
        return np.array([[each.if_false, each.if_true] for each in measure.actions], dtype=np.float64)
    return np.array(
        [[_cost_where(each, name) for name in classes] for each in measure.actions], dtype=np.float64
    ).reshape(len(measure.actions), len(classes))


def _cost_where(action: ClassAction, name: str) -> float:
    cost = action.costs.get(name, action.otherwise)
    if cost is None:
        fact = f"action {action.name!r} has no cost where the label is {name!r}"
        raise ShipwayError("SW-403", fact, f"give {name!r} a cost, or say otherwise=")
    return cost


def _costs_of(measure: DecisionValue) -> Costs:
    return Costs(measure.act_if_true, measure.act_if_false, measure.skip_if_true, measure.skip_if_false)
