"""The words for checks on slices of a candidate's rows: regressions to be found, fairness, change over time."""

from typing import Any, Literal, TypeAlias

from shipway.core.argument import take_name, write
from shipway.core.check import Check, finite, write_number
from shipway.core.error import ShipwayError
from shipway.core.measure import DecisionValue
from shipway.core.slice_measure import AdvantageTrend, Fairness, FoundRegression
from shipway.maths.expression import Feature, quote

Threshold: TypeAlias = float | Check
"""From which probability on one acts: a number, or a `decision_value`, whose costs say it."""
_Metric: TypeAlias = Literal[
    "demographic_parity",
    "demographic_parity_ratio",
    "equal_opportunity",
    "equalised_odds",
    "equal_accuracy",
    "group_calibration",
]


def found_regressions(
    *by: str | Feature,
    baseline: str = "current",
    threshold: Threshold | None = None,
    cluster: str = "day",
    rate: float = 0.05,
    control: str = "bh",
    support_rows: int = 500,
    bins: int = 10,
    lines: int = 20,
) -> Check:
    """Search all slices by one and by two columns for regressions, and explain what is found in a few lines.

    Args:
        by: source columns, calendar parts (`day`, `week`, `month`, `weekday`, `hour_band`) or features of a view, such
            as `customer.orders_90d`; numbers are cut at their quantiles.
        baseline: the version compared with.
        threshold: compare wrong decisions from this probability on, in place of log losses; a number or a
            `decision_value`.
        cluster: what rows are grouped by because they are not independent; `row` where they are.
        rate: the false discovery rate that is held.
        control: `bh` (Benjamini-Hochberg, over the slices that look worse), or `by` (Benjamini-Yekutieli, over all of
            them), which finds less and holds under any dependence between slices.
        support_rows: fewest rows a slice needs to be tested.
        bins: parts that a number is cut into.
        lines: most lines of the explanation.

    Raises:
        ShipwayError: SW-106 if there is nothing to search, or an argument is out of range.
    """
    where = "found_regressions"
    columns = _take_by(where, by)
    if not 0 < finite(f"the rate of {where}", rate) < 1:
        raise ShipwayError("SW-106", f"{where} has a rate of {rate!r}", "a rate lies between 0 and 1")
    if control not in ("bh", "by"):
        raise ShipwayError("SW-106", f"{where} has control={control!r}", 'write control="bh" or control="by"')
    if _whole(where, "bins", bins, 2) > 100:
        raise ShipwayError("SW-106", f"{where} cuts numbers into {bins} parts", "write 100 or fewer")
    measure, usual = (
        FoundRegression(
            by=columns,
            baseline=take_name(baseline, f"the baseline of {where}"),
            threshold=None if threshold is None else _take_threshold(where, threshold),
            cluster=take_name(cluster, f"the cluster of {where}"),
            rate=float(rate),
            control=control,
            support_rows=_whole(where, "support_rows", support_rows, 1),
            bins=bins,
            lines=_whole(where, "lines", lines, 1),
        ),
        FoundRegression(columns),
    )
    return _make_check(where, columns, measure, usual)


def demographic_parity(
    *by: str,
    threshold: Threshold = 0.5,
    ratio: bool = False,
    cluster: str = "day",
    support_rows: int = 100,
    of: str = "",
) -> Check:
    """Measure how differently often a candidate decides to act, as the greatest difference between two groups.

    Args:
        by: source columns or calendar parts; the groups are their combinations (intersectional groups).
        threshold: from which probability on one acts; a number or a `decision_value`.
        ratio: measure the least share over the greatest instead; the four-fifths rule asks for at least 0.8.
        cluster: what rows are grouped by because they are not independent; `row` where they are.
        support_rows: fewest rows a group needs to count; smaller ones are listed and never decide.
        of: of a label of classes, the one that is acting, where it is the most probable one.
    """
    metric: _Metric = "demographic_parity_ratio" if ratio else "demographic_parity"
    return _fairness(metric, by, threshold, cluster, support_rows, of)


def equal_opportunity(
    *by: str, threshold: Threshold = 0.5, cluster: str = "day", support_rows: int = 100, of: str = ""
) -> Check:
    """Measure how differently often a candidate acts where the label is true, between two groups at most.

    Hardt, Price and Srebro 2016, "Equality of Opportunity in Supervised Learning", section 2; arguments as for
    `demographic_parity`, support counted over rows whose label is true.
    """
    return _fairness("equal_opportunity", by, threshold, cluster, support_rows, of)


def equalised_odds(
    *by: str, threshold: Threshold = 0.5, cluster: str = "day", support_rows: int = 100, of: str = ""
) -> Check:
    """Measure how differently often a candidate acts where the label is true, or where it is false: the greater.

    Hardt, Price and Srebro 2016, section 2; arguments as for `demographic_parity`, support counted over rows of each
    label.
    """
    return _fairness("equalised_odds", by, threshold, cluster, support_rows, of)


