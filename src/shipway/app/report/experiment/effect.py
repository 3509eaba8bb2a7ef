"""The effects of a look on the page: what each is, its interval, and what it rests on."""

from typing import Final

from shipway.app.experiment.detail import SliceEffect
from shipway.app.report.element import Child, Markup, code, element, join, table
from shipway.app.report.gate import Measured
from shipway.app.report.number import MINUS, write_p
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.core.look import (
    Diluted,
    Look,
    LookEffect,
    Shown,
    write_counts,
    write_information,
    write_range,
    write_times,
)
from shipway.core.trial import PlannedRule, TrialPlan

_TONES: Final[dict[Shown, str]] = {
    "better": "pass",
    "safe": "pass",
    "worse": "fail",
    "ruled out": "fail",
    "open": "hold",
}


def show_effects(plan: TrialPlan, look: Look) -> Markup:
    """Return what a look says of each metric and variant."""
    rules = {rule.name: rule for rule in plan.rules}
    drawn = {name: [measured_of(each) for each in look.effects if each.name == name] for name in rules}
    spans = {name: span_of([each for each in found if each is not None], 0.0) for name, found in drawn.items()}
    rows = [_effect_row(plan, rules[each.name], each, spans[each.name]) for each in look.effects]
    rare = any(each.events is not None for each in look.effects)
    why = (
        f"Intervals hold at all looks together: over the whole experiment, one in {1 / plan.alpha:.0f} such experiments"
        " without an effect calls one. The line in each picture is no effect."
    )
    if rare:
        why += (
            " A rare event is told by how many times as often it happens; its interval counts events exactly, and is"
            " that of the units' draw, whatever the rate."
        )
    if any(each.unbiased is not None for each in look.effects):
        why += (
            " An effect that stopped its test did so in part by luck, and is less than it seems: the last column allows"
            " for that."
        )
        head = ("", "Effect", "Is", "", "Interval at all looks", "Units", "In", "Sharpened", "Looks allowed for")
    else:
        rows = [row[:-1] for row in rows]
        head = ("", "Effect", "Is", "", "Interval at all looks", "Units", "In", "Sharpened")
    said = [_say_diluted(each, each.diluted, rules[each.name]) for each in look.effects if each.diluted is not None]
    drawn = table(head, rows, numbers=(2, 6, 7))
    return join((element("p", why, class_="why"), drawn, *(element("p", each, class_="soft") for each in said)))


def _say_diluted(each: LookEffect, found: Diluted, rule: PlannedRule) -> str:
    """Return an effect on all units, where the variants differ for some of them."""
    return (
        f"On all units, {found.share:.0%} of which the variants may change, {each.name} is"
        f" {write_change(found.estimate, rule)} ({write_ends(found.low, found.high, rule)})."
    )


def _effect_row(plan: TrialPlan, rule: PlannedRule, each: LookEffect, span: tuple[float, float]) -> tuple[Child, ...]:
    name = each.name if len(plan.variants) == 2 else f"{each.name} of {each.variant}"
    about = join((element("b", name), element("div", code(rule.text), class_="soft")))
    measured = measured_of(each)
    return (
        element("span", each.shown, class_=f"badge {_TONES[each.shown]}"),
        about,
        "never yet" if each.events is not None and not each.events.total else write_change(each.estimate, rule),
        "" if measured is None else draw_whisker(measured, span, tone=_TONES[each.shown], bound=0.0),
        write_ends(each.low, each.high, rule),
        write_counts(each),
        write_information(each),
        f"{each.sharpened:.0%}" if each.sharpened else "",
        _write_unbiased(each, rule),
    )


def measured_of(each: LookEffect | SliceEffect) -> Measured | None:
    """Return an effect as it is drawn; None where an end of its interval is nowhere."""
    return None if each.low is None or each.high is None else Measured(each.estimate, each.low, each.high)


def _write_unbiased(each: LookEffect, rule: PlannedRule) -> Child:
    """Return an effect whose test has ended with its looks allowed for."""
    found = each.unbiased
    if found is None:
        return ""
    ends = f"{write_ends(found.low, found.high, rule)}, p {write_p(found.p)}"
    return join((element("b", write_change(found.estimate, rule)), element("div", ends, class_="soft")))


def write_change(number: float, rule: PlannedRule) -> str:
    """Return an effect as people read it: in per cent, in its unit, or how many times as often a rare event happens."""
    if rule.events:
        return write_times(number)
    text = f"{abs(number):.1%}" if rule.relative else f"{abs(number):.4g}"
    return f"{MINUS if number < 0 else '+'}{text}"


def write_ends(low: float | None, high: float | None, rule: PlannedRule) -> str:
    """Return both ends of an effect as people read them; only those of a rare event may be open one by one."""
    if rule.events:
        return write_range(low, high)
    if low is None or high is None:
        return "nothing bounds it yet"
    return f"{write_change(low, rule)} to {write_change(high, rule)}"
