"""What follows for a service from what was measured of it, as entries to append; nothing is read or written here."""

from collections.abc import Mapping, Sequence
from typing import Final

from shipway.app.release import Remembered
from shipway.core.body import EvidenceRecorded, ReleaseMoved, RetrainAsked, VerdictGiven
from shipway.core.canary import failed_answers, feature_lag, prediction_shift, shown_loss, slow_answers
from shipway.core.check import Evidence
from shipway.core.gate import Gate, Outcome, Verdict, decide, make_gate
from shipway.core.label import LabelKind
from shipway.core.projection import Judgement, ServiceState
from shipway.core.registry import Registry
from shipway.core.release import Release, next_move
from shipway.kit.canonical import digest_value

STANDARD: Final = make_gate(
    "canary",
    failed_answers(),
    slow_answers(over_ms=100),
    prediction_shift <= 0.25,
    feature_lag(over="30m") <= 0.05,
    shown_loss() <= 0.01,
    before="step",
)
"""What is asked before each step of a release where the project declares no gate for it."""
STANDARDS: Final[Mapping[LabelKind, Gate]] = {
    "condition": STANDARD,
    "number": make_gate(
        "canary of a number",
        failed_answers(),
        slow_answers(over_ms=100),
        prediction_shift <= 0.25,
        feature_lag(over="30m") <= 0.05,
        shown_loss("mean_absolute_error", relative=True) <= 0.02,
        before="step",
    ),
    "class": make_gate(
        "canary of a class",
        failed_answers(),
        slow_answers(over_ms=100),
        prediction_shift <= 0.25,
        feature_lag(over="30m") <= 0.05,
        shown_loss(relative=True) <= 0.02,
        before="step",
    ),
}
"""That gate for each kind of label: what a number's error may be is known to who knows its unit, so it is a share; so
is what a class's may be, of which there are two or sixty."""


def step_gates(registry: Registry, model: str, predicts: LabelKind = "condition") -> list[Gate]:
    """Return the gates before each step of a model's release: the project's, or the standard one where it has none.

    Args:
        registry: of the project.
        model: the model's name.
        predicts: which kind of label its versions predict.
    """
    return registry.gates_before("step", model) or [STANDARDS[predicts]]


def live_gates(registry: Registry, model: str) -> list[Gate]:
    """Return the gates that are asked about the live window of a model's service again and again."""
    return [gate for gate in registry.gates.values() if gate.every_us is not None and gate.covers(model)]


def is_due(gate: Gate, service: ServiceState, now: int) -> bool:
    """Tell whether a gate is to be asked about a service: once in each of its periods since the service was opened.

    Whoever was away for several periods asks once, about now.
    """
    if gate.every_us is None:
        return False
    given = [j.at for j in service.judgements.get(service.subject, []) if j.verdict.gate == gate.name]
    last = given[-1] if given else service.opened_at
    return (now - service.opened_at) // gate.every_us > (last - service.opened_at) // gate.every_us


