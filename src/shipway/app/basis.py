"""What the verdicts on a version rest on: the rows it was judged on, their period, and what was measured there.

A version's test period is the one it was judged on, which need not be the one that shipway.toml names: a retrain judges
on the newest history, and dates in a file are edited.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from shipway.app.evaluation import Evaluated
from shipway.app.ingest import read_evidence
from shipway.app.runner import Runner
from shipway.core.body import RunStarted, read_body
from shipway.core.projection import RunState, State, VersionState

_STARTED: Final = "run-started"


@dataclass(frozen=True, slots=True)
class Basis:
    """What the verdicts on a version rest on.

    Attributes:
        predictions: digest of what the version predicted of the rows it was judged on.
        period: from and to (exclusive) of those rows, microseconds since 1970 UTC.
        evaluated: what was measured there, and what the gates before release said of it.
    """

    predictions: str
    period: tuple[int, int]
    evaluated: Evaluated


def find_basis(runner: Runner, version: VersionState) -> Basis | None:
    """Return what a version was judged on; None where it was not, or what was measured then is lost.

    An evaluation on rows that the version had learned from is none.
    """
    state = runner.workspace.state()
    verdicts = list(state.verdicts.get(version.subject, {}).values())
    cited = {finding.evidence for verdict in verdicts for finding in verdict.findings if finding.evidence}
    found: list[Basis] = []
    for run in _evaluations(state, version):
        predictions = run.inputs["predictions"]
        period = _find_period(runner, state, predictions, version.cut)
        if period is None or not runner.workspace.blobs.has(run.outputs["evidence"].digest):
            continue
        evidence = read_evidence(runner, run.outputs["evidence"])
        basis = Basis(predictions, period, Evaluated(evidence, run.outputs["profile"], verdicts))
        # A task that was known before leaves no new entry, so the newest need not be the one that was cited.
        if cited <= {each.id for each in evidence.values()}:
            return basis
        found.append(basis)
    return found[0] if found else None


def _evaluations(state: State, version: VersionState) -> list[RunState]:
    """Return the finished evaluations of a version, the newest first."""
    runs = [run for run in state.runs.values() if run.task == f"evaluate {version.ref}" and run.state == "finished"]
    return sorted(runs, key=lambda run: run.ended_at or run.started_at, reverse=True)


def _find_period(runner: Runner, state: State, predictions: str, cut: int) -> tuple[int, int] | None:
    """Return the period of predictions, of those after a cut; None where nothing says."""
    keys = {
        run.key
        for run in state.runs.values()
        if run.task.startswith("score ") and any(each.digest == predictions for each in run.outputs.values())
    }
    periods = _read_periods(runner, keys)
    return next((period for period in periods if period[0] >= cut), None)


def _read_periods(runner: Runner, keys: Collection[str]) -> list[tuple[int, int]]:
    """Return the periods that tasks were given, of which the projection keeps the keys only."""
    if not keys:
        return []
    bodies = (read_body(entry) for entry in runner.workspace.ledger.read() if entry.kind == _STARTED)
    found = [body.params["period"] for body in bodies if isinstance(body, RunStarted) and body.key in keys]
    return [(int(start), int(end)) for start, end in found]
