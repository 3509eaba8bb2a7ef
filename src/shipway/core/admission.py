"""Whether data may be trained on: only by right of a verdict on exactly this data, or of an override of exactly that.

The one rule that every way to training asks. It is a function of what the ledger says, of the gates as they are
declared now, and of the content of the data, so that it is the same however the data came to where it is.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.gate import Gate, Outcome, Verdict, worst_of
from shipway.core.override import Override
from shipway.core.projection import State

Obstacle: TypeAlias = Literal["no verdict", "other data", "other rules", "fail", "hold"]
"""Why a gate does not let data through: it was never asked, or about other data only, or by other rules; it failed; it
holds."""
_DIGITS = 12


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate has against training on some data.

    Attributes:
        gate: the gate.
        obstacle: what kind of thing it is.
        fact: the same in words.
        lost: an override that would have lifted it, if it were on this data and this failure, in words; else empty.
    """

    gate: str
    obstacle: Obstacle
    fact: str
    lost: str = ""


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates on data have to say about one version of it.

    Attributes:
        data: digest of the data.
        verdicts: what the gates said of it, by the rules they have now, in order.
        overrides: the overrides that let it through where a gate did not.
        refusals: what is left against it; nothing if it may be trained on.
    """

    data: str
    verdicts: tuple[Verdict, ...]
    overrides: tuple[Override, ...]
    refusals: tuple[Refusal, ...]

    @property
    def granted(self) -> bool:
        """Tell whether the data may be trained on."""
        return not self.refusals

    @property
    def subject(self) -> str:
        """Return what verdicts on the data are about."""
        return subject_of(self.data)

    @property
    def outcome(self) -> Outcome:
        """Return what the gates come to, an override counting as a pass."""
        lifted = {override.gate for override in self.overrides}
        told: list[Outcome] = [verdict.outcome for verdict in self.verdicts if verdict.gate not in lifted]
        unasked = {refusal.gate for refusal in self.refusals} - {verdict.gate for verdict in self.verdicts}
        return "hold" if unasked and worst_of(told) == "pass" else worst_of(told)


def subject_of(data: str) -> str:
    """Return what verdicts on data of a digest are about."""
    return f"data:{data[:_DIGITS]}"


def ask_admission(state: State, gates: Sequence[Gate], data: str) -> Admission:
    """Ask every gate whether data may be trained on.

    Args:
        state: what the ledger says.
        gates: the gates before training as they are declared now.
        data: digest of the data.
    """
    given = state.verdicts.get(subject_of(data), {})
    verdicts: list[Verdict] = []
    overrides: list[Override] = []
    refusals: list[Refusal] = []
    for gate in gates:
        verdict = given.get(gate.name)
        if verdict is None or verdict.asked != gate.asked:
            refusals.append(_refuse_unasked(state, gate, verdict, data))
            continue
        verdicts.append(verdict)
        if verdict.outcome == "pass":
            continue
        lifting = find_overrides(state, gate, verdict, data)
        overrides += lifting
        if not lifting:
            refusals.append(_refuse_verdict(state, verdict))
    return Admission(data=data, verdicts=tuple(verdicts), overrides=tuple(overrides), refusals=tuple(refusals))


def recall_admission(state: State, data: str) -> Admission:
    """Return what the ledger alone says of data, without the gates as they are declared now, which only a run asks.

    For readers that load no project file: what it grants may still be refused by a gate that has other rules by now.
    """
    verdicts = tuple(state.verdicts.get(subject_of(data), {}).values())
    overrides: list[Override] = []
    refusals: list[Refusal] = []
    for verdict in verdicts:
        if verdict.outcome != "pass":
            exact = [o for o in _standing(state) if (o.data, o.failure) == (data, verdict.failure)]
            overrides += exact
            refusals += [] if exact else [_refuse_verdict(state, verdict)]
    if not verdicts:
        fact = f"no gate has given a verdict on {subject_of(data)}, which is on the main branch"
        refusals.append(Refusal(gate="", obstacle="no verdict", fact=fact))
    return Admission(data=data, verdicts=verdicts, overrides=tuple(overrides), refusals=tuple(refusals))


def find_overrides(state: State, gate: Gate, verdict: Verdict, data: str) -> list[Override]:
    """Return the overrides that lift one verdict: on this data and this failure, not revoked, by somebody who may.

    Args:
        state: what the ledger says.
        gate: the gate as it is declared now.
        verdict: what it said.
        data: full digest of the data it said it of.
    """
    exact = [o for o in _standing(state) if (o.gate, o.data, o.failure) == (gate.name, data, verdict.failure)]
    return [override for override in exact if not gate.approvers or override.by in gate.approvers]


def refuse_unadmitted(admission: Admission) -> None:
    """Refuse data that may not be trained on.

    Raises:
        ShipwayError: SW-401 with what the first gate has against it, and what to do.
    """
    if admission.granted:
        return
    first = admission.refusals[0]
    judged = first.obstacle in ("fail", "hold")
    hint = f"shipway check {first.gate} --rows shows what is wrong" if judged else "shipway run asks the gates again"
    if first.lost:
        hint = f"{hint}; {first.lost}"
    raise ShipwayError("SW-401", first.fact, hint)


def _standing(state: State) -> list[Override]:
    return [each.override for each in state.overrides.values() if each.revoked_at is None]


def _refuse_unasked(state: State, gate: Gate, verdict: Verdict | None, data: str) -> Refusal:
    subject = subject_of(data)
    if verdict is not None:
        fact = f"the verdict of gate {gate.name!r} on {subject} is by other rules than it has now"
        return Refusal(gate=gate.name, obstacle="other rules", fact=fact, lost=_lost(state, gate.name))
    elsewhere = any(gate.name in said for name, said in state.verdicts.items() if name.startswith("data:"))
    if elsewhere:
        fact = f"gate {gate.name!r} gave its verdict on other data, and none on {subject}, which is on the main branch"
        return Refusal(gate=gate.name, obstacle="other data", fact=fact, lost=_lost(state, gate.name))
    fact = f"gate {gate.name!r} has given no verdict on {subject}, which is on the main branch"
    return Refusal(gate=gate.name, obstacle="no verdict", fact=fact)


def _refuse_verdict(state: State, verdict: Verdict) -> Refusal:
    outcome = "fail" if verdict.outcome == "fail" else "hold"
    said = "failed" if outcome == "fail" else "holds"
    fact = f"gate {verdict.gate!r} {said} on {verdict.subject}: {verdict.reason}"
    return Refusal(gate=verdict.gate, obstacle=outcome, fact=fact, lost=_lost(state, verdict.gate))


def _lost(state: State, gate: str) -> str:
    """Return that there are overrides of a gate which do not count here, which nobody then looks for in vain."""
    there = [each.override for each in state.overrides.values() if each.override.gate == gate]
    return (
        f"override {there[-1].id} by {there[-1].by} is not on this data and this failure, or is void" if there else ""
    )
