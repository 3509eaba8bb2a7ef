"""How experiments look on a terminal: their plans, what a look shows, and what was decided."""

import math
from typing import TYPE_CHECKING

from shipway.app.experiment.question import ExperimentLine, LayerLine
from shipway.cli.render import Cell, Console, show_facts, show_table, show_text, show_title, word, write_instant
from shipway.core.look import (
    Diluted,
    Look,
    LookEffect,
    Unbiased,
    write_counts,
    write_information,
    write_range,
    write_times,
)
from shipway.core.trial import PlannedRule, Trial, TrialPlan
from shipway.kit.duration import format_duration

if TYPE_CHECKING:
    from shipway.app.experiment.look import LookReport
    from shipway.app.experiment.planned import PlannedMetric
    from shipway.app.experiment.planning import ExperimentPlan


def show_lines(console: Console, experiments: list[ExperimentLine], layers: list[LayerLine], timezone: str) -> None:
    """Show every experiment and where it stands, and what is free of each layer."""
    if not experiments:
        console.print("no experiment yet: declare one with sw.experiment(...) in project.py")
        return
    rows = [
        (
            each.ref or each.name,
            word(each.state),
            f"{each.layer}, {each.share:.0%}",
            write_instant(each.since, timezone),
            f"{each.looks}" if each.looks else "",
            f"{each.information:.0%}" if each.looks else "",
            each.said,
        )
        for each in experiments
    ]
    show_table(console, ("experiment", "", "layer", "since", "looks", "in", "said"), rows)
    if layers:
        console.print()
        lines = [(each.name, each.unit, f"{each.holdout:.0%}", f"{each.free:.0%}") for each in layers]
        show_table(console, ("layer", "unit", "held out", "free"), lines)


def show_plan(console: Console, plan: "ExperimentPlan", timezone: str) -> None:
    """Show what an experiment would take."""
    past = f"{plan.past:,} units, {write_instant(plan.since, timezone)} to {write_instant(plan.until, timezone)}"
    days = f"{plan.days} days" if plan.days else "not reached"
    facts: dict[str, Cell] = {
        "measured on": past,
        "units": f"{plan.units:,} at most, all variants together"
        + (f", in {plan.clusters:,} clusters" if plan.clusters else ""),
        "taken in": f"{days}, of {plan.most_days} that it may take",
        "each watched": format_duration(plan.watched_us),
    }
    show_title(console, plan.experiment, "as it would begin now")
    show_facts(console, facts)
    console.print()
    header = ("metric", "is", "varies", "sharpened", "to be found", "takes", "power", "smallest found")
    alike = ("alike in a cluster",) if plan.clusters else ()
    rows = [(*_metric_row(each), *((f"{each.correlation:.3f}",) if plan.clusters else ())) for each in plan.metrics]
    show_table(console, (*header, *alike), rows)
    console.print()
    if plan.without:
        said = f"the past has no {plan.without}: what its groups explain is not reckoned with, and fewer units may do"
        show_text(console, said)
    said = "it would find what it is for" if plan.enough else f"it would not find its effect: {plan.reason}"
    show_text(console, said)
    guarded = [each for each in plan.metrics if each.role == "guardrail"]
    if plan.launch is not None and guarded:
        show_text(
            console,
            f"a variant that is as good as planned and harms nothing is launched in {plan.launch:.0%} of such"
            " experiments at least, since all guardrails have to be shown safe too",
        )


def _metric_row(each: "PlannedMetric") -> tuple[Cell, ...]:
    return (
        each.name if each.role == "metric" else f"{each.name} (guardrail)",
        f"{each.value:.4g}",
        f"{each.deviation:.4g}" if not each.events else "",
        f"{each.sharpened:.0%}" if not each.events else "",
        _write_effect(each.detect, relative=each.relative) if each.detect else "",
        _write_taken(each),
        "" if each.power is None or each.untold else f"{each.power:.0%}",
        _write_effect(each.smallest, relative=each.relative) if math.isfinite(each.smallest) else "none",
    )


def _write_taken(each: "PlannedMetric") -> str:
    """Return how many units a metric takes, and of a rare event how many events."""
    units = [] if each.units is None else [f"{each.units:,}"]
    return ", ".join([*units, *([f"{each.events:,} events"] if each.events else [])])