def equal_accuracy(*by: str, threshold: Threshold = 0.5, cluster: str = "day", support_rows: int = 100) -> Check:
    """Measure how differently often a candidate is right, between two groups at most.

    Of a label of classes it is right where the most probable class came; of a condition where it acts and the label is
    true, or does neither (overall accuracy equality: Berk, Heidari, Jabbari, Kearns and Roth 2021, "Fairness in
    Criminal Justice Risk Assessments", section 3). Arguments as for `demographic_parity`.
    """
    return _fairness("equal_accuracy", by, threshold, cluster, support_rows)


def group_calibration(*by: str, cluster: str = "day", support_rows: int = 100) -> Check:
    """Measure how differently far mean predictions are from the rates observed, between two groups at most.

    Of a label of classes that is the mean probability of the most probable class, and how often it is right. Arguments
    as for `demographic_parity`; there is no threshold.
    """
    return _fairness("group_calibration", by, 0.5, cluster, support_rows)


def advantage_trend(*, baseline: str = "current", per_days: int = 30, window_days: int = 28) -> Check:
    """Measure how a candidate's advantage in log loss changes over the test period; below 0 it fades.

    Args:
        baseline: the version compared with.
        per_days: the change is given per so many days.
        window_days: length of the rolling windows whose advantage is listed.
    """
    where = "advantage_trend"
    measure, usual = (
        AdvantageTrend(
            take_name(baseline, f"the baseline of {where}"),
            _whole(where, "per_days", per_days, 1),
            _whole(where, "window_days", window_days, 2),
        ),
        AdvantageTrend(),
    )
    words = _differing(measure, usual)
    name = where if baseline == usual.baseline else f"{where} against {baseline}"
    return Check(name, measure, "candidate", f"{where}({', '.join(words)})")


def _fairness(
    metric: _Metric, by: tuple[str, ...], threshold: Threshold, cluster: str, support_rows: int, of: str = ""
) -> Check:
    word = metric.removesuffix("_ratio")
    if of and threshold != 0.5:
        hint = "leave threshold= away: a class is acting where it is the most probable one"
        raise ShipwayError("SW-106", f"{word} has threshold= and of={quote(of)}", hint)
    columns = tuple(take_name(name, f"what cuts the groups of {word}") for name in by)
    if not columns:
        raise ShipwayError("SW-106", f"{word}() names no groups", f'say what cuts them, such as {word}("sex")')
    measure, usual = (
        Fairness(
            metric=metric,
            by=tuple(dict.fromkeys(columns)),
            threshold=_take_threshold(word, threshold),
            cluster=take_name(cluster, f"the cluster of {word}"),
            support_rows=_whole(word, "support_rows", support_rows, 1),
            of=take_name(of, f"the class of {word}"),
        ),
        Fairness(metric, columns),
    )
    return _make_check(word, columns, measure, usual, ["ratio=True"] if metric != word else [])


def _make_check(
    word: str,
    columns: tuple[str, ...],
    measure: FoundRegression | Fairness,
    usual: FoundRegression | Fairness,
    more: list[str] | None = None,
) -> Check:
    """Return the check as it is written; its name says what differs from the usual, so that no two are called alike."""
    words = [*(more or []), *_differing(measure, usual)]
    names = [name if "." in name else quote(name) for name in columns]
    name = f"{word} by {', '.join(columns)}" + (f" ({', '.join(words)})" if words else "")
    return Check(name, measure, "candidate", f"{word}({', '.join([*names, *words])})")


def _differing(measure: Any, usual: Any) -> list[str]:
    """Return the arguments that are not the usual ones, as they are written."""
    written: list[str] = []
    for field in measure.__struct_fields__:
        given = getattr(measure, field)
        if field not in ("by", "metric") and given != getattr(usual, field):
            written.append(f"{field}={quote(given) if isinstance(given, str) else write_number(given)}")
    return written


def _take_by(where: str, by: tuple[str | Feature, ...]) -> tuple[str, ...]:
    if not by:
        raise ShipwayError(
            "SW-106", f"{where}() names no columns", f'say which to search, such as {where}("carrier", "hour_band")'
        )
    columns = (
        f"{each.view}.{each.name}" if isinstance(each, Feature) else take_name(each, f"a column of {where}")
        for each in by
    )
    return tuple(dict.fromkeys(columns))


def _take_threshold(where: str, threshold: object) -> float:
    if isinstance(threshold, Check) and isinstance(threshold.measure, DecisionValue):
        return threshold.measure.threshold
    if isinstance(threshold, Check):
        raise ShipwayError("SW-106", f"{where} acts by {threshold.text}", "write a probability, or a decision_value")
    number = finite(f"the threshold of {where}", threshold)
    if not 0 < number < 1:
        raise ShipwayError("SW-106", f"{where} has a threshold of {number}", "a threshold lies between 0 and 1")
    return number


def _whole(where: str, name: str, number: object, least: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise ShipwayError("SW-106", f"{where} has {name}={write(number)}", f"write a whole number, {least} or more")
    return number
