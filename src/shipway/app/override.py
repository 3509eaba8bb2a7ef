"""Overriding a gate on data: a named person lets one failure on one version of the data through, or takes that back."""

from collections.abc import Mapping
from contextlib import closing

from shipway.app.gate import data_gates
from shipway.app.project import Project
from shipway.app.status import INGEST
from shipway.app.workspace import Workspace
from shipway.core.admission import find_overrides, subject_of
from shipway.core.body import OverrideGiven, OverrideRevoked
from shipway.core.error import ShipwayError
from shipway.core.gate import Gate, Verdict
from shipway.core.override import Override
from shipway.core.projection import OverrideState
from shipway.core.table import MAIN
from shipway.kit.canonical import digest_value
from shipway.kit.suggestion import did_you_mean


def give_override(project: Project, gate: str, *, by: str, reason: str, data: str | None = None) -> OverrideState:
    """Let data be trained on that a gate did not pass, and remember who said so and why.

    It counts for exactly the data and the failure it is given for: on other data, by other rules, or where another rule
    fails, the gate is shut again. Nothing is measured or moved; the next run goes on.

    Args:
        project: whose.
        gate: a gate before training.
        by: who takes the responsibility; one of the gate's approvers where it names any.
        reason: why, in words.
        data: the data that is meant, such as `data:3f2a90c1b7de` or its first digits; by default what waits for the
            gate, or else what is on the main branch.

    Returns:
        The override as it is remembered; one that stood already is not given twice.

    Raises:
        ShipwayError: SW-104 for a gate that is not declared, SW-401 if there is no data, SW-405 for a gate that does
            not guard training, a person who may not, an empty name or reason, other data than was meant, or where no
            verdict by the present rules is against the data.
    """
    found = _find_gate(project, gate)
    name, said = _check_words(found, by, reason)
    with closing(Workspace(project)) as workspace:
        content = _find_data(workspace, data)
        state = workspace.state()
        verdict = _find_verdict(found, content, state.verdicts.get(subject_of(content), {}))
        standing = [o for o in find_overrides(state, found, verdict, content) if (o.by, o.reason) == (name, said)]
        if not standing:
            override = Override(
                gate=found.name,
                data=content,
                failure=verdict.failure,
                verdict=digest_value(verdict),
                against=tuple(finding.rule for finding in verdict.findings if finding.outcome != "pass"),
                by=name,
                reason=said,
            )
            state = workspace.remember((verdict.subject, OverrideGiven(override=override)))
            standing = [override]
        return state.overrides[standing[0].id]


def revoke_override(project: Project, override: str, *, by: str, reason: str) -> OverrideState:
    """Take an override back: nothing more is trained by right of it, and what was trained goes on showing it.

    Args:
        project: whose.
        override: its id, or the first digits of it.
        by: who; one of the gate's approvers where it is declared and names any.
        reason: why, in words.

    Raises:
        ShipwayError: SW-104 if there is no such override or several begin so, SW-405 if it is revoked already, for a
            person who may not, and for an empty name or reason.
    """
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        there = [name for name in state.overrides if override and name.startswith(override)]
        if len(there) != 1:
            fact = f"{'no override begins' if not there else 'several overrides begin'} with {override!r}"
            raise ShipwayError("SW-104", fact, did_you_mean(override, state.overrides))
        given = state.overrides[there[0]]
        gate = next((g for g in data_gates(project.registry) if g.name == given.override.gate), None)
        name, said = _check_words(gate, by, reason)
        if given.revoked_at is not None:
            raise ShipwayError(
                "SW-405",
                f"override {there[0]} was revoked by {given.revoked_by} already: {given.revoked_reason}",
                "there is nothing left to take back",
            )
        body = OverrideRevoked(override=there[0], by=name, reason=said)
        return workspace.remember((subject_of(given.override.data), body)).overrides[there[0]]


def _find_gate(project: Project, name: str) -> Gate:
    gates = {gate.name: gate for gate in data_gates(project.registry)}
    if name in gates:
        return gates[name]
    if name in project.registry.gates:
        raise ShipwayError(
            "SW-405",
            f"gate {name!r} does not guard training and cannot be overridden",
            f"only a gate on data can be: {', '.join(gates)}",
        )
    raise ShipwayError("SW-104", f"there is no gate {name!r}", did_you_mean(name, gates))


def _check_words(gate: Gate | None, by: str, reason: str) -> tuple[str, str]:
    """Return who and why without white space around; SW-405 where one is empty or the person may not."""
    name, said = by.strip(), reason.strip()
    if not name or not said:
        missing = "name of who takes the responsibility" if not name else "reason"
        raise ShipwayError("SW-405", f"the {missing} is empty", "write --by NAME --reason TEXT: both are remembered")
    if gate is not None and gate.approvers and name not in gate.approvers:
        raise ShipwayError(
            "SW-405", f"{name!r} is no approver of gate {gate.name!r}", did_you_mean(name, gate.approvers)
        )
    return name, said


def _find_data(workspace: Workspace, meant: str | None) -> str:
    """Return the digest of the data that waits, or is on main; SW-405 where another was meant."""
    heads = [workspace.tables.head(branch) for branch in (INGEST, MAIN)] if workspace.exists else []
    contents = [workspace.tables.get(head).data for head in heads if head is not None]
    if not contents:
        raise ShipwayError("SW-401", "there is no data yet", "shipway run ingests and checks it")
    if meant is None:
        return contents[0]
    digits = meant.removeprefix("data:")
    found = next((content for content in contents if digits and content.startswith(digits)), None)
    if found is None:
        there = " and ".join(dict.fromkeys(subject_of(content) for content in contents))
        raise ShipwayError("SW-405", f"{meant!r} is not the data here", f"here is {there}: look at it first")
    return found


def _find_verdict(gate: Gate, content: str, given: Mapping[str, Verdict]) -> Verdict:
    """Return the verdict to be overridden; SW-405 where there is none against the data by the present rules."""
    verdict, subject = given.get(gate.name), subject_of(content)
    if verdict is None or verdict.asked != gate.asked:
        why = "has given no verdict on" if verdict is None else "has other rules now than those it judged"
        raise ShipwayError("SW-405", f"gate {gate.name!r} {why} {subject}", "shipway run asks it; then look again")
    if verdict.outcome == "pass":
        raise ShipwayError(
            "SW-405", f"gate {gate.name!r} passed {subject}", "there is nothing to override: shipway run goes on"
        )
    return verdict
