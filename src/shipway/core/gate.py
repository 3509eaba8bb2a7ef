"""Gates decide on evidence: pass, fail, or hold where the evidence is not enough. They measure nothing themselves."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias, cast

import msgspec

from shipway.core.argument import take_name, take_names, take_width, write
from shipway.core.check import NOTHING_CAME, Check, Evidence, Operator, Rule, Subject, natural_rule
from shipway.core.error import ShipwayError
from shipway.core.measure import Labelled, LabelMaturity
from shipway.core.promise import refuse_unshown
from shipway.kit.canonical import digest_value
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Column, Operation

Outcome: TypeAlias = Literal["pass", "fail", "hold"]
Moment: TypeAlias = Literal["training", "release", "traffic", "step"]
MOMENTS: Final[tuple[Moment, ...]] = ("training", "release", "traffic", "step")
_SUBJECTS: Final[dict[Moment | None, Subject]] = {
    "training": "data",
    "release": "candidate",
    "traffic": "bundle",
    "step": "canary",
    None: "live",
}
Remedy: TypeAlias = Literal["alert", "retrain"]
REMEDIES: Final[tuple[Remedy, ...]] = ("alert", "retrain")


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that must all pass before something may happen.

    Attributes:
        name: the gate's name.
        rules: what is asked.
        before: what it guards: `training` (a verdict on data), `release` (a verdict on a candidate), `traffic` (a
            verdict on a bundle, before a release of it begins) or `step` (a verdict on a canary, before each step of a
            release); None for a gate that is asked again and again.
        every_us: how often it is asked about a service's live window; None for a gate that guards a moment.
        on_fail: what follows when it fails on a live window: an `alert`, or a `retrain`.
        approvers: who may override it, by name; empty for any person who gives a name. Only for a gate on data.
        mature: rules that rest on labels hold unless at least this share of the labels that come is sure to have come;
            0 to judge on those there are.
        models: names of the models it decides for; empty for all of them.
    """

    name: str
    rules: tuple[Rule, ...]
    before: Moment | None
    every_us: int | None = None
    on_fail: Remedy = "alert"
    approvers: tuple[str, ...] = ()
    mature: float = 0.0
    models: tuple[str, ...] = ()

    def covers(self, model: str) -> bool:
        """Tell whether it decides for a model, by its name."""
        return not self.models or model in self.models

    @property
    def asked(self) -> str:
        """Return the digest of what the gate asks, which a verdict of it carries: other rules, another digest."""
        return digest_value([self.rules, self.mature])


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule came to.

    Attributes:
        rule: the rule as written.
        outcome: what it came to.
        reason: one clause that gives the measured value beside the bound.
        evidence: id of the evidence it was decided on; None where there was none.
    """

    rule: str
    outcome: Outcome
    reason: str
    evidence: str | None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate decided about a subject, rule by rule.

    Attributes:
        gate: the gate's name.
        subject: what was judged, as `kind:name@version`.
        outcome: `fail` if a rule fails, else `hold` if one holds, else `pass`.
        findings: what each rule came to, in the gate's order.
        by: who decided: `gate`, or a named person.
        asked: digest of what the gate asked (`Gate.asked`); empty where it was no declared gate that decided.
    """

    gate: str
    subject: str
    outcome: Outcome
    findings: tuple[Finding, ...]
    by: str = "gate"
    asked: str = ""

    @property
    def reason(self) -> str:
        """Return the findings that kept the gate from passing, or how many rules passed."""
        against = [f"{f.rule}: {f.reason}" for f in self.findings if f.outcome == self.outcome]
        return f"all {len(self.findings)} rules pass" if self.outcome == "pass" else "; ".join(against)

    @property
    def failure(self) -> str:
        """Return the digest of what came out how: which gate, on what, by which rules, and what each came to.

        Verdicts that differ only in numbers that move with the clock, such as the age of the newest row, share it.
        """
        return digest_value([self.gate, self.subject, self.asked, [(f.rule, f.outcome) for f in self.findings]])


