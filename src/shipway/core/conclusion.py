"""From intervals to a decision: what a look at an experiment shows of each metric, and what follows, in words.

A variant is launched when at least one metric is shown better, none is shown worse, and every guardrail is shown to
keep its margin (the decision rule of Schultzberg, Ankargren and Frånberg 2024, "Risk-aware product decisions in A/B
tests with multiple metrics"). It is not launched when a metric is shown worse, a guardrail is shown to break its
margin, or effects as great as planned are ruled out. Anything else is not decided yet.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shipway.core.check import Rule
from shipway.core.effect import Effect, Role
from shipway.core.experiment import effect_of
from shipway.core.gate import Finding, Outcome, Verdict
from shipway.core.look import Events, LookEffect, Shown, write_span, write_times
from shipway.core.release import Release
from shipway.core.service import CANDIDATE
from shipway.core.trial import Trial, TrialPlan, VersionSplit

MINUS: Final = "−"
_OUTCOMES: Final[dict[Shown, Outcome]] = {
    "better": "pass",
    "safe": "pass",
    "worse": "fail",
    "ruled out": "fail",
    "open": "hold",
}


def read_interval(rule: Rule, role: Role, low: float | None, high: float | None) -> Shown:
    """Return what an interval shows of a rule.

    Args:
        rule: what is asked.
        role: whether it is a metric or a guardrail.
        low: lower end of the interval; None where nothing bounds it from below.
        high: upper end; None where nothing bounds it from above.
    """
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    up = rule.op in (">", ">=")
    if (low > rule.bound) if up else (high < rule.bound):
        return "better" if role == "metric" else "safe"
    if (high < rule.bound) if up else (low > rule.bound):
        return "worse"
    detect = effect_of(rule).detect
    if role == "metric" and detect and ((high < rule.bound + detect) if up else (low > rule.bound - detect)):
        return "ruled out"
    return "open"


def settle(effects: Sequence[LookEffect]) -> Outcome:
    """Return what all effects of one variant come to."""
    metrics = [each.shown for each in effects if each.role == "metric"]
    guardrails = [each.shown for each in effects if each.role == "guardrail"]
    if "worse" in (*metrics, *guardrails) or all(shown == "ruled out" for shown in metrics):
        return "fail"
    return "pass" if "better" in metrics and all(shown == "safe" for shown in guardrails) else "hold"


def choose(effects: Sequence[LookEffect], rules: Mapping[str, Rule]) -> tuple[Outcome, str]:
    """Return what an experiment comes to, and the variant to launch: of several, the best by the first metric.

    Args:
        effects: of all variants.
        rules: metric to what is asked of it.
    """
    by_variant: dict[str, list[LookEffect]] = {}
    for each in effects:
        by_variant.setdefault(each.variant, []).append(each)
    outcomes = {variant: settle(mine) for variant, mine in by_variant.items()}
    passed = [variant for variant, outcome in outcomes.items() if outcome == "pass"]
    if not passed:
        return ("fail" if set(outcomes.values()) == {"fail"} else "hold"), ""

    def worth(variant: str) -> float:
        first = by_variant[variant][0]
        return first.estimate if rules[first.name].op in (">", ">=") else -first.estimate

    return "pass", max(passed, key=worth)


def give_verdict(
    plan: TrialPlan, asked: str, effects: Sequence[LookEffect], rules: Mapping[str, Rule], outcome: Outcome
) -> Verdict:
    """Return the verdict of a look: each rule's finding, and the outcome."""
    several = len(plan.variants) > 2
    findings = tuple(
        Finding(
            rule=f"{rules[each.name].text}{f' of {each.variant}' if several else ''}",
            outcome=_OUTCOMES[each.shown],
            reason=say_effect(each, rules[each.name], plan),
            evidence=each.evidence,
        )
        for each in effects
    )
    return Verdict(gate=plan.experiment, subject=plan.subject, outcome=outcome, findings=findings, asked=asked)


def hold_walk(trials: Iterable[Trial], release: Release) -> list[Verdict]:
    """Return what experiments say of the present step of a release that they hold: nothing where none does.

    One that runs holds it; one that was decided lets it go on for the candidate, and takes it back for the stable
    version. One that was stopped says nothing.

    Args:
        trials: runs of experiments.
        release: a release that walks.
    """
    found: list[Verdict] = []
    for trial in trials:
        split, decided = trial.plan.versions, trial.decided
        mine = split is not None and split.holds and (split.release, split.since) == (release.id, release.since)
        if not mine or trial.stopped is not None:
            continue
        outcome: Outcome = "hold" if decided is None else "pass" if decided.variant == CANDIDATE else "fail"
        said = trial.looks[-1].said if trial.looks else "nobody looked at it yet"
        reason = said if decided is None else f"decided for {decided.variant} by {decided.by}: {decided.reason}"
        finding = Finding(rule=f"{trial.plan.ref} is decided", outcome=outcome, reason=reason, evidence=None)
        found.append(
            Verdict(gate=f"experiment {trial.plan.ref}", subject=release.subject, outcome=outcome, findings=(finding,))
        )
    return found


