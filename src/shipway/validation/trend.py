"""Whether a candidate's advantage lasts: its change over the test period, and its size in windows that roll over it."""

import datetime as dt
from dataclasses import replace
from typing import Any, Final

import numpy as np

from shipway.core.label import LOSS
from shipway.core.metric import LARGEST_LOSS
from shipway.core.slice_measure import AdvantageTrend
from shipway.maths.interval import clustered_mean, interval
from shipway.maths.trend import clustered_slope
from shipway.validation.reading import NO_ROWS, Range, Reading, Row, read_estimate, read_nothing
from shipway.validation.sample import Floats, Ints, Sample, baseline_of, group_of

DAY: Final = "day"
"""The group whose labels are the dates of rows, and the cluster of a trend."""
_LEAST: Final = 3
"""Days without which a change over time has no error."""


def measure_trend(measure: AdvantageTrend, sample: Sample) -> Reading:
    """Measure how the candidate's advantage in loss changes over time, with errors clustered by day.

    Args:
        measure: baseline, unit of time, and the length of windows.
        sample: the rows, with a group `day` whose labels are dates.

    Returns:
        The change of the advantage per so many days, below 0 if it fades; `n` is 0 for fewer than three days. Detail
        has a row for each window: `window`, `n`, `clusters`, `advantage` (above 0 is better), `low` and `high` (its
        95 % interval, None for one day).

    Raises:
        ShipwayError: SW-104 if the baseline is unknown or rows are not grouped by day.
    """
    baseline, group = baseline_of(sample, measure.baseline), group_of(sample, DAY)
    facts: dict[str, Any] = {"baseline": baseline.name, "fallback": baseline.fallback}
    if not sample.n:
        return read_nothing(NO_ROWS, (0.0, 0.0), facts, [])
    dates = np.array([dt.date.fromisoformat(label).toordinal() for label in group.labels], np.int64)
    day = dates[group.codes]
    ours, theirs = sample.lose(sample.p), sample.lose(baseline.p)
    advantage = theirs - ours
    # No advantage of a day is beyond the greatest loss there is, and it can change from the one end to the other.
    greatest = float(np.maximum(ours, theirs).max()) if sample.kind == "number" else LARGEST_LOSS
    most = 2.0 * greatest * measure.per_days
    possible: Range = (-most, most)
    detail = _roll(measure, advantage, day)
    if np.unique(day).size < _LEAST:
        return read_nothing("labels of fewer than three days tell no change over time", possible, facts, detail)
    estimate = clustered_slope(advantage, day / measure.per_days, day - int(day.min()))
    count = np.unique(day).size
    reading = read_estimate(
        estimate,
        possible,
        {**facts, "advantage": float(advantage.mean()), "first": detail[0], "last": detail[-1]},
        before=f"advantage over {baseline.name} {advantage.mean():+.4f} {LOSS[sample.kind]}, changing by ",
        after=f" per {measure.per_days} days over {count:,} days",
        form="+.4f",
    )
    return replace(reading, detail=detail)


def _roll(measure: AdvantageTrend, advantage: Floats, day: Ints) -> list[Row]:
    """Return the advantage in each window; the last one ends with the period."""
    first, last = int(day.min()), int(day.max())
    step = max(1, measure.window_days // 2)
    starts = list(range(first, max(first, last - measure.window_days + 1) + 1, step))
    end = max(first, last - measure.window_days + 1)
    if starts[-1] != end:
        starts.append(end)
    rows: list[Row] = []
    for start in starts:
        stop = min(start + measure.window_days - 1, last)
        inside = (day >= start) & (day <= stop)
        if not inside.any():
            continue
        estimate = clustered_mean(advantage[inside], day[inside] - first)
        low, high = interval(estimate) if estimate.clusters > 1 else (None, None)
        window = " to ".join(dt.date.fromordinal(each).isoformat() for each in (start, stop))
        rows.append(
            {
                "window": window,
                "n": estimate.n,
                "clusters": estimate.clusters,
                "advantage": estimate.value,
                "low": low,
                "high": high,
            }
        )
    return rows
