"""What a candidate is worth: the cost of acting on its predictions against that of never acting."""

from typing import Any

import numpy as np

from shipway.core.measure import ActionValue, DecisionValue, ValueImprovement
from shipway.maths.decision import choose_actions, cost_curve, cost_of_actions, find_bounds
from shipway.maths.interval import clustered_mean
from shipway.maths.metric import Costs, decision_cost
from shipway.validation.reading import NO_ROWS, Range, Reading, Row, describe_rows, read_estimate, read_nothing
from shipway.validation.sample import Bools, Floats, Sample, baseline_of, clusters_of


def measure_value(measure: DecisionValue, sample: Sample) -> Reading:
    """Measure what acting where it pays on average saves a row, with its clustered interval, in the unit of the costs.

    One acts where the prediction is above (harm) / (harm + gain), harm being what a needless action costs and gain what
    a needed one saves: the threshold of least expected cost (Elkan 2001, "The Foundations of Cost-Sensitive Learning",
    section 1). The oracle acts where the label turns out true.

    Raises:
        ShipwayError: SW-104 if the cluster is unknown.
    """
    clusters = clusters_of(sample, measure.cluster)
    possible = _possible(measure)
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


def measure_actions(measure: ActionValue, sample: Sample) -> Reading:
    """Measure what the action of least expected cost saves a row against the first one, doing nothing.

    Facts hold the cost of a row for each action if it were always taken, the share of rows on which each was chosen,
    and the probability from which on each is the cheapest.

    Raises:
        ShipwayError: SW-104 if the cluster is unknown.
    """
    clusters = clusters_of(sample, measure.cluster)
    if not sample.n:
        return read_nothing(NO_ROWS, _possible(measure), {})
    table, names = _table_of(measure), [each.name for each in measure.actions]
    chosen = choose_actions(sample.p, table)
    cost = float(cost_of_actions(sample.happened, chosen, table).mean())
    always = table[:, 1] * sample.y.mean() + table[:, 0] * (1 - sample.y.mean())
    oracle = float(cost_of_actions(sample.happened, choose_actions(sample.y.astype(np.float64), table), table).mean())
    shares = np.bincount(chosen, minlength=len(names)) / sample.n
    facts: dict[str, Any] = {
        "cost": cost,
        "cost_of_nothing": float(always[0]),
        "cost_of_oracle": oracle,
        "cost_of_always": dict(zip(names, always.tolist(), strict=True)),
        "share": dict(zip(names, shares.tolist(), strict=True)),
        "from": {names[place]: at for at, place in find_bounds(table)},
    }
    taken = ", ".join(f"{name} {share:.1%}" for name, share in zip(names, shares.tolist(), strict=True))
    after = (
        f" a row: costs {cost:.4g}, {names[0]} always {always[0]:.4g}, an oracle {oracle:.4g}; {taken} "
        f"{describe_rows(sample, measure.cluster, clusters)}"
    )
    saved = clustered_mean(saved_per_row(sample.happened, sample.p, measure), clusters)
    return read_estimate(saved, _possible(measure), facts, before="saves ", after=after, form=".4g")


def measure_value_improvement(measure: ValueImprovement, sample: Sample) -> Reading:
    """Measure what acting on a candidate's predictions saves a row against acting on a baseline's, row by row.

    Raises:
        ShipwayError: SW-104 if the cluster or the baseline is unknown.
    """
    value = measure.value
    clusters, baseline = clusters_of(sample, value.cluster), baseline_of(sample, measure.baseline)
    named: dict[str, Any] = {"metric": "value", "baseline": baseline.name, "fallback": baseline.fallback}
    low, high = _possible(value)
    possible = (low - high, high - low)
    if not sample.n:
        return read_nothing(NO_ROWS, possible, named)
    ours, theirs = (saved_per_row(sample.happened, p, value) for p in (sample.p, baseline.p))
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


def saved_per_row(y: Bools, p: Floats, measure: DecisionValue | ActionValue) -> Floats:
    """Return what acting on each prediction saved against doing nothing, float64[n], in the unit of the costs."""
    if isinstance(measure, ActionValue):
        table = _table_of(measure)
        nothing = np.zeros(y.size, dtype=np.int64)
        return cost_of_actions(y, nothing, table) - cost_of_actions(y, choose_actions(p, table), table)
    costs = _costs_of(measure)
    return _cost_of_nothing(y, p, costs) - decision_cost(y, p, measure.threshold, costs)


def _cost_of_nothing(y: Bools, p: Floats, costs: Costs) -> Floats:
    """Return what each row costs if one never acts: no probability is above a threshold of 1."""
    return decision_cost(y, p, 1.0, costs)


def _possible(measure: DecisionValue | ActionValue) -> Range:
    """Return what a row can save at worst and at best."""
    if isinstance(measure, ActionValue):
        table = _table_of(measure)
        saved = table[0] - table
        return float(saved.min()), float(saved.max())
    return measure.skip_if_false - measure.act_if_false, measure.skip_if_true - measure.act_if_true


def _table_of(measure: ActionValue) -> Floats:
    return np.array([[each.if_false, each.if_true] for each in measure.actions], dtype=np.float64)


def _costs_of(measure: DecisionValue) -> Costs:
    return Costs(measure.act_if_true, measure.act_if_false, measure.skip_if_true, measure.skip_if_false)
