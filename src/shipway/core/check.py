"""Checks say what is measured, Evidence is what was measured; neither decides anything.

One shape serves all subjects: data, a candidate model, a canary, a live window.
"""

import math
from typing import Any, Final, Literal, TypeAlias

import msgspec

from shipway.core.argument import take_name, take_width
from shipway.core.data_measure import (
    Comparable,
    Correlation,
    DataMeasure,
    DayRows,
    Distinct,
    Fresh,
    HasRows,
    Mean,
    Quantile,
    Reference,
    Shift,
)
from shipway.core.effect import Effect
from shipway.core.error import ShipwayError
from shipway.core.measure import (
    Attribution,
    DecisionValue,
    Drift,
    FeatureLag,
    FeatureSkew,
    Improvement,
    LabelMaturity,
    LoadFailures,
    LoadLatency,
    Measure,
    PairedLoss,
    PredictionShift,
    ReasonAgreement,
    Score,
    SliceRegression,
    Value,
    ValueImprovement,
    Windowed,
    example_share,
)
from shipway.core.metric import ACTING, EVERYWHERE, METRICS
from shipway.core.slice_measure import AdvantageTrend, Fairness
from shipway.kit.canonical import digest_value
from shipway.maths.expression import Column, quote, render

Subject: TypeAlias = Literal["data", "candidate", "bundle", "canary", "live", "experiment"]
Operator: TypeAlias = Literal[">=", ">", "<=", "<"]

NOTHING_CAME: Final = "nothing_came"
"""The fact of evidence on new rows that the table is what main has already: there is nothing to judge."""

_BOUNDS: Final[dict[type, str]] = {
    HasRows: ">= 1000",
    Fresh: "<= 86400000000",
    DayRows: ">= 0.5",
    Mean: "<= 0.3",
    Quantile: "<= 100",
    Distinct: ">= 2",
    Correlation: ">= 0.9",
    Shift: "<= 1",
    AdvantageTrend: ">= -0.01",
}
"""What has no natural bound among checks on data, with an example of one."""