def make_gate(
    name: str,
    *rules: Rule | Check,
    before: str | None = None,
    every: str | None = None,
    on_fail: str = "alert",
    approvers: Sequence[str] = (),
    mature: float = 0.0,
    models: Sequence[str] = (),
) -> Gate:
    """Build a gate from rules and checks; a check by itself means its natural bound.

    Args:
        name: the gate's name.
        rules: what is asked.
        before: the moment it guards.
        every: in place of a moment, how often it is asked about a service's live window, such as `7d`.
        on_fail: what follows when it fails on a live window.
        approvers: who may override it, by name.
        mature: the share of labels that must have come for rules that rest on them.
        models: names of the models it decides for; empty for all of them.

    Raises:
        ShipwayError: SW-104 for an unknown moment, SW-105 for two different checks of one name, SW-106 for a gate
            without rules, a rule that is none, a metric without a bound, a rule on the wrong subject, or one on a
            load that is too short to ever pass.
    """
    name, every_us = take_name(name, "a gate's name"), None
    if (before is None) == (every is None):
        raise ShipwayError(
            "SW-106",
            f"gate {name!r} says neither or both of `before` and `every`",
            'write before="release" for a gate that guards a moment, or every="7d" for one on live windows',
        )
    if before is not None and take_name(before, f"`before` of gate {name!r}") not in MOMENTS:
        raise ShipwayError(
            "SW-104", f"gate {name!r} guards {before!r}, which is not a moment", did_you_mean(before, MOMENTS)
        )
    if every is not None:
        every_us = take_width(every, f"`every` of gate {name!r}")
    if on_fail not in REMEDIES:
        raise ShipwayError("SW-104", f"gate {name!r} has on_fail={on_fail!r}", did_you_mean(str(on_fail), REMEDIES))
    if on_fail != "alert" and every is None:
        raise ShipwayError(
            "SW-106", f"gate {name!r} guards a moment, so nothing follows but that it stays shut", "drop on_fail"
        )
    moment = cast("Moment | None", before)
    if not rules:
        raise ShipwayError("SW-106", f"gate {name!r} has no rules", "a gate without rules would pass anything: add one")
    expected = _SUBJECTS[moment]
    written = tuple(_point(_as_rule(name, rule), expected) for rule in rules)
    wrong = [rule for rule in written if rule.check.subject != expected]
    if wrong:
        when = f"guards {before}" if before else f"is asked every {every}"
        where = f"before {before}" if before else "on live windows"
        raise ShipwayError(
            "SW-106",
            f"gate {name!r} {when} and its rule {wrong[0]} measures {wrong[0].check.subject}",
            f"{where} only checks on {expected} can be measured",
        )
    for rule in written:
        refuse_unshown(rule)
    gate = Gate(
        name=name,
        rules=written,
        before=moment,
        every_us=every_us,
        on_fail=on_fail,
        approvers=_take_approvers(name, moment, approvers),
        mature=_take_mature(name, moment, mature),
        models=_take_models(name, moment, models),
    )
    checks_of([gate])
    return gate


def checks_of(gates: Sequence[Gate], *, also: Sequence[Check] = ()) -> list[Check]:
    """Return every check that gates decide on, each once, in order.

    Args:
        gates: whose rules.
        also: checks that are measured in any case, in front.

    Raises:
        ShipwayError: SW-105 for two different checks of one name: evidence is found by it, and one of the two would be
            decided on what the other measured.
    """
    checks: dict[str, Check] = {}
    for check in (*also, *(rule.check for gate in gates for rule in gate.rules)):
        if checks.setdefault(check.name, check).measure != check.measure:
            where = " and ".join(
                repr(gate.name) for gate in gates if any(r.check.name == check.name for r in gate.rules)
            )
            raise ShipwayError(
                "SW-105",
                f"{check.text} in gate {where} is called {check.name!r}, and so is another check",
                "evidence is found by a check's name: keep one of the two, or make them one",
            )
    return list(checks.values())


def decide(gate: Gate, subject: str, evidence: Mapping[str, Evidence]) -> Verdict:
    """Judge a subject: compare every rule's bound with the interval of its evidence.

    A rule passes when the whole interval is on the right side of the bound, fails when the whole interval is on the
    wrong side, and holds otherwise: also without evidence, without rows, or where a number is missing. What would pass
    on fewer rows than the check's plan asks for holds as well.

    Args:
        gate: what is asked.
        subject: what is judged, as `kind:name@version`.
        evidence: check name to what was measured about this subject.
    """
    findings = tuple(judge(rule, evidence.get(rule.check.name), mature=gate.mature) for rule in gate.rules)
    outcomes = {finding.outcome for finding in findings}
    outcome: Outcome = "fail" if "fail" in outcomes else "hold" if "hold" in outcomes else "pass"
    return Verdict(gate=gate.name, subject=subject, outcome=outcome, findings=findings, asked=gate.asked)


