"""Checks say what is measured, Evidence is what was measured; neither decides anything.

One shape serves all subjects: data, a candidate model, a canary, a live window.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from shipway.core.argument import take, take_each, take_expression, take_mapping, take_name, take_width
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, Source, flatten, streams_of
from shipway.core.measure import (
    ColumnKind,
    DecisionValue,
    Directional,
    Drift,
    FeatureLag,
    Fresh,
    HasColumns,
    HasRows,
    Holds,
    Improvement,
    Invariance,
    LabelMaturity,
    Measure,
    PairedLoss,
    PredictionShift,
    Present,
    Score,
    SliceRegression,
    Unique,
    Windowed,
)
from shipway.kit.canonical import digest_value
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Aggregate, Column, Operation, quote, render, walk
from shipway.maths.vector import ARITHMETIC

Subject: TypeAlias = Literal["data", "candidate", "canary", "live"]
Operator: TypeAlias = Literal[">=", ">", "<=", "<"]

_ONE_COLUMN: Final = "name a column of a source, such as orders.price"
_ONE_SOURCE: Final = "name a source, such as orders"
_KINDS: Final[tuple[ColumnKind, ...]] = get_args(ColumnKind)


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
        """Ask that a metric beats a version of the model on the same rows: `current`, or `base rate`.

        Raises:
            ShipwayError: SW-106 where the check is not a metric of a candidate.
        """
        baseline = take_name(baseline, f"the baseline of {self.text}")
        score = self.measure
        if not isinstance(score, Score) or score.metric == "calibration_gap":
            raise ShipwayError("SW-106", f"{self.text} cannot be compared between versions", "compare auc or log_loss")
        check = Check(
            f"{self.name} against {baseline}",
            Improvement(score.metric, baseline, score.cluster),
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
        margin = _finite(f"{self.text}.no_worse_than", by)
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
        width = take_width(last, f"the window of {self.text}.over")
        measure = Windowed(score, width) if isinstance(score, Score) else LabelMaturity(width)
        return Check(f"{self.name} over {last}", measure, "live", f"{self.text}.over({quote(last)})")

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
        high: upper end.
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


auc = Check("auc", Score("auc"), "candidate", "auc")
log_loss = Check("log_loss", Score("log_loss"), "candidate", "log_loss")
brier = Check("brier", Score("brier"), "candidate", "brier")
calibration_gap = Check("calibration_gap", Score("calibration_gap"), "candidate", "calibration_gap")
label_maturity = Check("label_maturity", LabelMaturity(), "candidate", "label_maturity")


def decision_value(
    *, act_if_true: float, act_if_false: float, skip_if_true: float, skip_if_false: float = 0.0
) -> Check:
    """Measure what acting on the predictions saves a row against never acting, given what each outcome costs.

    Raises:
        ShipwayError: SW-106 if acting is never or always the cheaper choice, so that there is nothing to decide.
    """
    where = "the costs of decision_value"
    true, false = _finite(where, act_if_true), _finite(where, act_if_false)
    skip_true, skip_false = _finite(where, skip_if_true), _finite(where, skip_if_false)
    if not (true < skip_true and skip_false < false):
        raise ShipwayError(
            "SW-106",
            "with these costs one action is always the cheaper one",
            "acting should cost less than skipping where the label is true, and more where it is false",
        )
    words = [
        f"act_if_true={write_number(true)}",
        f"act_if_false={write_number(false)}",
        f"skip_if_true={write_number(skip_true)}",
    ]
    if skip_false:
        words.append(f"skip_if_false={write_number(skip_false)}")
    measure = DecisionValue(true, false, skip_true, skip_false)
    return Check("decision_value", measure, "candidate", f"decision_value({', '.join(words)})")


def slice_regression(*by: str, baseline: str = "current", support_rows: int = 500, rate: float = 0.05) -> Check:
    """Count the slices in which a candidate is worse than a version of the model, false discoveries controlled.

    Args:
        by: source columns, or the calendar parts `hour_band` and `month` of the prediction time.
        baseline: the version compared with.
        support_rows: fewest rows a slice needs to be tested; smaller ones are listed and never decide.
        rate: the false discovery rate that is held.

    Raises:
        ShipwayError: SW-106 if nothing cuts the rows into slices, or the rate is none.
    """
    if not by:
        raise ShipwayError(
            "SW-106", "slice_regression() names no slices", 'say what cuts them, such as slice_regression("carrier")'
        )
    by = tuple(take_name(column, "what cuts the slices") for column in by)
    if not 0 < rate < 1:
        raise ShipwayError("SW-106", f"slice_regression has a rate of {rate!r}", "a rate lies between 0 and 1")
    measure, usual = SliceRegression(by, baseline, rate=rate, support_rows=support_rows), SliceRegression(by)
    name = f"slice_regression by {', '.join(by)}"
    words = [quote(column) for column in by]
    if baseline != usual.baseline:
        name = f"{name} against {baseline}"
        words.append(f"baseline={quote(baseline)}")
    if support_rows != usual.support_rows:
        words.append(f"support_rows={support_rows}")
    if rate != usual.rate:
        words.append(f"rate={write_number(rate)}")
    return Check(name, measure, "candidate", f"slice_regression({', '.join(words)})")


def never_lowers(name: str, changes: dict[Column, float], *, together: bool = False) -> Check:
    """Test that raising features as stated never lowers a prediction (a directional expectation).

    Args:
        name: what the test is called.
        changes: feature to what is added to it; each is a test of its own.
        together: make all changes at once, as one test.
    """
    measure = Directional(_shifts(name, changes), together=together)
    return Check(name, measure, "candidate", name)


def never_matters(name: str, changes: dict[Column, float], *, tolerance: float = 0.02) -> Check:
    """Test that small changes to features which should not matter leave the predictions where they are (invariance)."""
    measure = Invariance(_shifts(name, changes), tolerance)
    return Check(name, measure, "candidate", name)


def has_columns(table: Source, /, **types: ColumnKind) -> Check:
    """Expect columns with types: `int`, `float`, `text`, `bool`, `instant` or `date`.

    Raises:
        ShipwayError: SW-104 for another type, SW-106 without columns.
    """
    table = take(table, Source, "what sw.has_columns expects", _ONE_SOURCE)
    if not types:
        raise ShipwayError("SW-106", f"has_columns({table.name}) names no columns", 'write such as origin="text"')
    for name, kind in types.items():
        if kind not in _KINDS:
            raise ShipwayError("SW-104", f"column {name!r} cannot be {kind!r}", did_you_mean(kind, _KINDS))
    words = [f"{n}={quote(k)}" if n.isidentifier() else f"**{{{quote(n)}: {quote(k)}}}" for n, k in types.items()]
    text = f"has_columns({table.name}, {', '.join(words)})"
    return Check(f"{table.name} columns", HasColumns(table.name, types), "data", text)


def has_rows(table: Source) -> Check:
    """Count a table's rows: `has_rows(flights) >= 1000`."""
    table = take(table, Source, "what sw.has_rows expects", _ONE_SOURCE)
    return Check(f"{table.name} rows", HasRows(table.name), "data", f"has_rows({table.name})")