def say_walk(split: VersionSplit, variant: str, release: Release) -> str:
    """Return what a decision does to the walk whose split was compared, or what has become of that walk, as a clause.

    Args:
        split: that was compared.
        variant: what was decided for.
        release: the walk as it is now.
    """
    if release.outcome != "walking":
        return f"the walk of {release.id} has ended: version {split.candidate} was {release.outcome}"
    if release.since != split.since:
        return f"the walk of {release.id} is at {release.walk[release.step].name}"
    if not split.holds:
        return f"service {split.service} answers as its walk goes"
    return f"the walk of {release.id} goes {'on' if variant == CANDIDATE else 'back'}"


def say_look(
    plan: TrialPlan,
    effects: Sequence[LookEffect],
    rules: Mapping[str, Rule],
    outcome: Outcome,
    variant: str,
    *,
    final: bool,
) -> str:
    """Return what a look comes to, with its reason, as one sentence without a full stop."""
    if outcome == "pass":
        mine = [each for each in effects if each.variant == variant]
        why = [each for each in mine if each.shown in ("better", "safe")]
        what = "what was launched is worth it" if plan.against_holdout else f"launch {variant}"
        return f"{what}: {_join(say_effect(each, rules[each.name], plan) for each in why)}"
    if outcome == "fail":
        against = [each for each in effects if each.shown in ("worse", "ruled out")]
        what = "what was launched is not worth it" if plan.against_holdout else f"keep {plan.control}"
        return f"{what}: {_join(say_effect(each, rules[each.name], plan) for each in against)}"
    if final:
        left = [each for each in effects if each.shown == "open"] or effects
        said = _join(say_effect(each, rules[each.name], plan) for each in left)
        return f"{say_all_in(effects)} are in and not everything is shown: {said}; a person decides"
    said = _join(say_effect(each, rules[each.name], plan) for each in effects if each.shown != "safe")
    slowest = min((each for each in effects if each.role == "metric"), key=lambda each: each.information)
    what = "units" if slowest.events is None else "events"
    return f"not decided yet, with {slowest.information:.0%} of the planned {what} in: {said}"


def say_all_in(effects: Iterable[LookEffect]) -> str:
    """Return what is in at a look after which nothing is left: the planned events where they ended it, else units."""
    counted = [each.events for each in effects]
    ended = all(each is not None and each.total >= each.planned for each in counted)
    return f"all planned {'events' if ended else 'units'}"


def say_broken(plan: TrialPlan, units: Mapping[str, int], p: float) -> str:
    """Return that a split is not as declared, as one sentence without a full stop."""
    what = " clusters" if plan.clustered else ""
    counts = " and ".join(f"{n:,}{what} met {variant}" for variant, n in units.items())
    ratio = ":".join(f"{weight:g}" for weight in plan.variants.values())
    return f"the split is broken: {counts}, and {ratio} was declared (p {p:.1g}); no effect was looked at"


def say_crossed(crossed: int, kept: int, names: Sequence[str]) -> str:
    """Return that too many units met several variants, as one sentence without a full stop."""
    first = ", ".join(names[:3])
    return (
        f"{crossed:,} of {crossed + kept:,} units met several variants ({first}{' and others' if crossed > 3 else ''}),"
        " so what they met first is not what they went on with; no effect was looked at"
    )


def say_effect(effect: LookEffect, rule: Rule, plan: TrialPlan) -> str:
    """Return what a look says of one metric, as a clause."""
    measure = effect_of(rule)
    of = f" with {effect.variant}" if len(plan.variants) > 2 else ""
    if effect.events is not None:
        return _say_events(effect, effect.events, rule, of)
    interval = "which nothing bounds yet"
    if effect.low is not None and effect.high is not None:
        interval = f"{_write(effect.low, measure)} to {_write(effect.high, measure)}"
    sign = "higher" if effect.estimate >= 0 else "lower"
    said = f"{effect.name} is {_write(abs(effect.estimate), measure, sign=False)} {sign}{of} ({interval})"
    match effect.shown:
        case "safe":
            return f"{said}, inside its margin of {_write(rule.bound, measure)}"
        case "worse" if effect.role == "guardrail":
            return f"{said}, beyond its margin of {_write(rule.bound, measure)}"
        case "ruled out":
            planned = _write(measure.detect, measure, sign=False)
            return f"{said}, which rules out the {planned} that the experiment was for"
        case _:
            return said


def _say_events(effect: LookEffect, events: Events, rule: Rule, of: str) -> str:
    """Return what a look says of a rare event, as a clause."""
    if not events.total:
        return f"{effect.name} never happened yet"
    counted = f"{events.variant:,} against {events.control:,}"
    said = f"{effect.name} is {write_times(effect.estimate)} as frequent{of} ({counted}, {write_span(effect)})"
    detect = effect_of(rule).detect
    match effect.shown:
        case "safe":
            return f"{said}, inside its margin of {write_times(rule.bound)}"
        case "worse" if effect.role == "guardrail":
            return f"{said}, beyond its margin of {write_times(rule.bound)}"
        case "ruled out":
            planned = write_times(rule.bound + (detect if rule.op in (">", ">=") else -detect))
            return f"{said}, which rules out the {planned} that the experiment was for"
        case _:
            return said


def _write(number: float, measure: Effect, *, sign: bool = True) -> str:
    """Return an effect as people read it: in per cent where it is in parts of the control's value."""
    text = f"{abs(number):.1%}" if measure.relative else f"{abs(number):.4g}"
    zero = not any(digit in text for digit in "123456789")
    return text if zero or not sign else f"{MINUS if number < 0 else '+'}{text}"


def _join(clauses: Iterable[str]) -> str:
    parts = list(clauses)
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
