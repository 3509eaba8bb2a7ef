"""What the gates of a project would say now: data gates measured anew, release gates on their newest evidence."""

from contextlib import closing

import msgspec

from shipway.app.ingest import data_gates, read_contents, tables_before
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.data_measure import reads_main
from shipway.core.error import ShipwayError
from shipway.core.gate import Gate, Outcome, Verdict, decide
from shipway.core.projection import State, VersionState
from shipway.data.check import measure_tables
from shipway.kit.canonical import digest_value
from shipway.kit.suggestion import did_you_mean


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates of a project say.

    Attributes:
        outcome: `fail` if a gate fails for the data or for the newest version of a model, else `hold` likewise.
        verdicts: every verdict, data first, then the versions in order.
    """

    outcome: Outcome
    verdicts: list[Verdict]


def check_project(project: Project, gate: str | None = None) -> Checked:
    """Ask the gates of a project: those before training on the main branch, those before release on every version.

    Data is measured anew, so a gate on freshness may say something else than when the data was admitted. A version's
    gates are asked on the evidence that is remembered of it. Nothing is written.

    Args:
        project: whose gates.
        gate: only this one.

    Raises:
        ShipwayError: SW-104 for a gate that is not declared, SW-401 if no data was ever admitted, SW-403 for a check
            that cannot be measured.
    """
    before_training = data_gates(project.registry)
    before_release = [each for each in project.registry.gates.values() if each.before == "release"]
    names = [each.name for each in (*before_training, *before_release)]
    if gate is not None and gate not in names:
        raise ShipwayError("SW-104", f"there is no gate {gate!r}", did_you_mean(gate, names))
    chosen = [each for each in before_training if gate in (None, each.name)]
    with closing(Workspace(project)) as workspace:
        verdicts = _judge_data(workspace, chosen) if chosen else []
        state = workspace.peek()
    decisive = list(verdicts)
    for versions in state.models.values():
        for version in versions:
            given = [_judge_version(state, each, version) for each in before_release if gate in (None, each.name)]
            verdicts.extend(given)
            if version is versions[-1]:
                decisive.extend(given)
    outcomes = {verdict.outcome for verdict in decisive}
    outcome: Outcome = "fail" if "fail" in outcomes else "hold" if "hold" in outcomes or not decisive else "pass"
    return Checked(outcome=outcome, verdicts=verdicts)


def _judge_data(workspace: Workspace, gates: list[Gate]) -> list[Verdict]:
    commit = workspace.main_commit()
    subject, snapshots = f"data:{commit.id[:12]}", commit.tables
    checks = list({rule.check.name: rule.check for gate in gates for rule in gate.rules}.values())
    before = tables_before(workspace, commit.id) if any(reads_main(check.measure) for check in checks) else {}
    measured = measure_tables(
        checks,
        read_contents(workspace, checks, dict(snapshots), before),
        subject=subject,
        now=workspace.now,
        log_digest=digest_value({name: snapshot.digest for name, snapshot in snapshots.items()}),
    )
    evidence = {name: found.evidence for name, found in measured.items()}
    return [decide(gate, subject, evidence) for gate in gates]


def _judge_version(state: State, gate: Gate, version: VersionState) -> Verdict:
    """Return the verdict remembered, or, if the gate has other rules by now, what they say of the evidence there is."""
    given = state.verdicts.get(version.subject, {}).get(gate.name)
    if given is not None and [finding.rule for finding in given.findings] == [rule.text for rule in gate.rules]:
        return given
    return decide(gate, version.subject, version.evidence)
