"""What was set aside of raw inputs as a person sees it: which rows, of what, by which rule, and taking them back in."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import msgspec
import polars as pl

from shipway.app.candidate import make_runner
from shipway.app.contract import find_input
from shipway.app.ingest import admit, make_tables
from shipway.app.intake import load_contract
from shipway.app.progress import Watch, ignore
from shipway.app.project import Project
from shipway.app.run import refuse_damage
from shipway.app.status import INGEST
from shipway.app.workspace import Workspace
from shipway.core.contract import Contract
from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome
from shipway.core.raw import Raw
from shipway.core.table import EMPTY, MAIN, Commit, Snapshot
from shipway.data.deposit import pieces_of, quarantine_of, table_of
from shipway.data.release import refuse_release, review_refused, take_back

EXAMPLES: Final = 3
"""How many rows of each rule are given as examples."""
_BETWEEN: Final = "; "
"""What stands between the rules that refused one row."""


class RefusedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row that was set aside.

    Attributes:
        piece: the piece it came with: a file, a stretch of a table, a version of one.
        row: its number in it, from 1.
        rule: what refused it.
        record: its values as they came.
    """

    piece: str
    row: int
    rule: str
    record: dict[str, Any]


class PieceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of which rows were set aside.

    Attributes:
        piece: its name.
        taken_at: when it was committed, microseconds since 1970 UTC; None where that is kept no longer.
        waits: whether its rows wait to be admitted to the main branch.
        rows: how many rows it had.
        refused: how many of them are set aside.
        rules: rule to how many rows it refused; a row may be refused by several.
    """

    piece: str
    taken_at: int | None
    waits: bool
    rows: int
    refused: int
    rules: dict[str, int]


class QuarantineLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is set aside of one raw input.

    Attributes:
        name: the raw input.
        contract: path of what it is held to, from the project's folder.
        taken: how many rows were ever read of it.
        refused: how many of them are set aside.
        ready: how many of those on the main branch keep the contract as it is now and may be taken back; None where
            none can be.
        newer: how many keep it too, and stay, because something is kept under their key that may be newer.
        why: why none can be taken back; empty where they can.
        pieces: the pieces that they came with, newest first.
        rules: rule to how many rows it refused, most first.
        examples: rule to some of its rows.
        rows: all rows, where they were asked for.
    """

    name: str
    contract: str
    taken: int
    refused: int
    ready: int | None
    newer: int
    why: str
    pieces: list[PieceLine]
    rules: dict[str, int]
    examples: dict[str, list[RefusedRow]]
    rows: list[RefusedRow]


class ReleasedRows(msgspec.Struct, frozen=True, kw_only=True):
    """What taking rows back in came to.

    Attributes:
        name: the raw input.
        released: how many rows keep the contract now and were taken back.
        newer: how many keep it and stay, because something is kept under their key that may be newer.
        refused: how many still break it.
        commit: the data with them; None where no row was ready.
        moved: whether the main branch is there now.
        outcome: what the gates on data said; None where none was asked.
        reasons: why it did not pass.
    """

    name: str
    released: int
    newer: int
    refused: int
    commit: str | None = None
    moved: bool = False
    outcome: Outcome | None = None
    reasons: tuple[str, ...] = ()


def read_quarantine(project: Project, name: str | None = None, *, rows: bool = False) -> list[QuarantineLine]:
    """Return what is set aside of the raw inputs that have a contract; nothing is written.

    Rows that wait to be admitted with the rest of their delivery are among them.

    Args:
        project: whose raw inputs.
        name: only this one.
        rows: whether all rows are given, and not only some.

    Raises:
        ShipwayError: SW-104 for an input there is not, SW-106 for one without a contract, SW-605 if data is lost or
            damaged.
    """
    inputs = (
        [find_input(project, name)] if name is not None else [project.config.input(each) for each in project.config.raw]
    )
    with closing(Workspace(project)) as workspace:
        return [_describe(workspace, raw, _list_commits(workspace, raw), rows=rows) for raw in inputs if raw.contract]


def release_rows(project: Project, name: str, *, watch: Watch = ignore) -> ReleasedRows:
    """Take those refused rows of a raw input back in that keep its contract as it is now, if the gates let them.

    Sources are made anew with them, and judged as any new data; no model is trained.

    Args:
        project: whose.
        name: the raw input.
        watch: told what happens.

    Raises:
        ShipwayError: SW-104 for an input there is not, SW-106 for one without a contract, SW-224 for one whose rows
            cannot be taken back, SW-401 if nothing was admitted yet, SW-603 if another process runs the project.
    """
    raw = find_input(project, name)
    contract = load_contract(project, raw)
    refuse_release(raw, contract)
    assert contract is not None
    with closing(Workspace(project)) as workspace, workspace.hold():
        refuse_damage(workspace)
        lake = workspace.tables
        present = _tables_of(raw, workspace.main_commit())
        review = review_refused(raw, lake, present, contract)
        newer, refused = review.newer, review.refused
        made = take_back(raw, lake, present, contract, review)
        if not made:
            return ReleasedRows(name=name, released=0, newer=newer, refused=refused)
        over = {table: lake.compact(snapshot) for table, snapshot in made.items()}
        runner = make_runner(workspace, watch)
        commit, admission = admit(runner, make_tables(runner, over=over))
        workspace.store_state()
        return ReleasedRows(
            name=name,
            released=review.ready.height,
            newer=newer,
            refused=refused,
            commit=commit,
            moved=admission.granted,
            outcome=admission.outcome,
            reasons=tuple(refusal.fact for refusal in admission.refusals),
        )