def show_registered(console: Console, trial: Trial, timezone: str) -> None:
    """Show what was registered when a run began."""
    show_title(console, trial.plan.ref, f"began {write_instant(trial.plan.at, timezone)}")
    show_facts(console, _plan_facts(trial.plan))
    console.print()
    says = "the holdout was assigned before" if trial.plan.against_holdout else "units are assigned from now on"
    show_text(console, f"the plan is registered and does not change; {says}")


def _plan_facts(plan: TrialPlan) -> dict[str, Cell]:
    total = sum(plan.variants.values())
    variants = ", ".join(f"{name} {weight / total:.0%}" for name, weight in plan.variants.items())
    days = f", about {plan.days} days" if plan.days else ""
    return {
        "variants": variants,
        **_layer_facts(plan),
        "design": f"{plan.spending.replace('_', '-')}, alpha {plan.alpha:g}, power {plan.power:g}",
        "units": f"{plan.units:,} at most{days}",
        **({"strata": plan.strata} if plan.strata else {}),
        **_event_facts(plan),
        **_assigned_facts(plan),
        "metrics": "\n".join(rule.text for rule in plan.rules if rule.role == "metric"),
        "guardrails": "\n".join(rule.text for rule in plan.rules if rule.role == "guardrail"),
    }


def _layer_facts(plan: TrialPlan) -> dict[str, Cell]:
    """Return what a run has of its layer; nothing where it compares what the layer holds out."""
    share = sum(high - low for low, high in plan.places) / 100
    said = f"{plan.layer}, {share:g}% of its units, {plan.holdout / 100:g}% held out"
    return {} if plan.against_holdout else {"layer": said}


def _event_facts(plan: TrialPlan) -> dict[str, Cell]:
    """Return how many events of rare ones are planned."""
    planned = [f"{rule.events:,} of {rule.name}" for rule in plan.rules if rule.events]
    what = "of the control and a variant" if len(plan.variants) > 2 else "of both variants"
    return {"events": f"{', '.join(planned)} at most, {what}"} if planned else {}


def _assigned_facts(plan: TrialPlan) -> dict[str, Cell]:
    """Return how units are assigned, where they do not meet a variant one by one and for good."""
    if plan.versions is not None:
        split = plan.versions
        versions = f"version {split.candidate} for {split.weight:.4g} of {plan.keys[0]}, else {split.stable}"
        return {"split by": f"service {split.service}, {split.release}: {versions}"}
    if plan.against_holdout:
        return {"split by": f"the holdout of layer {plan.layer}, {plan.holdout / 100:g}% of {' and '.join(plan.keys)}"}
    if plan.slot_us:
        return {"split by": f"time, {format_duration(plan.slot_us)} of each {' and '.join(plan.keys)}"}
    return {"split by": f"clusters, each {' and '.join(plan.keys)} as a whole"} if plan.clustered else {}


def show_report(console: Console, report: "LookReport", timezone: str) -> None:
    """Show what a look came to, and which units were left out."""
    plan = report.trial.plan
    if report.look is None:
        show_title(console, plan.ref, report.said)
        show_facts(console, {"met it": _write_units(plan, report.units)})
    else:
        _show_look(console, plan, report.look, timezone)
        if report.repeated:
            show_text(console, report.said)
    left = _left_out(report)
    if left:
        show_text(console, f"left out: units of which {', '.join(left)}")


def _left_out(report: "LookReport") -> list[str]:
    """Return which units were left out, and why, in clauses."""
    named = ", ".join(report.crossing[:3])
    clauses = (
        (report.crossed, f"met several variants ({named}{' and others' if report.crossed > 3 else ''})"),
        (report.misassigned, "met another variant than theirs"),
        (report.outside, "should have met none"),
        (report.ruled, "had their version by a rule of the service"),
    )
    return [f"{count:,} {said}" for count, said in clauses if count]


def _show_look(console: Console, plan: TrialPlan, look: Look, timezone: str) -> None:
    show_title(console, f"{plan.ref}, look {look.number}", f"known up to {write_instant(look.known, timezone)}")
    split = "as declared" if not look.broken else "broken"
    show_facts(console, {"met it": _write_units(plan, look.units), "split": f"{split} (p {look.ratio_p:.3g})"})
    if look.effects:
        console.print()
        header = ("", "effect", "is", "interval at all looks", "units", "in", "alpha spent")
        show_table(console, header, (_effect_row(plan, each) for each in look.effects))
        for each in look.effects:
            if each.unbiased is not None:
                show_text(console, _say_unbiased(plan, each, each.unbiased))
            if each.diluted is not None:
                show_text(console, _say_diluted(plan, each, each.diluted))
    console.print()
    console.print(word(look.outcome).append(f"  {look.said}", style="default"), soft_wrap=True)


