"""What the gates of a project would say now: data gates measured anew, release gates on their newest evidence."""

from contextlib import closing
from typing import Any

import msgspec

from shipway.app.gate import data_gates
from shipway.app.ingest import read_contents, tables_before
from shipway.app.project import Project
from shipway.app.status import INGEST, is_admitted
from shipway.app.workspace import Workspace
from shipway.core.admission import Refusal, ask_admission, find_overrides, subject_of
from shipway.core.check import Evidence
from shipway.core.data_measure import reads_main
from shipway.core.error import ShipwayError
from shipway.core.gate import Gate, Outcome, Verdict, checks_of, decide, worst_of
from shipway.core.projection import OverrideState, State, VersionState
from shipway.core.table import MAIN, Commit
from shipway.data.check import measure_tables
from shipway.kit.suggestion import did_you_mean


class FailingRows(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the rows that a rule on data is broken by: on which data, by which rule, and the rows as they are."""

    subject: str
    rule: str
    rows: list[dict[str, Any]]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the gates of a project say.

    Attributes:
        outcome: `fail` if a gate fails for the data or for the newest version of a model, else `hold` likewise; a gate
            on data that a person overrode counts as passed.
        verdicts: every verdict, data first, then the versions in order.
        waiting: what verdicts on data that is not admitted are about; None where no data waits.
        overrides: what people let through of the data judged.
        refusals: what keeps the main branch from being trained on, as the ledger stands.
        evidence: what verdicts on data rest on: each measured number with its interval and its counts.
        commits: subject of each verdict on data of the project to the commit that was looked at.
        rows: some of the rows that break rules on data, where they were asked for.
    """

    outcome: Outcome
    verdicts: list[Verdict]
    waiting: str | None
    overrides: list[OverrideState]
    refusals: list[Refusal]
    evidence: list[Evidence] = []
    commits: dict[str, str] = {}
    rows: list[FailingRows]


def check_project(project: Project, gate: str | None = None, *, rows: bool = False) -> Checked:
    """Ask the gates of a project: those before training on its data, those before release on every version.

    Data is that of the main branch, and what waits to be admitted to it. It is measured anew, so a gate on freshness
    may say something else than when the data was admitted. A version's gates are asked on the evidence that is
    remembered of it. Nothing is written.

    Args:
        project: whose gates.
        gate: only this one.
        rows: whether rows that break rules are given.

    Raises:
        ShipwayError: SW-104 for a gate that is not declared, SW-401 if there is no data, SW-403 for a check that cannot
            be measured.
    """
    before_training = data_gates(project.registry)
    before_release = project.registry.gates_before("release")
    names = [each.name for each in (*before_training, *before_release)]
    if gate is not None and gate not in names:
        raise ShipwayError("SW-104", f"there is no gate {gate!r}", did_you_mean(gate, names))
    chosen = [each for each in before_training if gate in (None, each.name)]
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        found = _Found(state)
        main, waiting = _read_data(workspace, needed=bool(chosen))
        for commit in (waiting, main):
            if commit is not None and chosen:
                _judge_data(workspace, commit, chosen, found, rows=rows)
    refusals = () if main is None else ask_admission(state, chosen, main.data).refusals
    decisive = list(found.outcomes)
    for versions in state.models.values():
        for version in versions:
            # What was brought in has no evidence of this project's, and no gate asks about it.
            asked = [each for each in before_release if gate in (None, each.name) and each.covers(version.model)]
            guards = [] if version.imported else asked
            given = [_judge_version(state, each, version) for each in guards]
            found.verdicts.extend(given)
            if version is versions[-1]:
                decisive.extend(verdict.outcome for verdict in given)
    return Checked(
        outcome=worst_of(decisive) if decisive else "hold",
        verdicts=found.verdicts,
        waiting=None if waiting is None else subject_of(waiting.data),
        overrides=found.overrides,
        refusals=list(refusals),
        evidence=found.evidence,
        commits=found.commits,
        rows=found.rows,
    )


class _Found:
    """What asking the gates on data comes to, as it comes in."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.verdicts: list[Verdict] = []
        self.outcomes: list[Outcome] = []
        self.overrides: list[OverrideState] = []
        self.evidence: list[Evidence] = []
        self.commits: dict[str, str] = {}
        self.rows: list[FailingRows] = []


def _read_data(workspace: Workspace, *, needed: bool) -> tuple[Commit | None, Commit | None]:
    """Return the data of the main branch, and what waits to be admitted to it; SW-401 if there is neither."""
    if not workspace.exists:
        main = waiting = None
    else:
        main, waiting = (
            None if head is None else workspace.tables.get(head)
            for head in (workspace.tables.head(branch) for branch in (MAIN, INGEST))
        )
    if main is not None and waiting is not None and is_admitted(workspace.tables.refs, waiting.id, main.id):
        waiting = None
    if needed and main is None and waiting is None:
        workspace.main_commit()
    return main, waiting


def _judge_data(workspace: Workspace, commit: Commit, gates: list[Gate], found: _Found, *, rows: bool) -> None:
    data, snapshots = commit.data, commit.tables
    subject, checks = subject_of(data), checks_of(gates)
    before = tables_before(workspace, commit) if any(reads_main(check.measure) for check in checks) else {}
    measured = measure_tables(
        checks,
        read_contents(workspace, checks, dict(snapshots), before),
        subject=subject,
        now=workspace.now,
        log_digest=data,
        keys={source.name: source.key for source in workspace.project.registry.sources.values()},
    )
    evidence = {name: each.evidence for name, each in measured.items()}
    found.evidence += evidence.values()
    found.commits[subject] = commit.id
    for gate in gates:
        verdict = decide(gate, subject, evidence)
        lifting = [] if verdict.outcome == "pass" else find_overrides(found.state, gate, verdict, data)
        found.verdicts.append(verdict)
        found.outcomes.append("pass" if lifting else verdict.outcome)
        found.overrides += [found.state.overrides[override.id] for override in lifting]
        for rule, finding in zip(gate.rules, verdict.findings, strict=True):
            examples = measured[rule.check.name].examples
            if rows and finding.outcome != "pass" and examples is not None:
                found.rows.append(FailingRows(subject=subject, rule=finding.rule, rows=examples.to_dicts()))


def _judge_version(state: State, gate: Gate, version: VersionState) -> Verdict:
    """Return the verdict remembered, or, if the gate has other rules by now, what they say of the evidence there is."""
    given = state.verdicts.get(version.subject, {}).get(gate.name)
    if given is not None and given.asked == gate.asked:
        return given
    return decide(gate, version.subject, version.evidence)
