"""From raw inputs to the main branch: sources are made, committed to a branch of their own, checked, and merged."""

from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import Any

import msgspec

from shipway.app.count import write_plural
from shipway.app.progress import Event
from shipway.app.runner import Made, Runner
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.core.body import Body, DataMoved, EvidenceRecorded, VerdictGiven
from shipway.core.check import Check, Evidence
from shipway.core.data_check import has_rows
from shipway.core.data_measure import reads_clock, reads_main, tables_of
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.gate import Gate, Verdict, checks_of, decide, make_gate
from shipway.core.registry import Registry
from shipway.core.table import MAIN, Snapshot
from shipway.data.check import measure_tables, split_rows
from shipway.data.scan import Content
from shipway.data.source import make_source
from shipway.kit.canonical import canonical_json, digest_value

INGEST = "ingest"
"""The branch that new data waits on until its gate has spoken."""


def make_tables(runner: Runner) -> dict[str, Snapshot]:
    """Make every source of the project, or find it made, and return its snapshot by name."""
    workspace = runner.workspace
    registry, config = workspace.project.registry, workspace.project.config
    snapshots: dict[str, Snapshot] = {}
    for source in registry.sources.values():
        addresses = [config.raw[name] for name in source.raw]
        prints = {name: workspace.reader.fingerprint(uri) for name, uri in zip(source.raw, addresses, strict=True)}
        outputs = runner.make(
            f"ingest {source.name}",
            partial(_ingest, runner, source, addresses),
            inputs=prints,
            params={"source": msgspec.to_builtins(source)},
            user_code=True,
        )
        snapshots[source.name] = msgspec.json.decode(workspace.blobs.get(outputs["table"].digest), type=Snapshot)
    return snapshots


def admit(runner: Runner, snapshots: dict[str, Snapshot]) -> tuple[str, list[Verdict]]:
    """Commit snapshots to the ingest branch, judge them there, and move main to them if every data gate passes.

    A main branch whose data was lost or damaged is refused, unless everything is made again: then the data starts a
    history of its own, which takes the place of the lost one once it has passed.

    Returns:
        The commit judged, and the verdicts; main is at that commit exactly if all of them are `pass`.

    Raises:
        ShipwayError: SW-605 if the data of the main branch is lost or damaged and nobody forces the run.
    """
    workspace = runner.workspace
    tables = workspace.tables
    main, recorded = tables.head(MAIN), workspace.state().branches.get(MAIN)
    lost = runner.force and main is not None and not _is_whole(workspace, main, made=snapshots)
    start = None if lost else main
    if tables.head(INGEST) != start and tables.head(INGEST) is not None:
        tables.drop(INGEST)
    if start is not None and tables.head(INGEST) is None:
        tables.fork(INGEST, at=start)
    commit = tables.commit(INGEST, snapshots, expect=tables.head(INGEST), message="ingest")
    verdicts = judge_data(runner, commit.id, snapshots)
    # A crash may have moved main and kept that from the ledger.
    if all(verdict.outcome == "pass" for verdict in verdicts) and not main == recorded == commit.id:
        if lost and main != commit.id:
            # Killed after this, main is absent, and the next run moves it as one that is new.
            tables.drop(MAIN)
            main = None
        tables.merge(INGEST, MAIN, expect=main)
        rows = {name: snapshot.rows for name, snapshot in commit.tables.items()}
        judged = digest_value(verdicts)
        workspace.remember(
            (f"branch:{MAIN}", DataMoved(branch=MAIN, commit=commit.id, before=recorded, verdict=judged, rows=rows))
        )
    return commit.id, verdicts


def judge_data(runner: Runner, commit: str, snapshots: dict[str, Snapshot]) -> list[Verdict]:
    """Measure the data gates' checks on a commit, decide, and remember verdicts that are new."""
    workspace = runner.workspace
    gates = data_gates(workspace.project.registry)
    subject = f"data:{commit[:12]}"
    checks = checks_of(gates)
    before = tables_before(workspace, commit) if any(reads_main(check.measure) for check in checks) else {}
    # The present is part of the result only where an age is measured.
    now = workspace.now if any(reads_clock(check.measure) for check in checks) else 0
    outputs = runner.make(
        "check data",
        partial(_measure, runner, checks, snapshots, before, subject, now),
        inputs={name: snapshot.digest for name, snapshot in snapshots.items()}
        | {f"main:{name}": snapshot.digest for name, snapshot in before.items()},
        params={"checks": msgspec.to_builtins(checks), "now": now, "subject": subject},
    )
    evidence = read_evidence(runner, outputs["evidence"])
    verdicts = [decide(gate, subject, evidence) for gate in gates]
    remember_verdicts(runner, verdicts)
    return verdicts


def tables_before(workspace: Workspace, commit: str) -> dict[str, Snapshot]:
    """Return the tables that the main branch had before a commit: its head's, or, where that is it, its parent's."""
    head = workspace.tables.head(MAIN)
    if head == commit:
        parents = workspace.tables.get(commit).parents
        head = parents[0] if parents else None
    return {} if head is None else dict(workspace.tables.get(head).tables)


def read_contents(
    workspace: Workspace, checks: Sequence[Check], snapshots: dict[str, Snapshot], before: dict[str, Snapshot]
) -> dict[str, Content]:
    """Read the tables that checks need, beside what the main branch had of them; new rows are told by the key."""
    needed = {name for check in checks for name in tables_of(check.measure) if name in snapshots}
    sources = workspace.project.registry.sources
    contents: dict[str, Content] = {}
    for name in sorted(needed):
        rows = workspace.tables.read(snapshots[name])
        main = workspace.tables.read(before[name]) if name in before else None
        contents[name] = split_rows(rows, main, sources[name].key) if name in sources else Content(rows, None, main)
    return contents


def data_gates(registry: Registry) -> list[Gate]:
    """Return a project's gates before training, or, if it declares none, one that asks every source for rows."""
    gates = [gate for gate in registry.gates.values() if gate.before == "training"]
    rules = [has_rows(source) >= 1 for source in registry.sources.values()]
    return gates or [make_gate("data", *rules, before="training")]


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


def _ingest(runner: Runner, source: Source, addresses: Sequence[str], report: Callable[[int, int], None]) -> Made:
    workspace = runner.workspace
    raw: list[Any] = []
    for done, address in enumerate(addresses):
        report(done, len(addresses) + 2)
        raw.append(workspace.reader.read(address))
    table = make_source(source, workspace.project.registry.function("source", source.name), raw)
    raw.clear()
    report(len(addresses) + 1, len(addresses) + 2)
    snapshot = workspace.tables.write(table)
    facts = {"rows": snapshot.rows, "columns": len(snapshot.columns)}
    said = f"{write_plural(snapshot.rows, 'row')}, {write_plural(len(snapshot.columns), 'column')}"
    return Made({"table": ("table", canonical_json(snapshot), facts)}, said=said)


def _measure(
    runner: Runner,
    checks: Sequence[Check],
    snapshots: dict[str, Snapshot],
    before: dict[str, Snapshot],
    subject: str,
    now: int,
    report: Callable[[int, int], None],
) -> Made:
    workspace = runner.workspace
    tables = read_contents(workspace, checks, snapshots, before)
    report(1, 2)
    digest = digest_value({name: snapshot.digest for name, snapshot in snapshots.items()})
    measured = measure_tables(checks, tables, subject=subject, now=now, log_digest=digest)
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
