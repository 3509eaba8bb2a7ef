"""The page: what an experiment came to in one sentence, then its evidence, look by look, day by day and by slices."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from shipway.app.experiment.detail import ExperimentDetail, SlicedEffect
from shipway.app.report.element import Child, Markup, badge, code, element, fold, join, table, tile, words
from shipway.app.report.gate import Measured
from shipway.app.report.number import MINUS, write_day, write_instant, write_p
from shipway.app.report.sheet import Section, make_sheet
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.core.experiment import MOST_CROSSED, PLACES, RATIO_ALPHA
from shipway.core.look import Diluted, Look, LookEffect, Shown, write_counts
from shipway.core.trial import PlannedRule, Trial, TrialPlan
from shipway.kit.duration import format_duration
from shipway.ports.chart import Charts, Series

_TONES: Final[dict[Shown, str]] = {
    "better": "pass",
    "safe": "pass",
    "worse": "fail",
    "ruled out": "fail",
    "open": "hold",
}
_STATES: Final = {"pass": "launch", "fail": "keep the control", "hold": "not decided"}


def render_experiment(detail: ExperimentDetail, timezone: str, charts: Charts) -> str:
    """Return one run of an experiment as one HTML page that needs nothing else: no script, font or picture.

    Args:
        detail: everything the page shows.
        timezone: that instants are written in.
        charts: draws the charts.
    """
    plan = detail.trial.plan
    footer = element("footer", words(f"Instants are in {timezone}. Registered as ", code(plan.definition[:12]), "."))
    title = f"{plan.ref}: {detail.trial.state}"
    return make_sheet(title, _header(detail.trial, timezone), _sections(detail, timezone, charts), footer)


def _sections(detail: ExperimentDetail, timezone: str, charts: Charts) -> Iterator[Section]:
    trial = detail.trial
    looks = [look for look in trial.looks if look.effects]
    yield "effects", "Effects", _show_effects(trial.plan, looks[-1]) if looks else None
    yield "looks", "Look by look", _show_looks(trial, looks, timezone, charts) if trial.looks else None
    yield "units", "Who met it", _show_units(detail, charts) if detail.met else None
    yield "slices", "By slices", _show_slices(detail) if detail.sliced else None
    yield "plan", "The plan", _show_plan(trial, timezone)


def _header(trial: Trial, timezone: str) -> Markup:
    plan, last = trial.plan, trial.looks[-1] if trial.looks else None
    since = f"It began {write_instant(plan.at, timezone)}"
    looked = f" and was looked at {len(trial.looks)} times" if len(trial.looks) != 1 else " and was looked at once"
    return element(
        "header",
        element("p", "shipway experiment", class_="brow"),
        element("h1", plan.ref, " ", None if last is None else badge(last.outcome)),
        element("p", _lede(trial), class_="lede"),
        element("p", f"{plan.doc} " if plan.doc else None, f"{since}{looked}.", class_="soft"),
        element("div", *_tiles(trial, last), class_="tiles") if last is not None else None,
    )


def _lede(trial: Trial) -> Child:
    """Return what was decided, by whom, and what the design said where that is something else."""
    last = trial.looks[-1] if trial.looks else None
    said = "Nobody looked at it yet." if last is None else f"{last.said[:1].upper()}{last.said[1:]}."
    if trial.decided is not None:
        each = trial.decided
        who = f"{each.by} decided, against the design" if each.against else f"decided by {each.by}"
        design = f" The design said: {said}" if each.against else ""
        if trial.plan.versions is not None:
            return f"Decided for {each.variant}, {who}: {each.reason}.{design}"
        return f"Everyone meets {each.variant}, {who}: {each.reason}.{design}"
    if trial.stopped is not None:
        return f"Stopped by {trial.stopped.by}: {trial.stopped.reason}. {said}"
    return said


def _tiles(trial: Trial, last: Look) -> Iterator[Markup]:
    plan = trial.plan
    yield tile("Says", _STATES[last.outcome], last.variant or f"look {last.number}")
    total = sum(last.units.values())
    yield tile("Units met it", f"{total:,}", f"of {plan.units:,} at most")
    split = "broken" if last.broken else "as declared"
    yield tile("Split", split, f"p {write_p(last.ratio_p)}, may be watched")
    for each in last.effects[:1]:
        yield tile("Alpha spent", f"{each.spent:.3f}", f"of {each.alpha:.3g} for {each.name}")


def _show_effects(plan: TrialPlan, look: Look) -> Markup:
    rules = {rule.name: rule for rule in plan.rules}
    drawn = {name: [_measured(each) for each in look.effects if each.name == name] for name in rules}
    spans = {name: span_of([each for each in found if each is not None], 0.0) for name, found in drawn.items()}
    rows = [_effect_row(plan, rules[each.name], each, spans[each.name]) for each in look.effects]
    why = (
        f"Intervals hold at all looks together: over the whole experiment, one in {1 / plan.alpha:.0f} such experiments"
        " without an effect calls one. The line in each picture is no effect."
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
        f" {_write(found.estimate, rule)} ({_write(found.low, rule)} to {_write(found.high, rule)})."
    )


def _effect_row(plan: TrialPlan, rule: PlannedRule, each: LookEffect, span: tuple[float, float]) -> tuple[Child, ...]:
    name = each.name if len(plan.variants) == 2 else f"{each.name} of {each.variant}"
    about = join((element("b", name), element("div", code(rule.text), class_="soft")))
    measured = _measured(each)
    return (
        element("span", each.shown, class_=f"badge {_TONES[each.shown]}"),
        about,
        _write(each.estimate, rule),
        "" if measured is None else draw_whisker(measured, span, tone=_TONES[each.shown], bound=0.0),
        _write_interval(each, rule),
        write_counts(each),
        f"{each.information:.0%}",
        f"{each.sharpened:.0%}" if each.sharpened else "",
        _write_unbiased(each, rule),
    )


def _show_looks(trial: Trial, looks: Sequence[Look], timezone: str, charts: Charts) -> Markup:
    plan = trial.plan
    drawn: list[Child] = []
    if len(looks) > 1:
        for first in looks[-1].effects:
            if first.role == "metric":
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


def _show_units(detail: ExperimentDetail, charts: Charts) -> Markup:
    plan, days = detail.trial.plan, list(detail.met)
    drawn: list[Child] = []
    if len(days) > 1:
        series = [
            Series(name, [(day, float(detail.met[day].get(name, 0))) for day in days], "plain" if not place else "main")
            for place, name in enumerate(plan.variants)
        ]
        drawn.append(Markup(charts.lines(series, labels=days, title="Units that met the experiment, by day")))
    last = detail.trial.looks[-1]
    weights, total = sum(plan.variants.values()), sum(last.units.values())
    rows = [
        (name, f"{last.units[name]:,}", f"{last.units[name] / total:.2%}" if total else "", f"{weight / weights:.2%}")
        for name, weight in plan.variants.items()
    ]
    head = ("Variant", "Units", "Share", "Declared")
    what = "A split"
    if detail.clusters is not None:
        # Clusters are what was drawn for; how many units each has is up to them.
        head, what = ("Variant", "Units", "Clusters", "Share", "Declared"), "A split of clusters"
        drawn_for = sum(detail.clusters.values())
        rows = [
            (name, f"{last.units[name]:,}", f"{count:,}", f"{count / drawn_for:.2%}" if drawn_for else "", row[-1])
            for row, (name, count) in zip(rows, detail.clusters.items(), strict=True)
        ]
    said = (
        f"{what} this uneven has probability {write_p(last.ratio_p)} if it is as declared, however often one looks;"
        f" below {RATIO_ALPHA:g} no effect is looked at, because what bends a split bends effects too."
    )
    left = _show_left_out(detail)
    lag = words(f"Held back: {detail.lag}.") if detail.lag else None
    counted = table(head, rows, numbers=range(1, len(head)), class_="narrow")
    return join((element("p", said, class_="why"), *drawn, counted, left, lag))


def _show_left_out(detail: ExperimentDetail) -> Markup | None:
    """Return which units were left out and why, those that met several variants by name; None where none were."""
    reasons = (
        (detail.crossed, "met several variants", ", ".join(detail.crossing)),
        (detail.misassigned, "met another variant than the one assigned", ""),
        (detail.outside, "should have met none", ""),
        (detail.ruled, "had their version by a rule of the service, not by its split", ""),
    )
    rows = [(f"{count:,}", said, names) for count, said, names in reasons if count]
    if not rows:
        return None
    why = (
        f"A unit that met several variants is left out; beyond {MOST_CROSSED:.0%} of them no effect is looked at,"
        " since what a unit met first is then not what it went on with."
    )
    body = table(("Left out", "Because they", "Some of them"), rows, numbers=(0,), class_="narrow")
    return join((body, element("p", why, class_="soft"))) if detail.crossed else body


def _show_slices(detail: ExperimentDetail) -> Markup:
    rules = {rule.name: rule for rule in detail.trial.plan.rules}
    why = (
        "Slices decide nothing. Their intervals are those of this look alone; what stands out differs from no effect"
        " with the share of false ones among all slices held at 5%."
    )
    parts = [_show_slice(detail.trial.plan, rules[each.name], each) for each in detail.sliced]
    return join((element("p", why, class_="why"), *parts))


def _show_slice(plan: TrialPlan, rule: PlannedRule, sliced: SlicedEffect) -> Markup:
    of = f" of {sliced.variant}" if len(plan.variants) > 2 else ""
    measured = [Measured(each.estimate, each.low, each.high) for each in sliced.slices]
    span = span_of(measured, 0.0)
    rows = [
        (
            each.value,
            _write(each.estimate, rule),
            draw_whisker(drawn, span, tone="main" if each.marked else "hold", bound=0.0),
            f"{_write(each.low, rule)} to {_write(each.high, rule)}",
            f"{each.n[0]:,} and {each.n[1]:,}",
        )
        for each, drawn in zip(sliced.slices, measured, strict=True)
    ]
    marked = [place for place, each in enumerate(sliced.slices) if each.marked]
    same = "differ" if sliced.differs_p < 0.05 else "may well be the same"
    summary = f"{sliced.name}{of} by {sliced.column}: the slices {same} (p {write_p(sliced.differs_p)})"
    body = table((sliced.column, "Is", "", "95% interval", "Units"), rows, numbers=(1,), marked=marked, class_="tight")
    return fold(summary, body) if len(rows) > 12 else join((element("h3", summary), body))


def _show_plan(trial: Trial, timezone: str) -> Markup:
    plan = trial.plan
    total = sum(plan.variants.values())
    share = sum(high - low for low, high in plan.places) / PLACES
    caps = [f"{rule.name} at {rule.cap:.6g}" for rule in plan.rules if rule.cap is not None]
    facts: list[tuple[str, Child]] = [
        ("Variants", ", ".join(f"{name} {weight / total:.0%}" for name, weight in plan.variants.items())),
        ("Split by", _say_split(plan)),
        (
            "Layer",
            "" if plan.versions else f"{plan.layer}: {share:.1%} of its units, {plan.holdout / PLACES:.1%} held out",
        ),
        ("Design", f"{plan.spending.replace('_', '-')}, alpha {plan.alpha:g}, power {plan.power:g}"),
        ("Largest number of units", f"{plan.units:,}{f', expected in {plan.days} days' if plan.days else ''}"),
        ("Began", write_instant(plan.at, timezone)),
        ("Registered", f"{write_day(trial.registered_at, timezone)}, by {trial.by}"),
        ("Values capped", ", ".join(caps)),
    ]
    pairs = [join((element("dt", name), element("dd", fact))) for name, fact in facts if fact]
    rules = [(rule.role, code(rule.text), _detect(rule)) for rule in plan.rules]
    head = ("", "As registered", "Smallest worth finding")
    return join((element("dl", *pairs, class_="facts"), table(head, rules, class_="tight")))


def _say_split(plan: TrialPlan) -> str:
    """Return how units are assigned, where they do not meet a variant one by one and for good."""
    keys = " and ".join(plan.keys)
    if plan.versions is not None:
        split = plan.versions
        return (
            f"service {split.service}, which answers {split.weight:.4g} of each {keys} with version {split.candidate}"
            f" and the others with version {split.stable} ({split.release})"
        )
    if plan.slot_us:
        return f"time: each {format_duration(plan.slot_us)} of each {keys} is assigned anew"
    return f"clusters: each {keys} is assigned as a whole, and errors are those of clusters" if plan.clustered else ""


def _detect(rule: PlannedRule) -> str:
    return "" if not rule.detect else f"{rule.detect:.1%}" if rule.relative else f"{rule.detect:g}"


def _measured(each: LookEffect) -> Measured | None:
    return None if each.low is None or each.high is None else Measured(each.estimate, each.low, each.high)


def _write_interval(each: LookEffect, rule: PlannedRule) -> str:
    if each.low is None or each.high is None:
        return "nothing bounds it yet"
    return f"{_write(each.low, rule)} to {_write(each.high, rule)}"


def _write_unbiased(each: LookEffect, rule: PlannedRule) -> Child:
    """Return an effect whose test has ended with its looks allowed for."""
    found = each.unbiased
    if found is None:
        return ""
    ends = f"{_write(found.low, rule)} to {_write(found.high, rule)}, p {write_p(found.p)}"
    return join((element("b", _write(found.estimate, rule)), element("div", ends, class_="soft")))


def _scale_ends(
    seen: Sequence[tuple[str, LookEffect]], end: Literal["low", "high"], scale: float
) -> list[tuple[str, float | None]]:
    """Return one end of the interval of each look; a gap where nothing bounds it."""
    ends = [(label, each.low if end == "low" else each.high) for label, each in seen]
    return [(label, None if number is None else scale * number) for label, number in ends]


def _score(each: LookEffect) -> float:
    return each.estimate / each.error if each.error else 0.0


def _write(number: float, rule: PlannedRule) -> str:
    text = f"{abs(number):.1%}" if rule.relative else f"{abs(number):.4g}"
    return f"{MINUS if number < 0 else '+'}{text}"
