"""Gates before traffic: what a version has to show under load before it answers anybody."""

from typing import NamedTuple

from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.gate import Gate
from shipway.core.projection import State, VersionState
from shipway.core.registry import Registry


class Missing(NamedTuple):
    """A gate before traffic that has not let a version pass, and why not."""

    gate: str
    reason: str


def traffic_gates(registry: Registry, model: str) -> list[Gate]:
    """Return the gates before traffic that decide for a model; most have none, and then nothing is asked."""
    return registry.gates_before("traffic", model)


def name_subject(version: VersionState) -> str:
    """Return what evidence on a version's bundle is about; a version's model is a subject of its own."""
    return f"bundle:{version.ref}"


def find_missing(workspace: Workspace, state: State, version: VersionState) -> Missing | None:
    """Return the first gate before traffic that a version has not passed as it asks now; None where there is none."""
    given = state.verdicts.get(name_subject(version), {})
    for gate in traffic_gates(workspace.project.registry, version.model):
        verdict = given.get(gate.name)
        if verdict is None:
            return Missing(gate.name, "it was not asked yet")
        if verdict.asked != gate.asked:
            return Missing(gate.name, "its rules are others since it was asked")
        if verdict.outcome != "pass":
            return Missing(gate.name, verdict.reason)
    return None


def require_traffic(workspace: Workspace, state: State, version: VersionState) -> None:
    """Refuse a version that a gate before traffic did not let pass; SW-404 with the gate and its reason."""
    missing = find_missing(workspace, state, version)
    if missing is not None:
        fact = f"gate {missing.gate!r} before traffic has not let {version.ref} pass: {missing.reason}"
        raise ShipwayError("SW-404", fact, f"shipway load gate {version.ref} puts it under load and asks the gate")
