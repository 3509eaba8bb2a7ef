"""From raw inputs to the main branch: sources are made, committed to a branch of their own, checked, and merged."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from shipway.app.count import write_plural
from shipway.app.gate import data_gates
from shipway.app.intake import read_input, take_inputs
from shipway.app.progress import Event
from shipway.app.reading import open_rows
from shipway.app.restatement import refuse_restatements
from shipway.app.runner import Made, Runner
from shipway.app.status import INGEST
from shipway.app.workspace import Workspace
from shipway.core.admission import Admission, ask_admission, refuse_unadmitted, subject_of
from shipway.core.artifact import Artifact
from shipway.core.body import Body, DataMoved, EvidenceRecorded, VerdictGiven
from shipway.core.check import Check, Evidence
from shipway.core.data_measure import reads_clock, reads_main, tables_of
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.gate import Gate, Verdict, checks_of, decide
from shipway.core.raw import Raw
from shipway.core.table import MAIN, Commit, Snapshot
from shipway.data.check import measure_tables
from shipway.data.delivery import split_rows
from shipway.data.deposit import table_of
from shipway.data.scan import Content
from shipway.data.source import make_source
from shipway.data.whole import fingerprint_whole, read_whole
from shipway.kit.canonical import canonical_json, digest_value


def make_tables(runner: Runner, *, over: Mapping[str, Snapshot] | None = None) -> dict[str, Snapshot]:
    """Make every source of the project, or find it made, and return its snapshot by name.

    Raw inputs with a contract are taken in first, and their tables are among those returned.

    Args:
        runner: who makes them.
        over: tables of raw inputs that stand in for those of the main branch.
    """
    workspace = runner.workspace
    registry, config = workspace.project.registry, workspace.project.config
    snapshots = take_inputs(runner, over=over)
    taken = dict(snapshots)
    for source in registry.sources.values():
        inputs = [config.input(name) for name in source.raw]
        prints = {raw.name: _print(runner, raw, taken) for raw in inputs}
        outputs = runner.make(
            f"ingest {source.name}",
            partial(_ingest, runner, source, inputs, taken),
            inputs=prints,
            params={"source": msgspec.to_builtins(source)},
            user_code=True,
        )
        snapshots[source.name] = msgspec.json.decode(workspace.blobs.get(outputs["table"].digest), type=Snapshot)
    return snapshots


def admit(runner: Runner, snapshots: dict[str, Snapshot]) -> tuple[str, Admission]:
    """Commit snapshots to the ingest branch, judge them there, and move main to them if every gate lets them through.

    A gate on data lets it through by a passing verdict, or by an override of exactly the verdict it gave.

    A main branch whose data was lost or damaged is refused, unless everything is made again: then the data starts a
    history of its own, which takes the place of the lost one once it has passed.

    Returns:
        The commit judged, and what the gates say of it; if it is granted main is at that commit, and the runner may
        train on it.

    Raises:
        ShipwayError: SW-605 if the data of the main branch is lost or damaged and nobody forces the run, SW-304 if a
            value that is known always is another one than on the main branch. Nothing is committed then.
    """
    workspace = runner.workspace
    tables = workspace.tables
    main = tables.head(MAIN)
    lost = runner.force and main is not None and not _is_whole(workspace, main, made=snapshots)
    start = None if lost else main
    if start is not None:
        refuse_restatements(workspace, tables.get(start).tables, snapshots)
    if tables.head(INGEST) != start and tables.head(INGEST) is not None:
        tables.drop(INGEST)
    if start is not None and tables.head(INGEST) is None:
        tables.fork(INGEST, at=start)
    commit = tables.commit(INGEST, snapshots, expect=tables.head(INGEST), message="ingest")
    return commit.id, offer_data(runner, INGEST, commit, anew=lost)


def offer_data(runner: Runner, branch: str, commit: Commit, *, anew: bool = False) -> Admission:
    """Judge a commit, and move main to it if every gate on data lets it through.

    Args:
        runner: who judges; it may train on the data if it is let through.
        branch: the branch that is at the commit, which follows what main is at.
        commit: the data.
        anew: whether the data begins a history of its own that takes main's place.
    """
    workspace = runner.workspace
    tables = workspace.tables
    admission = judge_data(runner, commit)
    main, recorded = tables.head(MAIN), workspace.state().branches.get(MAIN)
    # A crash may have moved main and kept that from the ledger.
    if admission.granted and not main == recorded == commit.id:
        if anew and main is not None and main != commit.id:
            # Killed after this, main is absent, and the next run moves it as one that is new.
            tables.drop(MAIN)
            main = None
        tables.merge(branch, MAIN, expect=main)
        moved = DataMoved(
            branch=MAIN,
            commit=commit.id,
            before=recorded,
            verdict=digest_value(admission.verdicts),
            rows={name: snapshot.rows for name, snapshot in commit.tables.items()},
            overrides=tuple(override.id for override in admission.overrides),
        )
        workspace.remember((f"branch:{MAIN}", moved))
    if admission.granted:
        runner.data = commit
    return admission


def open_data(runner: Runner) -> Admission:
    """Let a runner train on the main branch as it is now, however it came to be there.

    From then on all that the runner reads is of this commit, also if the branch moves meanwhile. What depends on the
    present, such as how old the newest row is, is judged anew.

    Raises:
        ShipwayError: SW-401 if the main branch is empty or a gate on data does not let it be trained on, with what it
            has against it: that it was never asked, or about other data, or by other rules, that it failed, or holds.
    """
    workspace = runner.workspace
    commit = workspace.main_commit()
    gates = data_gates(workspace.project.registry)
    admission = ask_admission(workspace.state(), gates, commit.data)
    if len(admission.verdicts) == len(gates) and workspace.project.config.project.at is None and is_aged(gates):
        admission = judge_data(runner, commit)
    refuse_unadmitted(admission)
    runner.data = commit
    return admission


def require_admission(runner: Runner) -> Admission:
    """Return by what right a runner trains, asked of the ledger as it stands.

    Raises:
        ShipwayError: SW-401 if it has none: its data was never judged, or no longer may be trained on.
    """
    workspace = runner.workspace
    if runner.data is None:
        raise ShipwayError(
            "SW-401", "nothing has asked the gates whether this data may be trained on", "shipway run asks them"
        )
    admission = ask_admission(workspace.state(), data_gates(workspace.project.registry), runner.data.data)
    refuse_unadmitted(admission)
    return admission


def is_aged(gates: Sequence[Gate]) -> bool:
    """Tell whether what gates on data say depends on the present."""
    return any(reads_clock(check.measure) for check in checks_of(gates))


def judge_data(runner: Runner, commit: Commit) -> Admission:
    """Measure the data gates' checks on a commit, decide, remember verdicts that are new, and say what they come to."""
    workspace = runner.workspace
    gates, snapshots = data_gates(workspace.project.registry), commit.tables
    data = commit.data
    subject, checks = subject_of(data), checks_of(gates)
    before = tables_before(workspace, commit) if any(reads_main(check.measure) for check in checks) else {}
    # The present is part of the result only where an age is measured.
    now = workspace.now if is_aged(gates) else 0
    outputs = runner.make(
        "check data",
        partial(_measure, runner, checks, snapshots, before, data, now),
        inputs={name: snapshot.digest for name, snapshot in snapshots.items()}
        | {f"main:{name}": snapshot.digest for name, snapshot in before.items()},
        params={"checks": msgspec.to_builtins(checks), "now": now, "subject": subject},
    )
    evidence = read_evidence(runner, outputs["evidence"])
    verdicts = [decide(gate, subject, evidence) for gate in gates]
    remember_verdicts(runner, verdicts)
    admission = ask_admission(workspace.state(), gates, data)
    for override in admission.overrides:
        runner.watch(Event(stage="note", step=f"override of {override.gate}", said=override.said))
    return admission


