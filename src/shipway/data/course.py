"""Rules on deliveries that data suggests.

How many rows there are, when they come, which values go missing, and how far distributions move from one delivery to
the next.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.core.check import Rule
from shipway.core.data_check import (
    distinct,
    fresh,
    fullest_day,
    gaps,
    has_rows,
    label_rate,
    past,
    shift,
    thinnest_day,
    timely,
    vanished,
)
from shipway.core.feature import Expr, Label
from shipway.data.draft import Draft, idle_if
from shipway.data.rehearsal import FEWEST, Candidate
from shipway.data.survey import View, extremes_of, moves_with_time
from shipway.data.translation import kind_of
from shipway.kit.duration import DAY, HOUR, MINUTE, format_duration
from shipway.maths.expression import Operation, Span, move

_KINDS: Final = 200
"""Different texts up to which their distribution is compared."""
_REGULAR: Final = 0.9
"""Share of steps of a feed that are equal where it is a regular one."""
_SUPPORT: Final = 100
"""A feed counts in a delivery with at least one of so many rows."""


def draft_course(draft: Draft, labels: list[tuple[Label, Expr]], lag_us: int | None, alpha: float) -> None:
    """Draft everything about deliveries.

    Args:
        draft: what is found of a table whose deliveries are known.
        labels: labels of the table, each with the instant it is asked for.
        lag_us: how old its newest row is; None where that says nothing.
        alpha: how likely a usual value may be missing by chance.
    """
    view = draft.view
    if len(view.deliveries) < FEWEST:
        why = f"{len(view.deliveries)} past deliveries are too few for a bound, which takes {FEWEST}"
        draft.leave(f"rules on deliveries of {view.name}", f"{why}: say a shorter --every")
        return
    _draft_volume(draft)
    _draft_age(draft, lag_us)
    _draft_gaps(draft)
    _draft_vanished(draft, alpha)
    _draft_shifts(draft)
    _draft_variety(draft)
    for label, asked in labels:
        idle = _share_idle("rows")
        said = f"share of {label.name}"
        rated = kind_of(move(label.value, view.name), view.rows.schema) == "bool"
        if not rated:
            draft.leave(f"label_rate({label.name})", "the label is a number, and only a condition has a rate")
        for upper in (True, False) if rated else ():
            draft.candidates.append(
                Candidate("label", label_rate(label).on("new"), "arcsine", upper, idle if upper else _floor, said=said)
            )
        never = _never("a label was known too early in some of the past deliveries")
        check = timely(label, asked=asked).on("new")
        draft.candidates.append(Candidate("timely", check, "arcsine", True, never, strict=True, said=said))


def reference_us(view: View) -> int:
    """Return how much of what came before new rows are compared with."""
    return max(28 * DAY, 2 * view.every_us)


def _draft_volume(draft: Draft) -> None:
    view = draft.view
    day = _day(view)
    if view.every_us >= 7 * DAY:
        width = format_duration(view.every_us)
        check = has_rows(view.source, by=day).on("new").against("main", last=width)
        for upper in (False, True):
            idle = idle_if(_past(9, -0.95, upper=upper), "nearly any number may come")
            said = f"rows against the {width} before"
            draft.candidates.append(Candidate("rows", check, "log1p", upper, idle, compares=True, said=said))
    last = format_duration(reference_us(view))
    for word, upper in ((thinnest_day, False), (fullest_day, True)):
        check = word(day).on("new")
        compares = view.every_us < 7 * DAY
        if compares:
            check = check.against("main", last=last)
        idle = idle_if(_past(20, 0.02, upper=upper), "nearly any day is let through")
        said = f"{check.text.partition('(')[0].replace('_', ' ')} over a usual one"
        draft.candidates.append(Candidate("day", check, "log", upper, idle, compares=compares, said=said))


def _draft_age(draft: Draft, lag_us: int | None) -> None:
    view = draft.view
    if view.instant is None:
        return
    instant = view.source[view.instant]
    if lag_us is None:
        age = "the newest row is far older than a delivery is long: this feed has ended"
        draft.leave(f"fresh({instant}, ...)", age)
        return
    silence = int(np.diff(np.unique(view.instants)).max())
    allowed = 2 * (lag_us + silence)
    why = f"newest is {_short(lag_us)} old, longest silence {_short(silence)}: twice their sum"
    rule = fresh(instant, within=_width(allowed)).on("new")
    draft.propose("fresh", rule, why, lag_us=lag_us, silence_us=silence)
    rows = view.rows.height * view.every_us / max(view.days * DAY, 1)
    support = max(int(rows / _SUPPORT), 2)
    for look in view.of("text"):
        if not 1 < look.distinct <= 50 or look.missing:
            continue
        column = view.source[look.name]

        def make(bound: float, column: Any = column) -> Rule:
            width = _width(int(bound) + allowed)
            return fresh(instant, within=width, per=column, support_rows=support).on("new")

        check = make(0.0).check
        idle = idle_if(lambda bound: bound > 0.8 * view.every_us, "a feed may stop for most of a delivery")
        said = f"how far the oldest of {look.distinct} feeds is behind the newest"
        draft.candidates.append(Candidate("fresh", check, "log", True, idle, make=make, said=said))
    for name in (look.name for look in view.of("instant") if look.name in {view.instant, *view.source.known_at}):
        never = _never("it lay ahead of the run in some of the past deliveries")
        check = past(view.source[name]).on("new")
        draft.candidates.append(Candidate("past", check, "arcsine", True, never, strict=True, said=f"{name} ahead"))


def _draft_gaps(draft: Draft) -> None:
    """Draft the steps of a regular feed: where an instant is part of the key, one for each value of the rest of it."""
    view = draft.view
    looks = view.looks
    instants = [name for name in view.source.key if name in looks and looks[name].kind == "instant"]
    if len(instants) != 1:
        return
    feeds = [name for name in view.source.key if name != instants[0] and name in looks]
    if len(feeds) + 1 != len(view.source.key):
        return
    at = pl.col(instants[0]).cast(pl.Datetime("us")).to_physical()
    steps = view.rows.select(*feeds, at.alias("at:")).sort(*feeds, "at:")
    diff = pl.col("at:").diff().over(feeds) if feeds else pl.col("at:").diff()
    found = steps.select(diff.alias("step:")).drop_nulls()["step:"].value_counts(sort=True, name="n:")
    if found.is_empty() or int(found["n:"][0]) < _REGULAR * int(found["n:"].sum()) or int(found["step:"][0]) < MINUTE:
        draft.leave(f"gaps({view.source[instants[0]]}, ...)", "its rows come at no regular step")
        return
    step = int(found["step:"][0])
    per = [view.source[name] for name in feeds]
    check = gaps(view.source[instants[0]], every=format_duration(step), per=per or None).on("new")
    said = f"missing steps of {format_duration(step)}"
    idle = idle_if(lambda bound: bound > 0.5 * view.every_us / step, "most steps may be missing")
    draft.candidates.append(Candidate("gaps", check, "root", True, idle, compares=True, said=said))


def _draft_vanished(draft: Draft, alpha: float) -> None:
    view = draft.view
    rows = np.median([delivery.end - delivery.start for delivery in view.deliveries])
    for look in view.of("text"):
        if look.distinct < 2 or look.distinct > view.rows.height // 20:
            continue
        column = view.source[look.name]
        share = math.ceil(100 * max(0.01, math.log(look.distinct / alpha) / rows)) / 100
        what = f"vanished({column})"
        if share >= 0.5:
            draft.leave(what, f"of {rows:,.0f} rows a delivery any value may be missing by chance")
            continue
        usual = int(view.rows[look.name].drop_nulls().value_counts(name="n:")["n:"].max() or 0)  # pyright: ignore[reportArgumentType]
        if usual < share * (look.rows - look.missing):
            draft.leave(what, f"no value has as much as {100 * share:g} % of the rows")
            continue
        check = vanished(column, share=share).on("new")
        never = _never(f"a value with {100 * share:g} % of the rows was missing in some of the past deliveries")
        said = f"values with {100 * share:g} % of the rows"
        draft.candidates.append(
            Candidate("vanished", check, "plain", True, never, strict=True, compares=True, said=said)
        )


def _draft_shifts(draft: Draft) -> None:
    view = draft.view
    for look in view.of("int", "float", "text", "bool"):
        if look.distinct < 2:
            continue
        column = view.source[look.name]
        if look.kind == "text" and look.distinct > _KINDS:
            draft.leave(f"shift({column})", f"{look.distinct:,} different texts are too many to compare")
        elif look.kind in ("int", "float") and moves_with_time(*extremes_of(view, look.name)):
            draft.leave(f"shift({column})", "it moves with time, so that it is never what it was")
        else:
            _draft_shift(draft, column, number=look.kind in ("int", "float"))
    if view.day is not None and isinstance(view.day, Operation):
        # Days that begin in a quiet hour have hours that are not: a zone that is taken for another moves them.
        _draft_shift(draft, Operation("mod", (view.day, Span(DAY))), number=True)


def _draft_shift(draft: Draft, value: Expr, *, number: bool) -> None:
    view = draft.view
    wide = view.every_us >= 3 * DAY
    check = shift(value, by=_day(view) if wide else None).on("new")
    if wide:
        check = check.against("main", last=format_duration(reference_us(view)))
    most, why = (10.0, "any shift is let through") if number else (0.95, "nearly all rows may have another value")
    said = "standard deviations moved" if number else "share of rows that moved"
    idle = idle_if(lambda bound: bound > most, why)
    kind = "shift" if number else "mix"
    draft.candidates.append(Candidate(kind, check, "log", True, idle, compares=True, said=said))


def _draft_variety(draft: Draft) -> None:
    view = draft.view
    for look in view.of("int", "float"):
        if look.distinct < 10:
            continue
        check = distinct(view.source[look.name]).on("new")
        idle = idle_if(lambda bound: bound < 2, "a column that is stuck would be let through")
        said = f"different values, {look.distinct:,} in all"
        draft.candidates.append(Candidate("distinct", check, "log", False, idle, said=said))


def _day(view: View) -> Expr:
    assert view.day is not None
    return view.day


def _past(most: float, least: float, *, upper: bool) -> Callable[[float], bool]:
    return (lambda bound: bound > most) if upper else (lambda bound: bound < least)


def _never(why: str) -> Callable[[float], str | None]:
    return lambda _: why


def _share_idle(what: str) -> Callable[[float], str | None]:
    return idle_if(lambda bound: bound >= 0.95, f"nearly all {what} may be so")


def _floor(bound: float) -> str | None:
    return "next to none may be so" if bound < 0.001 else None


def _width(us: int) -> str:
    """Return a duration that is not shorter, in whole hours, or in whole days where it is longer than two."""
    unit = DAY if us > 2 * DAY else HOUR
    return format_duration(max(-(-us // unit), 1) * unit)


def _short(us: int) -> str:
    return format_duration(us - us % HOUR if us >= HOUR else us - us % 1_000_000)