def holds(condition: Expr) -> Check:
    """Expect a condition on a table's columns in every row where it is not null.

    Raises:
        ShipwayError: SW-106 if it is no condition, or not on the columns of exactly one table.
    """
    condition = take_expression(condition, "what sw.holds expects")
    if not (isinstance(condition, Column) or (isinstance(condition, Operation) and condition.op not in ARITHMETIC)):
        raise ShipwayError("SW-106", f"{render(condition)} is no condition", "compare it, such as flights.distance > 0")
    if any(isinstance(node, Aggregate) for node in walk(condition)):
        raise ShipwayError("SW-106", f"{render(condition)} has a window", "data is checked row by row: use columns")
    table = _table_of(streams_of(condition), render(condition))
    return Check(f"{table}: {render(condition)}", Holds(table, condition), "data", f"holds({render(condition)})")


def present(column: Column) -> Check:
    """Expect a column to be there in every row; `present(c) <= 0.03` allows 3 % missing."""
    column = take(column, Column, "what sw.present expects", _ONE_COLUMN)
    table = _table_of([column.table], str(column))
    return Check(f"{column} present", Present(table, column.name), "data", f"present({column})")


def unique(*columns: Column) -> Check:
    """Expect no two rows with equal values in all these columns; a row without one of them is equal to none."""
    columns = take_each(columns, Column, "what sw.unique expects", _ONE_COLUMN)
    names = tuple(column.name for column in columns)
    text = f"unique({', '.join(str(c) for c in columns)})"
    table = _table_of(list(dict.fromkeys(column.table for column in columns)), text)
    return Check(f"{table} unique by {', '.join(names)}", Unique(table, names), "data", text)


