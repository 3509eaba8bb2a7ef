"""The looks of a run on the page, one after the other: what each said, and what it spent."""

from collections.abc import Iterator, Sequence
from typing import Literal

from shipway.app.report.element import Child, Markup, badge, element, join, table
from shipway.app.report.number import write_instant
from shipway.core.look import Look, LookEffect
from shipway.core.trial import Trial, TrialPlan
from shipway.ports.chart import Charts, Series


def show_looks(trial: Trial, looks: Sequence[Look], timezone: str, charts: Charts) -> Markup:
    """Return how evidence grew from look to look, beside the boundary that alpha allows."""
    plan = trial.plan
    drawn: list[Child] = []
    if len(looks) > 1:
        for first in looks[-1].effects:
            if first.role == "metric" or first.events is not None:
                drawn += [Markup(svg) for svg in _draw_looks(plan, first, looks, charts)]
    rows = [_look_row(plan, look, timezone) for look in trial.looks]
    head = ("Look", "Known up to", "Says", "Units", "Alpha spent", "In words")
    why = (
        "Each look was remembered with what it spent before anybody saw it; looking twice at the same data is one look."
    )
    return join((element("p", why, class_="why"), *drawn, table(head, rows, numbers=(0,))))


def _draw_looks(plan: TrialPlan, first: LookEffect, looks: Sequence[Look], charts: Charts) -> Iterator[str]:
    """Yield a metric's effect with its interval over looks, and its evidence beside the boundary."""
    seen = [
        (f"look {look.number}", each)
        for look in looks
        for each in look.effects
        if (each.name, each.variant) == (first.name, first.variant)
    ]
    labels = [label for label, _ in seen]
    rule = next(rule for rule in plan.rules if rule.name == first.name)
    scale, unit = (100.0, "%") if rule.relative else (1.0, "its unit")
    of = f" of {first.variant}" if len(plan.variants) > 2 else ""
    if first.events is not None:
        yield _draw_events(f"{first.name}{of}", rule.role, first.variant, seen, charts)
        return
    yield charts.lines(
        [
            Series("effect", [(label, scale * each.estimate) for label, each in seen]),
            Series("interval, lower end", _scale_ends(seen, "low", scale), "main", dashed=True),
            Series("upper end", _scale_ends(seen, "high", scale), "main", dashed=True),
            Series("no effect", [(label, 0.0) for label in labels], "plain"),
        ],
        labels=labels,
        title=f"Effect on {first.name}{of}, {unit}",
    )
    yield charts.lines(
        [
            Series("effect in standard errors", [(label, _score(each)) for label, each in seen]),
            Series("boundary", [(label, each.boundary) for label, each in seen], "harm"),
            Series("lower boundary", [(label, -each.boundary) for label, each in seen], "harm", dashed=True),
        ],
        labels=labels,
        title=f"Evidence on {first.name}{of} beside the boundary that alpha allows",
    )


def _draw_events(name: str, role: str, variant: str, seen: Sequence[tuple[str, LookEffect]], charts: Charts) -> str:
    """Return the events with a variant over looks, between the counts from which on a look crosses."""
    counted = [(label, each.events) for label, each in seen if each.events is not None]
    against = "the margin" if role == "guardrail" else "the bound"
    return charts.lines(
        [
            Series(f"with {variant}", [(label, float(each.variant)) for label, each in counted]),
            Series(
                f"more often than {against}",
                [(label, float(each.many) if each.many <= each.total else None) for label, each in counted],
                "harm",
            ),
            Series(
                f"less often than {against}",
                [(label, float(each.few) if each.few >= 0 else None) for label, each in counted],
                "harm",
                dashed=True,
            ),
            Series("all events", [(label, float(each.total)) for label, each in counted], "plain", dashed=True),
        ],
        labels=[label for label, _ in counted],
        title=f"Events of {name}, and from how many on a look crosses",
    )


def _look_row(plan: TrialPlan, look: Look, timezone: str) -> tuple[Child, ...]:
    spent = max((each.spent for each in look.effects if each.role == "metric"), default=None)
    return (
        str(look.number),
        write_instant(look.known, timezone),
        badge(look.outcome),
        ", ".join(f"{name} {look.units[name]:,}" for name in plan.variants),
        "none" if spent is None else f"{spent:.2g}",
        look.said,
    )


def _scale_ends(
    seen: Sequence[tuple[str, LookEffect]], end: Literal["low", "high"], scale: float
) -> list[tuple[str, float | None]]:
    """Return one end of the interval of each look; a gap where nothing bounds it."""
    ends = [(label, each.low if end == "low" else each.high) for label, each in seen]
    return [(label, None if number is None else scale * number) for label, number in ends]


def _score(each: LookEffect) -> float:
    return each.estimate / each.error if each.error else 0.0