class Check(msgspec.Struct, frozen=True):
    """A named measurement of a subject.

    Comparing a check gives a rule for a gate: `auc >= 0.75`. A check that stands in a gate by itself means its natural
    bound: no violation, or an improvement.

    Attributes:
        name: what evidence of it is called.
        measure: what is measured and how.
        subject: what it is measured on.
        text: the check as the user wrote it.
    """

    name: str
    measure: Measure
    subject: Subject
    text: str

    def __ge__(self, bound: float) -> "Rule":
        """Ask for at least a bound."""
        return _compare(self, ">=", bound)

    def __gt__(self, bound: float) -> "Rule":
        """Ask for more than a bound."""
        return _compare(self, ">", bound)

    def __le__(self, bound: float) -> "Rule":
        """Ask for at most a bound."""
        return _compare(self, "<=", bound)

    def __lt__(self, bound: float) -> "Rule":
        """Ask for less than a bound."""
        return _compare(self, "<", bound)

    def better_than(self, baseline: str) -> "Rule":
        """Ask that a metric, or a value, beats a version of the model on the same rows: `current`, or `base rate`.

        Raises:
            ShipwayError: SW-106 where the check is not a metric of a candidate, or one of which neither more nor less
                is better.
        """
        baseline = take_name(baseline, f"the baseline of {self.text}")
        score = self.measure
        if isinstance(score, Value):
            measure = ValueImprovement(score, baseline)
        elif isinstance(score, Score) and METRICS[score.metric].better != "none":
            measure = Improvement(score.metric, baseline, score.cluster, score.at, score.beta, score.query, score.of)
        else:
            raise ShipwayError("SW-106", f"{self.text} cannot be compared between versions", "compare auc or log_loss")
        check = Check(
            f"{self.name} against {baseline}",
            measure,
            "candidate",
            f"{self.text}.better_than({quote(baseline)})",
        )
        return Rule(check=check, op=">", bound=0.0, text=check.text)

    def no_worse_than(self, baseline: str, *, by: float) -> "Rule":
        """Ask that a metric is not worse than a version's on the same rows by as much as a margin (non-inferiority).

        Args:
            baseline: as for `better_than`.
            by: the margin, in the metric's unit.

        Raises:
            ShipwayError: SW-106 where the check is not a metric of a candidate, or the margin is not above 0.
        """
        rule = self.better_than(baseline)
        margin = finite(f"{self.text}.no_worse_than", by)
        if margin <= 0:
            raise ShipwayError("SW-106", f"{self.text}.no_worse_than has by={by!r}", "write a margin above 0")
        text = f"{self.text}.no_worse_than({quote(baseline)}, by={write_number(margin)})"
        return Rule(check=rule.check, op=">", bound=-margin, text=text)

    def over(self, last: str) -> "Check":
        """Return the same metric measured on what a service answered in a live window: `auc.over("28d")`.

        Raises:
            ShipwayError: SW-106 where the check is no metric of a candidate, or the window no duration above zero.
        """
        score, words = self.measure, "take auc, log_loss, brier, calibration_gap or label_maturity"
        if not isinstance(score, Score | LabelMaturity):
            raise ShipwayError("SW-106", f"{self.text} is no metric", words)
        if isinstance(score, Score) and (score.metric not in EVERYWHERE or score.cluster != "day"):
            raise ShipwayError("SW-106", f"{self.text} cannot be measured on what a service answered", words)
        width = take_width(last, f"the window of {self.text}.over")
        measure = Windowed(score, width) if isinstance(score, Score) else LabelMaturity(width)
        return Check(f"{self.name} over {last}", measure, "live", f"{self.text}.over({quote(last)})")

    def clustered(self, by: str | Column) -> "Check":
        """Return the same check with its interval clustered by something else than the day of the prediction.

        Args:
            by: a column of the model's source, such as `orders.customer`, or a part of the calendar: `day`, `month`,
                `weekday` or `hour_band`. Rows that are equal there may depend on each other.

        Raises:
            ShipwayError: SW-106 where the check is no measurement of a candidate with an interval.
        """
        column = by.name if isinstance(by, Column) else take_name(by, f"the clusters of {self.text}")
        measure = self.measure
        if not isinstance(measure, Score | Value | SliceRegression):
            raise ShipwayError(
                "SW-106", f"{self.text} has no clusters", "say it of a metric or a value, before a bound"
            )
        word = render(by) if isinstance(by, Column) else quote(column)
        measure = msgspec.structs.replace(measure, cluster=column)
        return Check(f"{self.name} by {column}", measure, self.subject, f"{self.text}.clustered({word})")

    def of(self, name: str) -> "Check":
        """Return the same metric, or value, of one class of a label of classes against the rest: `auc.of("lost")`.

        Raises:
            ShipwayError: SW-106 where the check is of one class already, or measures nothing that one class has.
        """
        measure, text = self.measure, f"{self.text}.of({quote(take_name(name, f'the class of {self.text}'))})"
        if not isinstance(measure, Score | DecisionValue) or measure.of or not name:
            raise ShipwayError("SW-106", f"{text} is of no class", "say it once, of a metric or a decision_value")
        if isinstance(measure, Score) and measure.metric in ACTING:
            hint = f"write {measure.metric}(at=..., of={quote(name)}), or leave at= away for the most probable class"
            raise ShipwayError("SW-106", f"{self.text} names its class itself", hint)
        if isinstance(measure, Score) and "condition" not in METRICS[measure.metric].of:
            raise ShipwayError("SW-106", f"{self.text} is of all classes, or of a number", "take auc or log_loss")
        return Check(f"{self.name} of {name}", msgspec.structs.replace(measure, of=name), self.subject, text)

    def on(self, rows: Literal["new", "all"]) -> "Check":
        """Return the same check on the new rows of its table alone, those that the main branch does not have.

        Raises:
            ShipwayError: SW-106 where the check is not on data, or for other rows.
        """
        measure = self.measure
        if not isinstance(measure, DataMeasure):
            raise ShipwayError("SW-106", f"{self.text} is not measured on rows of data", "drop .on(...)")
        if rows != "new":
            raise ShipwayError(
                "SW-106", f"{self.text}.on({rows!r}) is no choice", 'write .on("new"), or nothing for all'
            )
        measure = msgspec.structs.replace(measure, rows="new")
        return Check(f"{self.name}, new rows", measure, "data", f'{self.text}.on("new")')

    def against(self, branch: Literal["main"], *, last: str | None = None, ago: str | None = None) -> "Check":
        """Return the same check compared with what the main branch held before.

        Args:
            branch: `main`.
            last: only a period of this length before its newest instant; the check says by which instant (`by=`).
            ago: how long before its newest instant that period ends, such as `52w`.

        Raises:
            ShipwayError: SW-106 where the check cannot be compared, for another branch, or for a period of a check that
                names no instant.
        """
        measure, text = self.measure, f"{self.text}.against({quote(str(branch))})"
        if not isinstance(measure, Comparable):
            raise ShipwayError("SW-106", f"{self.text} is not compared with earlier rows", "drop .against(...)")
        if branch != "main":
            raise ShipwayError("SW-106", f"{text} names another branch than main", 'write .against("main")')
        words = [quote(branch), *(f"{n}={quote(v)}" for n, v in (("last", last), ("ago", ago)) if v is not None)]
        text = f"{self.text}.against({', '.join(words)})"
        if len(words) > 1 and measure.by is None:
            raise ShipwayError("SW-106", f"{text} has a period, and no instant", "say by=, such as by=orders.placed")
        if ago is not None and last is None:
            raise ShipwayError(
                "SW-106", f"{text} says when a period ends, not how long it is", 'add such as last="30d"'
            )
        reference = Reference(
            None if last is None else take_width(last, "`last` of .against"),
            0 if ago is None else take_width(ago, "`ago` of .against"),
        )
        name = f"{self.name} against main" + (f" ({', '.join(words[1:])})" if words[1:] else "")
        return Check(name, msgspec.structs.replace(measure, against=reference), "data", text)

    def no_regression(self) -> "Rule":
        """Return the rule that nothing was found."""
        return Rule(check=self, op="<=", bound=0.0, text=f"{self.text}.no_regression()")

    def __str__(self) -> str:
        """Return the check as it was written."""
        return self.text


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate asks of one check: a comparison with a bound.

    Attributes:
        check: what is measured.
        op: how it is compared.
        bound: with what, in the check's unit.
        text: the rule as it was written.
    """

    check: Check
    op: Operator
    bound: float
    text: str

    def on(self, rows: Literal["new", "all"]) -> "Rule":
        """Return the same rule on the new rows of its table alone, as for a check."""
        check = self.check.on(rows)
        if self.text == _compare(self.check, self.op, self.bound).text:
            return _compare(check, self.op, self.bound)
        return Rule(check=check, op=self.op, bound=self.bound, text=f'{self.text}.on("new")')

    def __bool__(self) -> bool:
        """Refuse to be a truth value, which would lose the first half of `0.5 < auc < 0.9`."""
        raise ShipwayError("SW-106", f"{self.text} is a rule, not a truth", "give a gate each rule by itself")

    def __str__(self) -> str:
        """Return the rule as it was written."""
        return self.text


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a check measured about a subject.

    Attributes:
        check: name of the check.
        subject: what was measured, as `kind:name@version`.
        value: the measured number.
        low: lower end of its 95 % interval; equal to `value` where all there is was counted.
        high: upper end; `core.bound.UNBOUNDED` where nothing bounds it from above.
        n: rows measured; 0 means that nothing was there to measure.
        clusters: independent groups among them; 0 where rows count one by one.
        detail: digest of a blob with the parts (slices, failing rows), if there are any.
        facts: small named numbers and words that explain the value.
        log_digest: digest of the data it was computed from.
        needs: rows that the check's plan asks for before it may pass; 0 where it has none.
    """

    check: str
    subject: str
    value: float
    low: float
    high: float
    n: int
    clusters: int = 0
    detail: str | None = None
    facts: dict[str, Any] = {}
    log_digest: str = ""
    needs: int = 0

    @property
    def id(self) -> str:
        """Return the evidence's name, the digest of its content."""
        return digest_value(self)