def tables_before(workspace: Workspace, commit: Commit) -> dict[str, Snapshot]:
    """Return the tables that the main branch had before a commit: its head's, or, where that is it, its parent's."""
    head = workspace.tables.head(MAIN)
    if head == commit.id:
        head = commit.parents[0] if commit.parents else None
    return {} if head is None else dict(workspace.tables.get(head).tables)


def read_contents(
    workspace: Workspace, checks: Sequence[Check], snapshots: dict[str, Snapshot], before: dict[str, Snapshot]
) -> dict[str, Content]:
    """Open the tables that checks need, beside what the main branch had of them; new rows are told by the key."""
    needed = {name for check in checks for name in tables_of(check.measure) if name in snapshots}
    sources = workspace.project.registry.sources
    contents: dict[str, Content] = {}
    for name in sorted(needed):
        rows, earlier = snapshots[name], before.get(name)
        main = None if earlier is None else open_rows(workspace, earlier)
        content = Content(open_rows(workspace, rows), None, main)
        if earlier is not None and name in sources:
            # What is in a file that main has too is nothing new.
            known = {earlier.reading(part) for part in earlier.parts}
            since = open_rows(workspace, rows, [part for part in rows.parts if rows.reading(part) not in known])
            content = split_rows(content.rows, main, sources[name].key, since=since)
            content = replace(content, unchanged=rows.digest == earlier.digest)
        contents[name] = content
    return contents


