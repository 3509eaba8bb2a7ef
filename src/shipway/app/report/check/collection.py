"""Collecting what the page of what gates say shows: from their answer, the ledger, and the data they looked at."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import msgspec

from shipway.app.branch import TableDifference, compare_data
from shipway.app.check import Checked
from shipway.app.gate import data_gates
from shipway.app.project import Project
from shipway.app.report.check.data import CheckData, JudgedData, PointData, ResultData, TableData
from shipway.app.report.check.history import Moment, read_history
from shipway.app.report.check.meaning import explain_rule
from shipway.app.report.collection import collect_gate, collect_rule
from shipway.app.report.gate import Measured
from shipway.app.report.number import write_instant
from shipway.app.report.override import OverrideData, collect_override
from shipway.app.status import INGEST
from shipway.app.workspace import Workspace
from shipway.core.check import Evidence, Rule
from shipway.core.data_measure import DataMeasure
from shipway.core.error import ShipwayError
from shipway.core.gate import Finding, Verdict, judge
from shipway.core.table import MAIN
from shipway.kit.text import reveal

LONGEST: Final = 200
"""How many characters of a value are shown."""


def collect_check(project: Project, checked: Checked) -> CheckData:
    """Collect everything the page shows.

    Args:
        project: whose gates were asked.
        checked: what they said, with rows that break rules.

    Raises:
        ShipwayError: SW-605 if a commit that was looked at is lost or damaged.
    """
    config = project.config.project
    with closing(Workspace(project)) as workspace:
        now = write_instant(workspace.now, config.timezone)
        subjects = dict.fromkeys([*checked.commits, *(each.subject for each in checked.evidence)])
        judged = tuple(_collect_data(workspace, checked, subject) for subject in subjects)
        state = workspace.peek()
        known = {v.subject: v.evidence for versions in state.models.values() for v in versions}
        gates = [v for v in checked.verdicts if v.subject not in subjects]
        return CheckData(
            project=config.name,
            owner=config.owner,
            outcome=checked.outcome,
            now=now,
            judged=judged,
            gates=tuple(collect_gate(workspace, verdict, known.get(verdict.subject, {})) for verdict in gates),
        )


def write_cell(value: Any) -> str | None:
    """Return a value of a row as text that cannot be misread; None for one that is missing."""
    match value:
        case None:
            return None
        case str():
            return reveal(value, most=LONGEST)
        case float():
            return repr(value).removesuffix(".0")
        case dt.datetime():
            return value.isoformat(sep=" ")
        case _:
            return reveal(str(value), most=LONGEST)


def _collect_data(workspace: Workspace, checked: Checked, subject: str) -> JudgedData:
    verdicts = [verdict for verdict in checked.verdicts if verdict.subject == subject]
    evidence = {each.id: each for each in checked.evidence if each.subject == subject}
    rows = {each.rule: each.rows for each in checked.rows if each.subject == subject}
    history = read_history(workspace, subject) if subject in checked.commits else []
    results = tuple(
        _collect_result(workspace, verdict, finding, evidence, rows.get(finding.rule, []), history)
        for verdict in verdicts
        for finding in verdict.findings
    )
    judged = JudgedData(
        subject=subject,
        commit="",
        branch="",
        at="",
        message="",
        before="",
        outcomes=tuple((verdict.gate, verdict.outcome) for verdict in verdicts),
        tables=tuple(
            TableData(name=name, rows=max(each.rows for each in results if each.table == name), change="")
            for name in dict.fromkeys(each.table for each in results if each.table)
        ),
        results=results,
    )
    return _add_commit(workspace, checked, judged) if subject in checked.commits else judged


def _add_commit(workspace: Workspace, checked: Checked, judged: JudgedData) -> JudgedData:
    """Return data that is committed, with where it stands, how it differs from what was before, and its overrides."""
    zone = workspace.project.config.project.timezone
    commit = workspace.tables.get(checked.commits[judged.subject])
    waits = judged.subject == checked.waiting
    before = workspace.tables.head(MAIN) if waits else next(iter(commit.parents), None)
    made = workspace.catalog.stored_at([commit.id]).get(commit.id)
    return msgspec.structs.replace(
        judged,
        commit=commit.id,
        branch=INGEST if waits else MAIN,
        at="" if made is None else write_instant(made, zone),
        message=commit.message,
        before="" if before is None else MAIN if waits else f"commit {before[:12]}",
        tables=_collect_tables(workspace, before, commit.id),
        refusals=() if waits else tuple(refusal.fact for refusal in checked.refusals),
        overrides=_collect_overrides(workspace, checked, commit.data),
    )


def _collect_overrides(workspace: Workspace, checked: Checked, data: str) -> tuple[OverrideData, ...]:
    """Return every override that was given for some data, and which of them let it through as it stands."""
    state = workspace.peek()
    standing = {each.id for each in checked.overrides}
    trained: dict[str, list[str]] = {}
    for version in (version for versions in state.models.values() for version in versions):
        for name in version.overrides:
            trained.setdefault(name, []).append(f"{version.model}@{version.number}")
    return tuple(
        msgspec.structs.replace(collect_override(each, tuple(trained.get(each.id, ()))), stands=each.id in standing)
        for each in state.overrides.values()
        if each.override.data == data
    )


def _collect_tables(workspace: Workspace, before: str | None, commit: str) -> tuple[TableData, ...]:
    """Return the tables of a commit, sources first, with what was added, removed and changed since another one."""
    snapshots = workspace.tables.get(commit).tables
    sources = workspace.project.registry.sources
    names = sorted(snapshots, key=lambda name: (name not in sources, name))
    if before is None:
        return tuple(TableData(name=name, rows=snapshots[name].rows, change="new") for name in names)
    try:
        found = compare_data(workspace.project, before, commit, examples=0)
    except ShipwayError as error:
        if error.code not in ("SW-209", "SW-605"):
            raise
        lost = "what was before is kept no longer"
        return tuple(TableData(name=name, rows=snapshots[name].rows, change=lost) for name in names)
    changes = {each.table: _say_difference(each) for each in found}
    made = [TableData(name=name, rows=snapshots[name].rows, change=changes.pop(name, "the same")) for name in names]
    return (*made, *(TableData(name=name, rows=0, change=said) for name, said in changes.items()))


def _say_difference(found: TableDifference) -> str:
    counts = {"added": found.added, "removed": found.removed, "changed": found.changed}
    return ", ".join([*(f"{count:,} {how}" for how, count in counts.items() if count), *found.columns])


def _collect_result(
    workspace: Workspace,
    verdict: Verdict,
    finding: Finding,
    evidence: Mapping[str, Evidence],
    rows: Sequence[Mapping[str, Any]],
    history: Sequence[Moment],
) -> ResultData:
    gates = {gate.name: gate for gate in data_gates(workspace.project.registry)}
    asked = gates[verdict.gate].rules if verdict.gate in gates else ()
    rule = next((rule for rule in asked if rule.text == finding.rule), None)
    found = evidence.get(finding.evidence or "")
    shown = collect_rule(finding.rule, finding.outcome, reveal(finding.reason), rule, found)
    meaning, remedy = explain_rule(rule, finding.outcome, measured=shown.measured is not None)
    columns = tuple(rows[0]) if rows else ()
    return ResultData(
        gate=verdict.gate,
        table=rule.check.measure.table if rule is not None and isinstance(rule.check.measure, DataMeasure) else "",
        rule=shown,
        against=None if found is None or shown.measured is None else found.facts.get("count"),
        rows=0 if found is None else found.n,
        meaning=meaning,
        remedy=remedy,
        columns=columns,
        examples=tuple(tuple(write_cell(row[name]) for name in columns) for row in rows),
        history=() if rule is None else tuple(_collect_points(workspace, rule, history, found)),
    )


def _collect_points(
    workspace: Workspace, rule: Rule, history: Sequence[Moment], found: Evidence | None
) -> Iterator[PointData]:
    """Yield what a rule, with the bound it has now, says of earlier data and, last, of this."""
    zone = workspace.project.config.project.timezone
    told = [(write_instant(at, zone), evidence.get(rule.check.name)) for at, _, evidence in history]
    for at, evidence in [*told, ("now", found)]:
        if evidence is not None and evidence.n:
            measured = Measured(evidence.value, evidence.low, evidence.high)
            outcome = judge(rule, evidence).outcome
            yield PointData(at=at, subject=evidence.subject, measured=measured, outcome=outcome)