def fresh(instant: Column, *, within: str) -> Rule:
    """Expect the newest value to have become known no longer than this before the run's domain time.

    Raises:
        ShipwayError: SW-106 if `within` is not a duration longer than zero.
    """
    instant = take(instant, Column, "what sw.fresh expects", _ONE_COLUMN)
    width = take_width(within, "`within` of sw.fresh")
    text = f"fresh({instant}, within={quote(within)})"
    measure = Fresh(_table_of([instant.table], text), instant.name)
    check = Check(f"{instant} fresh", measure, "data", f"fresh({instant})")
    return Rule(check=check, op="<=", bound=float(width), text=text)


def natural_rule(check: Check) -> Rule:
    """Return the rule a check stands for when it stands in a gate by itself.

    Raises:
        ShipwayError: SW-106 for a metric, which has no natural bound.
    """
    measure = check.measure
    if isinstance(measure, LabelMaturity):
        raise ShipwayError("SW-106", f"{check.text} has no bound", f"compare it, such as {check.text} >= 0.95")
    if isinstance(measure, PredictionShift | FeatureLag | PairedLoss | Windowed | Drift):
        raise ShipwayError("SW-106", f"{check.text} has no bound", f"compare it, such as {check.text} <= 0.05")
    if isinstance(measure, Score | HasRows | Fresh):
        example = "<= 0.5" if isinstance(measure, Score) and measure.metric != "auc" else ">= 0.7"
        bound = ">= 1000" if isinstance(measure, HasRows) else example
        raise ShipwayError("SW-106", f"{check.text} has no bound", f"compare it, such as {check.text} {bound}")
    if isinstance(measure, Improvement | DecisionValue):
        return Rule(check=check, op=">", bound=0.0, text=check.text)
    return Rule(check=check, op="<=", bound=0.0, text=check.text)


def _compare(check: Check, op: Operator, bound: float) -> Rule:
    number = _finite(f"{check.text} {op} ...", bound)
    return Rule(check=check, op=op, bound=number, text=f"{check.text} {op} {write_number(number)}")


def _shifts(name: str, changes: dict[Column, float]) -> dict[str, float]:
    given = take_mapping(changes, f"the changes of test {name!r}", "write {customer.orders_90d: 1}")
    if not given:
        raise ShipwayError("SW-106", f"test {name!r} changes nothing", "name a feature and what is added to it")
    where = f"the features of test {name!r}"
    columns = take_each(list(given), Column, where, "name a feature of a view, such as customer.orders_90d")
    return {flatten(c.table, c.name): _finite(f"test {name!r}", given[c]) for c in columns}


def _finite(where: str, number: object) -> float:
    if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number):
        return float(number)
    raise ShipwayError("SW-106", f"{number!r} in {where} is not a finite number", "write a number there")


def write_number(number: float) -> str:
    """Return a number as people write it: whole ones without a decimal point."""
    number = float(number)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _table_of(tables: Sequence[str], text: str) -> str:
    if len(tables) != 1:
        raise ShipwayError("SW-106", f"{text} does not read exactly one table", "check one table's columns at a time")
    source, dot, _ = tables[0].partition(".")
    if dot:
        raise ShipwayError(
            "SW-106",
            f"{text} reads the event stream {tables[0]!r}",
            f"data is checked as stored: use the columns of {source}",
        )
    return source