def _say_unbiased(plan: TrialPlan, each: LookEffect, found: Unbiased) -> str:
    """Return an effect whose test has ended, with its looks allowed for."""
    rule = _rule_of(plan, each)
    ends = _write_ends(found.low, found.high, rule)
    name = each.name if len(plan.variants) == 2 else f"{each.name} of {each.variant}"
    return f"{name} with its looks allowed for: {_write_change(found.estimate, rule)} ({ends}, p {found.p:.2g})"


def _say_diluted(plan: TrialPlan, each: LookEffect, found: Diluted) -> str:
    """Return an effect on all units, where the variants differ for some of them."""
    rule = _rule_of(plan, each)
    estimate, ends = _write_change(found.estimate, rule), _write_ends(found.low, found.high, rule)
    name = each.name if len(plan.variants) == 2 else f"{each.name} of {each.variant}"
    return f"{name} of all units, {found.share:.0%} of whom it may change: {estimate} ({ends})"


def _effect_row(plan: TrialPlan, each: LookEffect) -> tuple[Cell, ...]:
    rule = _rule_of(plan, each)
    name = each.name if len(plan.variants) == 2 else f"{each.name} of {each.variant}"
    return (
        word(each.shown),
        name if each.role == "metric" else f"{name} (guardrail)",
        "" if each.events is not None and not each.events.total else _write_change(each.estimate, rule),
        _write_ends(each.low, each.high, rule),
        write_counts(each),
        write_information(each),
        f"{each.spent:.2g} of {each.alpha:.2g}",
    )


def show_run(console: Console, trial: Trial, timezone: str, walk: str = "") -> None:
    """Show one run: its plan, its looks, what was decided, and what that does to the walk of a service."""
    show_title(console, trial.plan.ref, f"{trial.state}, began {write_instant(trial.plan.at, timezone)}")
    show_facts(console, _plan_facts(trial.plan))
    for each in trial.looks:
        console.print()
        _show_look(console, trial.plan, each, timezone)
    if not trial.runs:
        console.print()
        show_decided(console, trial, walk)


def show_decided(console: Console, trial: Trial, walk: str = "") -> None:
    """Show how a run ended, and what that does to the walk of a service, which a split between versions has."""
    decided, stopped = trial.decided, trial.stopped
    if decided is not None:
        by = f"by {decided.by}, against the design" if decided.against else f"by {decided.by}"
        meets = f"everyone meets {decided.variant} from now on, {by}"
        if trial.plan.versions is not None:
            # Who gets which version is up to the walk of the release, which a decision moves only where it held it.
            meets = f"decided for {decided.variant}, {by}; {walk}"
        if trial.plan.against_holdout:
            meets = f"decided for {decided.variant}, {by}; whom layer {trial.plan.layer} holds out stays held out"
        show_title(console, trial.plan.ref, meets)
        show_text(console, decided.reason)
        if decided.against and trial.looks:
            show_text(console, f"the design said {trial.looks[-1].outcome}: {trial.looks[-1].said}")
    elif stopped is not None:
        show_title(console, trial.plan.ref, f"stopped by {stopped.by}: {stopped.reason}")


def _write_units(plan: TrialPlan, units: dict[str, int]) -> str:
    return ", ".join(f"{name} {units[name]:,}" for name in plan.variants)


def _rule_of(plan: TrialPlan, each: LookEffect) -> PlannedRule:
    return next(rule for rule in plan.rules if rule.name == each.name)


def _write_change(number: float, rule: PlannedRule) -> str:
    """Return an effect as it is read: of a rare event how many times as often it happens."""
    return write_times(number) if rule.events else _write_effect(number, relative=rule.relative, sign=True)


def _write_ends(low: float | None, high: float | None, rule: PlannedRule) -> str:
    """Return both ends of an effect; only those of a rare event may be open one by one."""
    if rule.events:
        return write_range(low, high)
    if low is None or high is None:
        return "nothing bounds it yet"
    return f"{_write_change(low, rule)} to {_write_change(high, rule)}"


def _write_effect(number: float, *, relative: bool, sign: bool = False) -> str:
    return f"{number:{'+' if sign else ''}.2%}" if relative else f"{number:{'+' if sign else ''}.4g}"
