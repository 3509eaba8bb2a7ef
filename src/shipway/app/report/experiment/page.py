"""The page: what an experiment came to in one sentence, then its evidence, look by look, day by day and by slices."""

from collections.abc import Iterator
from typing import Final

from shipway.app.experiment.detail import ExperimentDetail, SlicedEffect
from shipway.app.report.element import Child, Markup, badge, code, element, fold, join, table, tile, words
from shipway.app.report.experiment.effect import measured_of, show_effects, write_change, write_ends
from shipway.app.report.experiment.look import show_looks
from shipway.app.report.number import write_day, write_instant, write_p
from shipway.app.report.sheet import Section, make_sheet
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.core.experiment import MOST_CROSSED, PLACES, RATIO_ALPHA
from shipway.core.look import Look
from shipway.core.trial import PlannedRule, Trial, TrialPlan
from shipway.kit.duration import format_duration
from shipway.ports.chart import Charts, Series

_STATES: Final = {"pass": "launch", "fail": "keep the control", "hold": "not decided"}
_HELD_STATES: Final = {"pass": "worth it", "fail": "not worth it", "hold": "not decided"}


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
    yield "effects", "Effects", show_effects(trial.plan, looks[-1]) if looks else None
    yield "looks", "Look by look", show_looks(trial, looks, timezone, charts) if trial.looks else None
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
        if trial.plan.versions is not None or trial.plan.against_holdout:
            return f"Decided for {each.variant}, {who}: {each.reason}.{design}"
        return f"Everyone meets {each.variant}, {who}: {each.reason}.{design}"
    if trial.stopped is not None:
        return f"Stopped by {trial.stopped.by}: {trial.stopped.reason}. {said}"
    return said


def _tiles(trial: Trial, last: Look) -> Iterator[Markup]:
    plan = trial.plan
    said = _HELD_STATES if plan.against_holdout else _STATES
    yield tile("Says", said[last.outcome], last.variant or f"look {last.number}")
    total = sum(last.units.values())
    yield tile("Units met it", f"{total:,}", f"of {plan.units:,} at most")
    split = "broken" if last.broken else "as declared"
    yield tile("Split", split, f"p {write_p(last.ratio_p)}, may be watched")
    for each in last.effects[:1]:
        yield tile("Alpha spent", f"{each.spent:.3f}", f"of {each.alpha:.3g} for {each.name}")


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
    measured = [measured_of(each) for each in sliced.slices]
    span = span_of([each for each in measured if each is not None], 0.0)
    rows = [
        (
            each.value,
            write_change(each.estimate, rule),
            "" if drawn is None else draw_whisker(drawn, span, tone="main" if each.marked else "hold", bound=0.0),
            write_ends(each.low, each.high, rule),
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
    caps = [f"{rule.name} at {rule.cap:.6g}" for rule in plan.rules if rule.cap is not None]
    facts: list[tuple[str, Child]] = [
        ("Variants", ", ".join(f"{name} {weight / total:.0%}" for name, weight in plan.variants.items())),
        ("Split by", _say_split(plan)),
        ("Layer", _say_layer(plan)),
        ("Design", f"{plan.spending.replace('_', '-')}, alpha {plan.alpha:g}, power {plan.power:g}"),
        ("Largest number of units", f"{plan.units:,}{f', expected in {plan.days} days' if plan.days else ''}"),
        ("Began", write_instant(plan.at, timezone)),
        ("Registered", f"{write_day(trial.registered_at, timezone)}, by {trial.by}"),
        ("Values capped", ", ".join(caps)),
        ("Taken out of metrics", f"the groups of {plan.strata}" if plan.strata else ""),
        ("Largest number of events", ", ".join(f"{rule.name} {rule.events:,}" for rule in plan.rules if rule.events)),
    ]
    pairs = [join((element("dt", name), element("dd", fact))) for name, fact in facts if fact]
    rules = [(rule.role, code(rule.text), _detect(rule)) for rule in plan.rules]
    head = ("", "As registered", "Smallest worth finding")
    return join((element("dl", *pairs, class_="facts"), table(head, rules, class_="tight")))


def _say_layer(plan: TrialPlan) -> str:
    """Return what a run has of its layer; empty where it takes nothing of one."""
    if plan.versions is not None or plan.against_holdout:
        return ""
    share = sum(high - low for low, high in plan.places) / PLACES
    return f"{plan.layer}: {share:.1%} of its units, {plan.holdout / PLACES:.1%} held out"


def _say_split(plan: TrialPlan) -> str:
    """Return how units are assigned, where they do not meet a variant one by one and for good."""
    keys = " and ".join(plan.keys)
    if plan.versions is not None:
        split = plan.versions
        return (
            f"service {split.service}, which answers {split.weight:.4g} of each {keys} with version {split.candidate}"
            f" and the others with version {split.stable} ({split.release})"
        )
    if plan.against_holdout:
        return (
            f"the holdout of layer {plan.layer}, {plan.holdout / PLACES:.1%} of each {keys}, which meets nothing of it"
        )
    if plan.slot_us:
        return f"time: each {format_duration(plan.slot_us)} of each {keys} is assigned anew"
    return f"clusters: each {keys} is assigned as a whole, and errors are those of clusters" if plan.clustered else ""


def _detect(rule: PlannedRule) -> str:
    return "" if not rule.detect else f"{rule.detect:.1%}" if rule.relative else f"{rule.detect:g}"
