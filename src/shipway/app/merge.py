"""Moving branches of data by hand: a merge and a rollback go to main only through its gates."""

from contextlib import closing
from typing import Final

import msgspec

from shipway.app.branch import keys_of
from shipway.app.candidate import make_runner
from shipway.app.ingest import offer_data
from shipway.app.progress import Watch, ignore
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome
from shipway.core.table import MAIN, Commit
from shipway.infra.lake import Lake
from shipway.infra.merge import MergePlan
from shipway.kit.suggestion import did_you_mean

AUDIT: Final = "audit"
"""The branch that a merge into main, or a rollback of it, waits on until the gates have spoken."""


class Conflicted(msgspec.Struct, frozen=True, kw_only=True):
    """What cannot be merged in one table: why, and how many rows, with some of their keys."""

    table: str
    reason: str
    rows: int
    keys: list[dict[str, object]]


class MovedData(msgspec.Struct, frozen=True, kw_only=True):
    """What a merge or a rollback came to.

    Attributes:
        into: the branch.
        commit: what it would move to, or has moved to; None where nothing was made.
        moved: whether the branch is there now.
        tables: table name to how its two sides were put together; of a rollback, that it was put back.
        conflicts: what stands against a merge.
        outcome: what the gates on data said; None where none was asked.
        reasons: why it did not pass.
    """

    into: str
    commit: str | None
    moved: bool
    tables: dict[str, str]
    conflicts: list[Conflicted] = []
    outcome: Outcome | None = None
    reasons: tuple[str, ...] = ()


def merge_data(
    project: Project, source: str, into: str = MAIN, *, dry: bool = False, watch: Watch = ignore
) -> MovedData:
    """Merge a branch, a tag or a commit into a branch; main takes it only if its gates let it through.

    Args:
        project: whose data.
        source: what is merged.
        into: the branch that moves.
        dry: only say what it would do.
        watch: told what happens.

    Raises:
        ShipwayError: SW-209 if there is no such branch, SW-210 if both changed the same rows, SW-603 if another process
            runs the project.
    """
    with closing(Workspace(project)) as workspace:
        lake, keys = _open(workspace, into), keys_of(project)
        plan = lake.plan_merge(source, into, keys=keys)
        if dry:
            return _describe(into, plan)
        with workspace.hold():
            head = lake.head(into)
            if into != MAIN:
                commit = lake.merge(source, into, expect=head, keys=keys)
                return MovedData(into=into, commit=commit.id, moved=True, tables=plan.how)
            assert head is not None
            stage_audit(lake, head)
            commit = lake.merge(source, AUDIT, expect=head, keys=keys)
            return offer_audit(workspace, commit, plan.how, watch)


def roll_back_data(project: Project, to: str, branch: str = MAIN, *, watch: Watch = ignore) -> MovedData:
    """Put the tables of an earlier version on top of a branch, as a new commit; main's gates are asked.

    Args:
        project: whose data.
        to: the version: a branch, a tag or a commit.
        branch: the branch that goes back.
        watch: told what happens.

    Raises:
        ShipwayError: SW-209 if there is no such version, SW-603 if another process runs the project.
    """
    with closing(Workspace(project)) as workspace:
        lake = _open(workspace, branch)
        with workspace.hold():
            head, target = lake.head(branch), lake.refs.find(to)
            assert head is not None
            before = lake.get(head)
            if branch != MAIN:
                commit = lake.refs.rollback(branch, to=target, expect=head)
                return MovedData(into=branch, commit=commit.id, moved=True, tables=_put_back(before, commit))
            stage_audit(lake, head)
            commit = lake.refs.rollback(AUDIT, to=target, expect=head)
            return offer_audit(workspace, commit, _put_back(before, commit), watch)


def _open(workspace: Workspace, branch: str) -> Lake:
    """Return the lake of a project that has a branch; SW-209 where it has not."""
    known = workspace.tables.branches() if workspace.has_data else {}
    if branch not in known:
        raise ShipwayError("SW-209", f"there is no branch {branch!r}", did_you_mean(branch, known))
    return workspace.tables


def stage_audit(lake: Lake, head: str) -> None:
    """Begin the branch that waits for main's gates at main's head; one that a killed process left is begun again."""
    lake.drop(AUDIT)
    lake.fork(AUDIT, at=head)


def offer_audit(workspace: Workspace, commit: Commit, tables: dict[str, str], watch: Watch) -> MovedData:
    """Let main's gates judge what waits; what does not pass stays on its branch, to be looked at."""
    admission = offer_data(make_runner(workspace, watch, force=False), AUDIT, commit)
    if admission.granted:
        workspace.tables.drop(AUDIT)
    workspace.store_state()
    return MovedData(
        into=MAIN,
        commit=commit.id,
        moved=admission.granted,
        tables=tables,
        outcome=admission.outcome,
        reasons=tuple(refusal.fact for refusal in admission.refusals),
    )


def _describe(into: str, plan: MergePlan) -> MovedData:
    conflicts = [
        Conflicted(
            table=conflict.table,
            reason=conflict.reason,
            rows=0 if conflict.keys is None else conflict.keys.height,
            keys=[] if conflict.keys is None else conflict.keys.head(20).to_dicts(),
        )
        for conflict in plan.conflicts
    ]
    return MovedData(into=into, commit=None, moved=False, tables=plan.how, conflicts=conflicts)


def _put_back(before: Commit, after: Commit) -> dict[str, str]:
    names = sorted({*before.tables, *after.tables})
    return {name: "put back" for name in names if before.tables.get(name) != after.tables.get(name)}