def natural_rule(check: Check) -> Rule:
    """Return the rule a check stands for when it stands in a gate by itself.

    Raises:
        ShipwayError: SW-106 for a metric, which has no natural bound.
    """
    measure = check.measure
    if isinstance(measure, LabelMaturity):
        raise ShipwayError("SW-106", f"{check.text} has no bound", f"compare it, such as {check.text} >= 0.95")
    if isinstance(measure, FeatureSkew):
        raise ShipwayError("SW-106", f"{check.text} has no bound", f"compare it, such as {check.text} <= 0.001")
    if isinstance(measure, PredictionShift | FeatureLag | PairedLoss | Windowed | Drift):
        raise ShipwayError("SW-106", f"{check.text} has no bound", f"compare it, such as {check.text} <= 0.05")
    if isinstance(measure, Attribution | ReasonAgreement):
        raise ShipwayError("SW-106", f"{check.text} has no bound", f"compare it, such as {check.text} <= 0.5")
    if isinstance(measure, LoadLatency | LoadFailures):
        bound = "<= 20" if isinstance(measure, LoadLatency) else f"<= {example_share(measure):g}"
        raise ShipwayError("SW-106", f"{check.text} has no bound", f"compare it, such as {check.text} {bound}")
    bound = _BOUNDS.get(type(measure))
    if isinstance(measure, Score):
        bound = METRICS[measure.metric].example
    if isinstance(measure, Fairness):
        bound = ">= 0.8" if measure.metric == "demographic_parity_ratio" else "<= 0.1"
    if bound is not None:
        raise ShipwayError("SW-106", f"{check.text} has no bound", f"compare it, such as {check.text} {bound}")
    if isinstance(measure, Improvement | Value | ValueImprovement | Effect):
        return Rule(check=check, op=">", bound=0.0, text=check.text)
    return Rule(check=check, op="<=", bound=0.0, text=check.text)


def _compare(check: Check, op: Operator, bound: float) -> Rule:
    number = finite(f"{check.text} {op} ...", bound)
    return Rule(check=check, op=op, bound=number, text=f"{check.text} {op} {write_number(number)}")


def finite(where: str, number: object) -> float:
    """Return a number that a user gave; SW-106 for anything else, with where it stands."""
    if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number):
        return float(number)
    raise ShipwayError("SW-106", f"{number!r} in {where} is not a finite number", "write a number there")


def write_number(number: float) -> str:
    """Return a number as people write it: whole ones without a decimal point."""
    number = float(number)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