def remember_verdicts(runner: Runner, verdicts: Sequence[Verdict]) -> None:
    """Remember the verdicts of all gates on one subject where they differ from what is known, and tell who watches."""
    state = runner.workspace.state()
    gates = tuple(verdict.gate for verdict in verdicts)
    new: list[tuple[str, Body]] = []
    for verdict in verdicts:
        known = state.verdicts.get(verdict.subject, {})
        if known.get(verdict.gate) != verdict or not known.keys() <= set(gates):
            new.append((verdict.subject, VerdictGiven(verdict=verdict, gates=gates)))
        runner.watch(Event(stage="verdict", step=f"gate {verdict.gate}", said=verdict.reason, outcome=verdict.outcome))
    if new:
        runner.workspace.remember(*new)


def read_evidence(runner: Runner, artifact: Artifact) -> dict[str, Evidence]:
    """Return the evidence of an artifact by check."""
    found = msgspec.json.decode(runner.workspace.blobs.get(artifact.digest), type=list[Evidence])
    return {evidence.check: evidence for evidence in found}


def keep_rows(runner: Runner, rows: Any) -> str:
    """Keep a small table as JSON and return its digest."""
    return runner.workspace.blobs.put(canonical_json(rows))


def _is_whole(workspace: Workspace, commit: str, *, made: Container[str]) -> bool:
    """Tell whether a commit can be read, and all files of its tables but those that were just made again are there."""
    try:
        found = workspace.tables.get(commit)
    except ShipwayError as error:
        if error.code != "SW-605":
            raise
        return False
    kept = [snapshot for name, snapshot in found.tables.items() if name not in made]
    return all(workspace.blobs.has(part.digest) for snapshot in kept for part in snapshot.parts)


def _print(runner: Runner, raw: Raw, taken: Mapping[str, Snapshot]) -> str:
    """Return the digest of what a source is given of a raw input."""
    if not raw.contract:
        return fingerprint_whole(runner.workspace.reader(raw), raw)
    snapshot = taken.get(table_of(raw.name))
    return "" if snapshot is None else snapshot.digest


def _ingest(
    runner: Runner,
    source: Source,
    inputs: Sequence[Raw],
    taken: Mapping[str, Snapshot],
    report: Callable[[int, int], None],
) -> Made:
    workspace = runner.workspace
    raw: list[Any] = []
    for done, each in enumerate(inputs):
        report(done, len(inputs) + 2)
        raw.append(read_input(runner, each, taken) if each.contract else read_whole(workspace.reader(each), each))
    table = make_source(source, workspace.project.registry.function("source", source.name), raw)
    raw.clear()
    report(len(inputs) + 1, len(inputs) + 2)
    snapshot = workspace.tables.write(table)
    facts = {"rows": snapshot.rows, "columns": len(snapshot.columns)}
    said = f"{write_plural(snapshot.rows, 'row')}, {write_plural(len(snapshot.columns), 'column')}"
    return Made({"table": ("table", canonical_json(snapshot), facts)}, said=said)


def _measure(
    runner: Runner,
    checks: Sequence[Check],
    snapshots: dict[str, Snapshot],
    before: dict[str, Snapshot],
    data: str,
    now: int,
    report: Callable[[int, int], None],
) -> Made:
    workspace = runner.workspace
    tables = read_contents(workspace, checks, snapshots, before)
    report(1, 2)
    subject = subject_of(data)
    measured = measure_tables(checks, tables, subject=subject, now=now, log_digest=data)
    evidence: list[Evidence] = []
    for found in measured.values():
        rows = None if found.examples is None else keep_rows(runner, msgspec.to_builtins(found.examples.to_dicts()))
        evidence.append(msgspec.structs.replace(found.evidence, detail=rows))
    records: list[tuple[str, Body]] = [(subject, EvidenceRecorded(evidence=each)) for each in evidence]
    return Made(
        {"evidence": ("evidence", canonical_json(evidence), {"checks": len(evidence)})},
        records,
        said=write_plural(len(evidence), "check"),
    )
