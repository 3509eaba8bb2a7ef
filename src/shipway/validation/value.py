"""What a candidate is worth: the cost of acting on its predictions against that of never acting."""

from typing import Any

import numpy as np

from shipway.core.measure import DecisionValue
from shipway.maths.interval import clustered_mean
from shipway.maths.metric import Costs, decision_cost
from shipway.validation.reading import NO_ROWS, Reading, describe_rows, read_estimate, read_nothing
from shipway.validation.sample import Bools, Floats, Sample, clusters_of


def measure_value(measure: DecisionValue, sample: Sample) -> Reading:
    """Measure what acting where it pays on average saves a row, with its clustered interval, in the unit of the costs.

    One acts where the prediction is above (harm) / (harm + gain), harm being what a needless action costs and gain what
    a needed one saves: the threshold of least expected cost (Elkan 2001, "The Foundations of Cost-Sensitive Learning",
    section 1). The oracle acts where the label turns out true.

    Raises:
        ShipwayError: SW-104 if the cluster is unknown.
    """
    clusters = clusters_of(sample, measure.cluster)
    possible = (measure.skip_if_false - measure.act_if_false, measure.skip_if_true - measure.act_if_true)
    if not sample.n:
        return read_nothing(NO_ROWS, possible, {})
    y, p, threshold, costs = sample.y, sample.p, measure.threshold, _costs_of(measure)
    cost = float(decision_cost(y, p, threshold, costs).mean())
    nothing = float(_cost_of_nothing(y, p, costs).mean())
    oracle = float(decision_cost(y, y.astype(np.float64), 0.5, costs).mean())
    acted = float((p > threshold).mean())
    facts: dict[str, Any] = {
        "cost": cost,
        "cost_of_nothing": nothing,
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


def saved_per_row(y: Bools, p: Floats, measure: DecisionValue) -> Floats:
    """Return what acting on each prediction saved against never acting, float64[n], in the unit of the costs."""
    costs = _costs_of(measure)
    return _cost_of_nothing(y, p, costs) - decision_cost(y, p, measure.threshold, costs)


def _cost_of_nothing(y: Bools, p: Floats, costs: Costs) -> Floats:
    """Return what each row costs if one never acts: no probability is above a threshold of 1."""
    return decision_cost(y, p, 1.0, costs)


def _costs_of(measure: DecisionValue) -> Costs:
    return Costs(measure.act_if_true, measure.act_if_false, measure.skip_if_true, measure.skip_if_false)