def _list_commits(workspace: Workspace, raw: Raw) -> list[Commit]:
    """Return the commits of main, newest first, and before them one that waits with pieces that main does not have."""
    if not workspace.has_data:
        return []
    lake, table = workspace.tables, pieces_of(raw.name)
    main, ingest = lake.head(MAIN), lake.head(INGEST)
    commits = [] if main is None else list(lake.log(MAIN))
    waiting = None if ingest is None or ingest == main else lake.get(ingest)
    if waiting is None or waiting.parents[:1] != (() if main is None else (main,)):
        return commits
    before = commits[0].tables.get(table) if commits else None
    return commits if waiting.tables.get(table) == before else [waiting, *commits]


def _tables_of(raw: Raw, commit: Commit) -> dict[str, Snapshot]:
    names = (table_of(raw.name), quarantine_of(raw.name), pieces_of(raw.name))
    return {name: commit.tables[name] for name in names if name in commit.tables}


def _describe(workspace: Workspace, raw: Raw, commits: Sequence[Commit], *, rows: bool) -> QuarantineLine:
    newest = _tables_of(raw, commits[0]) if commits else {}
    pieces, refused = (
        workspace.tables.read(newest[table]) if table in newest else None
        for table in (pieces_of(raw.name), quarantine_of(raw.name))
    )
    found = [] if refused is None else [_read_row(row) for row in refused.iter_rows(named=True)]
    ready, newer, why = _review(workspace, raw, commits) if found else (0, 0, "")
    examples: dict[str, list[RefusedRow]] = {}
    for row in reversed(found):
        for rule in row.rule.split(_BETWEEN):
            if len(examples.setdefault(rule, [])) < EXAMPLES:
                examples[rule].append(row)
    counts = _count_rules(found)
    return QuarantineLine(
        name=raw.name,
        contract=raw.contract,
        taken=0 if pieces is None else int(pieces["rows"].sum()),
        refused=len(found),
        ready=ready,
        newer=newer,
        why=why,
        pieces=[] if pieces is None else _describe_pieces(workspace, raw, pieces, found, commits),
        rules=counts,
        examples={rule: examples[rule] for rule in counts},
        rows=found if rows else [],
    )


def _read_row(row: Mapping[str, Any]) -> RefusedRow:
    record = msgspec.json.decode(row["record"], type=dict[str, Any])
    return RefusedRow(piece=row["piece"], row=row["row"], rule=row["rule"], record=record)


def _count_rules(rows: Iterable[RefusedRow]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        for rule in row.rule.split(_BETWEEN):
            counts[rule] = counts.get(rule, 0) + 1
    return dict(sorted(counts.items(), key=lambda each: -each[1]))


def _review(workspace: Workspace, raw: Raw, commits: Sequence[Commit]) -> tuple[int | None, int, str]:
    """Return how many rows of main may be taken back, how many stay for what came since, and why none can be."""
    contract = load_contract(workspace.project, raw)
    try:
        refuse_release(raw, contract)
    except ShipwayError as error:
        return None, 0, error.fact
    main = workspace.tables.head(MAIN)
    on_main = next((_tables_of(raw, commit) for commit in commits if commit.id == main), dict[str, Snapshot]())
    assert isinstance(contract, Contract)
    review = review_refused(raw, workspace.tables, on_main, contract)
    return review.ready.height, review.newer, ""


def _describe_pieces(
    workspace: Workspace, raw: Raw, pieces: pl.DataFrame, found: Sequence[RefusedRow], commits: Sequence[Commit]
) -> list[PieceLine]:
    """Return the pieces of which rows are set aside; one that came with other content again counts with all of it."""
    main = workspace.tables.head(MAIN)
    arrivals = _Arrivals(workspace, pieces_of(raw.name), commits)
    lines: list[PieceLine] = []
    for (name,), of in pieces.group_by("piece", maintain_order=True):
        rows = [row for row in found if row.piece == name]
        if not rows:
            continue
        came = arrivals.find(str(name), str(of["fingerprint"][-1]))
        lines.append(
            PieceLine(
                piece=str(name),
                taken_at=None if came is None else workspace.catalog.stored_at([came]).get(came),
                waits=came == commits[0].id != main,
                rows=int(of["rows"].sum()),
                refused=len(rows),
                rules=_count_rules(rows),
            )
        )
    return lines[::-1]


class _Arrivals:
    """Finds the commit with which a piece came, reading few of the tables that say which pieces are in."""

    def __init__(self, workspace: Workspace, table: str, commits: Sequence[Commit]) -> None:
        self._tables = workspace.tables
        self._commits = [commit for commit in commits if table in commit.tables]
        self._oldest = commits[-1] if commits else EMPTY
        self._table = table
        self._known: dict[str, set[tuple[str, str]]] = {}

    def find(self, name: str, fingerprint: str) -> str | None:
        """Return the commit with which a piece came; None where it is not in, or came before what is kept of history.

        Pieces that are in stay in, so halving the history finds it.
        """
        if not self._commits or (name, fingerprint) not in self._pieces(0):
            return None
        there, gone = 0, len(self._commits)
        while gone - there > 1:
            middle = (there + gone) // 2
            if (name, fingerprint) in self._pieces(middle):
                there = middle
            else:
                gone = middle
        came = self._commits[there]
        # The oldest that is kept has parents only where what was before it is not kept any more.
        return None if came.id == self._oldest.id and came.parents else came.id

    def _pieces(self, place: int) -> set[tuple[str, str]]:
        snapshot = self._commits[place].tables[self._table]
        if snapshot.digest not in self._known:
            self._known[snapshot.digest] = set(self._tables.read(snapshot, ["piece", "fingerprint"]).rows())
        return self._known[snapshot.digest]
