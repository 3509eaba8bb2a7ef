"""The word for what an experiment measures: `effect`."""

from collections.abc import Mapping, Sequence
from typing import Final

from shipway.core.argument import take_each, take_expression, take_name
from shipway.core.check import Check, Rule, finite, write_number
from shipway.core.effect import COUNTED, Effect, EffectKind, Role
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.maths.expression import Aggregate, Column, Feature, Operation, quote, render

EXAMPLE: Final = 'such as sw.effect("spent", w.total(orders.price, last="14d")) > 0'
_CONDITIONS: Final = ("lt", "le", "gt", "ge", "eq", "ne", "same", "and", "or", "not", "is_null", "is_in")
"""Operators that hold or do not."""


def effect(
    name: str,
    value: Expr,
    *,
    over: Expr | None = None,
    quantile: float | None = None,
    rare: bool = False,
    covariates: Sequence[Feature] = (),
    cap: float | None = None,
    winsorise: float | None = None,
    relative: bool = True,
    detect: float | None = None,
) -> Check:
    """Measure how a variant changes a metric, against the control.

    The windows of `value` begin when a unit meets the experiment and end when their width is over, so all of a metric's
    windows have one width. A unit of which nothing happened counts as 0.

    Args:
        name: what the metric is called.
        value: a unit's value, such as `w.total(orders.price, last="14d")`; a condition, such as
            `w.count(orders, last="14d") > 0`, makes it a rate.
        over: what the value is over: the effect is then on the ratio of both totals, its error by the delta method.
        quantile: in place of the mean, the effect on this quantile of the units' values, such as 0.9.
        rare: whether `value` is a condition that holds for so few units that they are counted one by one: the effect is
            on how often it holds, exactly tested, and 0.5 is half as often again.
        covariates: features of the unit, as known when it met the experiment; what they foretell is taken out (CUPED).
        cap: values above this are set to it.
        winsorise: in place of `cap`, the share of the values before the start that lie at or below it, such as 0.99.
        relative: whether the effect is in parts of the control's value, so that 0.03 is 3 % more.
        detect: the smallest effect that is worth finding, in the effect's unit; planning needs it.

    Raises:
        ShipwayError: SW-106 for what cannot be a metric of units.
    """
    name = take_name(name, "a metric's name")
    where = f"effect {name!r}"
    value = take_expression(value, where)
    width = _width(where, value)
    below = None if over is None else take_expression(over, f"`over` of {where}")
    if below is not None and _width(where, below) != width:
        raise ShipwayError("SW-106", f"the two sides of {where} have windows of different widths", "give both one")
    if below is not None and quantile is not None:
        raise ShipwayError("SW-106", f"{where} is both a ratio and a quantile", "drop over= or quantile=")
    if rare:
        _check_rare(where, value, {"over": over, "quantile": quantile, "cap": cap, "winsorise": winsorise}, relative)
    if cap is not None and winsorise is not None:
        raise ShipwayError("SW-106", f"{where} has both cap= and winsorise=", "drop one of them")
    given = take_each(covariates, Feature, f"the covariates of {where}", "name features, such as customer.spent_30d")
    if given and quantile is not None:
        raise ShipwayError(
            "SW-106", f"{where} is on a quantile, which covariates do not sharpen", "drop covariates= or quantile="
        )
    if given and rare:
        raise ShipwayError("SW-106", f"{where} is a rare event, which covariates do not sharpen", "drop covariates=")
    measure = Effect(
        kind=_kind(rare=rare, ratio=below is not None, quantile=quantile is not None),
        value=value,
        width_us=width,
        over=below,
        share=0.0 if quantile is None else _open_share(f"`quantile` of {where}", quantile),
        covariates=given,
        cap=None if cap is None else finite(f"`cap` of {where}", cap),
        winsorise=0.0 if winsorise is None else _open_share(f"`winsorise` of {where}", winsorise),
        relative=bool(relative),
        detect=0.0 if detect is None else _positive(f"`detect` of {where}", detect),
    )
    return Check(name, measure, "experiment", _write(name, measure))