def judge(rule: Rule, evidence: Evidence | None, *, mature: float = 0.0) -> Finding:
    """Judge one rule on its evidence.

    Args:
        rule: what is asked.
        evidence: what was measured; None where nothing was.
        mature: for a rule that rests on labels, which share of those that come must be sure to have come.
    """
    if evidence is None:
        return Finding(rule=rule.text, outcome="hold", reason="nothing was measured", evidence=None)
    if evidence.facts.get(NOTHING_CAME) is True:
        return Finding(rule=rule.text, outcome="pass", reason=str(evidence.facts["said"]), evidence=evidence.id)
    if evidence.n == 0 or any(math.isnan(number) for number in (evidence.value, evidence.low, evidence.high)):
        said = evidence.facts.get("said", "there was nothing to measure")
        return Finding(rule=rule.text, outcome="hold", reason=str(said), evidence=evidence.id)
    right = _on_side(evidence.low, rule.op, rule.bound), _on_side(evidence.high, rule.op, rule.bound)
    outcome: Outcome = "pass" if all(right) else "hold" if any(right) else "fail"
    reason = _explain(evidence)
    if outcome == "pass" and evidence.n < evidence.needs:
        outcome, reason = "hold", f"{reason}; {evidence.n:,} of the {evidence.needs:,} that its plan asks for"
    if outcome == "fail" and isinstance(rule.check.measure, LabelMaturity):
        outcome = "hold"  # labels that have not come yet are no fault of what is judged
    if mature and isinstance(rule.check.measure, Labelled):
        came = evidence.facts.get("label_maturity", {}).get("low", 0.0)
        if came < mature:
            outcome, reason = "hold", f"{reason}; only {came:.1%} of the labels are sure to have come, not {mature:.1%}"
    return Finding(rule=rule.text, outcome=outcome, reason=reason, evidence=evidence.id)


def worst_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Return what several outcomes come to: `fail` if one fails, else `hold` if one holds, else `pass`."""
    found = set(outcomes)
    return "fail" if "fail" in found else "hold" if "hold" in found else "pass"


def _point(rule: Rule, subject: Subject) -> Rule:
    """Return a rule on the maturity of labels pointed at what its gate judges: one word serves them all."""
    measure = rule.check.measure
    if isinstance(measure, LabelMaturity) and not measure.last_us and subject == "canary":
        return msgspec.structs.replace(rule, check=msgspec.structs.replace(rule.check, subject=subject))
    return rule


def _take_mature(gate: str, before: Moment | None, mature: object) -> float:
    """Return the share of labels that must have come; SW-106 for no share, and for a gate that reads no labels."""
    if not isinstance(mature, int | float) or isinstance(mature, bool) or not 0 <= mature <= 1:
        raise ShipwayError("SW-106", f"gate {gate!r} has mature={mature!r}", "write a share, such as mature=0.95")
    if mature and before == "training":
        raise ShipwayError("SW-106", f"gate {gate!r} is on data, which rests on no label", "drop mature")
    return float(mature)


def _take_models(gate: str, before: Moment | None, models: Sequence[str]) -> tuple[str, ...]:
    """Return the models that a gate decides for; SW-106 for a gate on data, which is every model's."""
    if models and before == "training":
        raise ShipwayError("SW-106", f"gate {gate!r} is on data, which every model is trained on", "drop models")
    return tuple(dict.fromkeys(models))


def _take_approvers(gate: str, before: Moment | None, approvers: object) -> tuple[str, ...]:
    """Return who may override a gate; SW-106 for a name that is empty, and for a gate that nobody may override."""
    names = take_names(approvers, f"the approvers of gate {gate!r}")
    if names and before != "training":
        raise ShipwayError(
            "SW-106", f"gate {gate!r} names approvers and cannot be overridden", "only a gate before training can be"
        )
    if any(not name.strip() for name in names):
        raise ShipwayError("SW-106", f"an approver of gate {gate!r} has no name", 'name people, such as ["ana"]')
    return names


def _as_rule(gate: str, rule: object) -> Rule:
    match rule:
        case Rule():
            return rule
        case Check():
            return natural_rule(rule)
        case Column() | Operation():
            hint = f"a condition on data is a rule as sw.holds({write(rule)})"
        case bool():
            hint = "compare a check with >=, >, <= or <, not with ==; of a column write sw.holds(column.equals(x))"
        case _:
            hint = "give it checks, such as sw.unique(orders.order_id), or checks compared with a bound"
    raise ShipwayError("SW-106", f"gate {gate!r} has {write(rule)} among its rules", hint)


def _on_side(value: float, op: Operator, bound: float) -> bool:
    match op:
        case ">=":
            return value >= bound
        case ">":
            return value > bound
        case "<=":
            return value <= bound
        case "<":
            return value < bound


def _explain(evidence: Evidence) -> str:
    said = evidence.facts.get("said")
    if isinstance(said, str):
        return said
    if evidence.low == evidence.high:
        return f"{evidence.value:.6g} over {evidence.n:,} rows"
    groups = f" in {evidence.clusters:,} clusters" if evidence.clusters else ""
    return f"{evidence.value:.4f} [{evidence.low:.4f}, {evidence.high:.4f}], {evidence.n:,} rows{groups}"