def judge_live(
    gates: Sequence[Gate],
    due: Sequence[Gate],
    service: ServiceState,
    evidence: Mapping[str, Evidence],
    now: int,
    *,
    rest_us: int,
    learned: bool,
) -> list[Remembered]:
    """Return what is remembered of the gates that are due: evidence, verdicts, and the retrain that may follow.

    A retrain is asked for where a gate says so that fails, while nothing walks, and none was asked for lately: what was
    trained last must have had the time to show what it is worth.

    Args:
        gates: all gates on live windows.
        due: those of them that are asked now.
        service: the service.
        evidence: check name to what was measured of it.
        now: domain time, microseconds since 1970 UTC.
        rest_us: how long after a retrain was asked for, and after the stable version began to answer, none is asked
            for, in microseconds.
        learned: whether a version made now would have learned from anything that the stable one has not seen.
    """
    subject = service.subject
    verdicts = [decide(gate, subject, evidence) for gate in due]
    entries: list[Remembered] = [(subject, EvidenceRecorded(evidence=e, at=now)) for e in evidence.values()]
    names = tuple(gate.name for gate in gates)
    entries += [(subject, VerdictGiven(verdict=verdict, gates=names, at=now)) for verdict in verdicts]
    remedies = {gate.name for gate in due if gate.on_fail == "retrain"}
    failed = [verdict for verdict in verdicts if verdict.outcome == "fail" and verdict.gate in remedies]
    begun = [service.history[-1][0], *(retrain.asked_at for retrain in service.retrains)]
    rested = all(at + rest_us <= now for at in begun)
    if failed and learned and rested and service.walking is None:
        asked = RetrainAsked(
            service=service.name,
            model=service.model,
            verdict=digest_value(failed[0]),
            reason=f"gate {failed[0].gate}: {failed[0].reason}",
            at=now,
        )
        entries.append((f"service:{service.name}", asked))
    return entries


def judge_step(
    gates: Sequence[Gate],
    service: ServiceState,
    release: Release,
    evidence: Mapping[str, Evidence],
    now: int,
    held: Sequence[Verdict] = (),
) -> list[Remembered]:
    """Return what is remembered of the gates on the present step of a release: nothing where nothing changed.

    A verdict is remembered when it moves the release, and when a finding came out otherwise than the last time, so that
    a release that holds says why, and says it once. Evidence is remembered with the verdict that was decided on it.

    Args:
        gates: all gates before a step.
        service: the service.
        release: its release, walking.
        evidence: check name to what was measured of the step.
        now: domain time, microseconds since 1970 UTC.
        held: what experiments say that hold the step.
    """
    subject = release.subject
    verdicts = [*(decide(gate, subject, evidence) for gate in gates), *held]
    decisive = merge_verdicts(verdicts)
    move = next_move(release, decisive, now)
    known = service.judgements.get(subject, [])
    said = [verdict for verdict in verdicts if move is not None or _differs(verdict, known)]
    cited = {finding.evidence for verdict in said for finding in verdict.findings}
    entries: list[Remembered] = [
        (subject, EvidenceRecorded(evidence=each, at=now)) for each in evidence.values() if each.id in cited
    ]
    names = tuple(verdict.gate for verdict in verdicts)
    entries += [(subject, VerdictGiven(verdict=verdict, gates=names, at=now)) for verdict in said]
    if move is not None:
        weight = 0.0 if move.outcome == "rolled back" else release.walk[move.step].weight
        moved = ReleaseMoved(
            release=release.id,
            outcome=move.outcome,
            step=move.step,
            weight=weight,
            verdict=digest_value(decisive),
            reason=move.reason,
            at=now,
        )
        entries.append((f"release:{release.id}", moved))
    return entries


def merge_verdicts(verdicts: Sequence[Verdict]) -> Verdict:
    """Return several gates' verdicts on one subject as one, with all their findings; the only one as it is."""
    if len(verdicts) == 1:
        return verdicts[0]
    outcomes = {verdict.outcome for verdict in verdicts}
    outcome: Outcome = "fail" if "fail" in outcomes else "hold" if "hold" in outcomes else "pass"
    return Verdict(
        gate=", ".join(verdict.gate for verdict in verdicts),
        subject=verdicts[0].subject,
        outcome=outcome,
        findings=tuple(finding for verdict in verdicts for finding in verdict.findings),
    )


def _differs(verdict: Verdict, known: Sequence[Judgement]) -> bool:
    """Tell whether a verdict's findings came out otherwise than those of the same gate the last time."""
    before = [judgement.verdict for judgement in known if judgement.verdict.gate == verdict.gate]
    return not before or _outcomes(before[-1]) != _outcomes(verdict)


def _outcomes(verdict: Verdict) -> list[tuple[str, Outcome]]:
    return [(finding.rule, finding.outcome) for finding in verdict.findings]