def check_rare(rule: Rule, role: Role) -> None:
    """Refuse a rare event of which nothing says how many events are enough; SW-106.

    Args:
        rule: what is asked of an effect of any kind.
        role: whether it is what an experiment is for, or a guardrail.
    """
    measure = rule.check.measure
    if not isinstance(measure, Effect) or measure.kind != "rare":
        return
    name = rule.check.name
    if rule.bound <= -1:
        fact = f"nothing happens {-rule.bound:.0%} less often, and {rule.text} asks whether {name} does"
        raise ShipwayError("SW-106", fact, "0 is as often, -0.5 half as often, 1 twice as often")
    if role == "metric":
        fewest = 1 + rule.bound - measure.detect
        if not measure.detect:
            fact = f"{name} is a rare event, and nothing says which effect on it is worth finding"
            raise ShipwayError("SW-106", fact, "write detect=0.5 for half as often again, or half as often")
        if rule.op in ("<", "<=") and fewest < 0:
            beyond = f": {measure.detect:.0%} below the {1 + rule.bound:.0%} that {rule.text} asks for"
            fact = f"{name} cannot happen {measure.detect - rule.bound:.0%} less often{beyond if rule.bound else ''}"
            half = "half as often as that" if rule.bound else "half as often"
            raise ShipwayError("SW-106", fact, f"write detect={(1 + rule.bound) / 2:g} for {half}")
    elif rule.bound == 0:
        fact = f"guardrail {rule.text} allows no margin, which no number of events shows"
        raise ShipwayError("SW-106", fact, "write such as <= 1, at most twice as often")


def _kind(*, rare: bool, ratio: bool, quantile: bool) -> EffectKind:
    return "rare" if rare else "ratio" if ratio else "quantile" if quantile else "mean"


def _check_rare(where: str, value: Expr, given: Mapping[str, object], relative: bool) -> None:
    """Refuse what is no condition, and what does not go together with a rare event."""
    if not isinstance(value, Operation) or value.op not in _CONDITIONS:
        fact = f"{where} is a rare event, and {render(value)} does not hold or not hold for a unit"
        raise ShipwayError("SW-106", fact, f"write {render(value)} > 0: the units to which it happened are counted")
    for name, each in given.items():
        if each is not None:
            raise ShipwayError("SW-106", f"{where} is a rare event, and has {name}=", f"drop {name}= or rare=")
    if not relative:
        fact = f"{where} is a rare event, and its effect is how many times as often it happens"
        raise ShipwayError("SW-106", fact, "drop relative= or rare=")


def _width(where: str, value: Expr) -> int:
    """Return the width that all windows of a metric have; SW-106 where they differ, or have no value for some units."""
    widths: set[int] = set()
    stack: list[Expr] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, Operation):
            stack.extend(node.args)
        elif isinstance(node, Aggregate):
            if node.kind not in COUNTED:
                fact = f"{where} reads {render(node)}, which has no value for a unit of which nothing happened"
                hint = 'compare totals instead: sw.effect("a", w.total(...), over=w.count(...)) is a mean of events'
                raise ShipwayError("SW-106", fact, hint)
            if node.width_us is not None:
                widths.add(node.width_us)
        elif isinstance(node, Feature | Column):
            raise ShipwayError("SW-106", f"{where} reads {render(node)} outside a window", f"write {EXAMPLE}")
    if not widths:
        raise ShipwayError("SW-106", f"{where} is {render(value)}, which has no window", f"write {EXAMPLE}")
    if len(widths) > 1:
        raise ShipwayError("SW-106", f"{where} has windows of different widths", "give all of them one width")
    return widths.pop()


def _open_share(where: str, share: object) -> float:
    number = finite(where, share)
    if not 0 < number < 1:
        raise ShipwayError("SW-106", f"{where} is {number:g}", "write a share between 0 and 1, such as 0.9")
    return number


def _positive(where: str, number: object) -> float:
    checked = finite(where, number)
    if checked <= 0:
        raise ShipwayError("SW-106", f"{where} is {checked:g}", "write how great it is, without a sign")
    return checked


def _write(name: str, measure: Effect) -> str:
    """Return a metric as its user wrote it."""
    words = [quote(name), render(measure.value)]
    words += [] if measure.over is None else [f"over={render(measure.over)}"]
    words += [f"quantile={write_number(measure.share)}"] if measure.kind == "quantile" else []
    words += ["rare=True"] if measure.kind == "rare" else []
    words += [f"covariates=[{', '.join(map(render, measure.covariates))}]"] if measure.covariates else []
    words += [] if measure.cap is None else [f"cap={write_number(measure.cap)}"]
    words += [f"winsorise={write_number(measure.winsorise)}"] if measure.winsorise else []
    words += [] if measure.relative else ["relative=False"]
    words += [f"detect={write_number(measure.detect)}"] if measure.detect else []
    return f"effect({', '.join(words)})"
