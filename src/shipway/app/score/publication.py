"""Where the result goes: a table on a branch, which on main its gates let through, or a file."""

from dataclasses import dataclass
from pathlib import Path

from shipway.app.feature import write_parts
from shipway.app.merge import AUDIT, offer_audit, stage_audit
from shipway.app.progress import Watch
from shipway.app.score.rows import Rows
from shipway.app.score.scorer import Scorer
from shipway.app.workspace import Workspace
from shipway.core.body import TableScored
from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome
from shipway.core.score import Score
from shipway.core.table import MAIN, Commit, Snapshot


@dataclass(frozen=True, slots=True)
class Result:
    """What scoring made.

    Attributes:
        scorer: the version that scored.
        rows: what it scored.
        snapshot: the result.
        failed: rows without a prediction.
    """

    scorer: Scorer
    rows: Rows
    snapshot: Snapshot
    failed: int


@dataclass(frozen=True, slots=True)
class Published:
    """Where a result is.

    Attributes:
        into: the table or the file.
        branch: the table's branch; empty for a file.
        commit: the commit that has it; empty for a file.
        moved: whether the branch is there, or the file written.
        outcome: what main's gates said; None where none was asked.
        reasons: why they did not pass.
    """

    into: str
    branch: str = ""
    commit: str = ""
    moved: bool = True
    outcome: Outcome | None = None
    reasons: tuple[str, ...] = ()


def refuse_target(workspace: Workspace, branch: str, table: str) -> None:
    """Refuse a result in the place of a table that is made of something else, or on a main branch that is not there.

    Raises:
        ShipwayError: SW-106 for a name that the result cannot have, SW-401 where no data was admitted to main.
    """
    project = workspace.project
    if branch == MAIN and not (workspace.has_data and workspace.tables.head(MAIN)):
        hint = "shipway run admits it; or name another branch, --branch scores, or a file, --to scores.parquet"
        raise ShipwayError("SW-401", "no data has passed its gate yet, so there is no branch main", hint)
    kept = [f"raw_{name}" for name in project.config.raw]
    if table in project.registry.sources or table in kept or not table.replace("_", "a").isalnum():
        said = "is made by a source" if table in project.registry.sources else "cannot hold scores"
        raise ShipwayError("SW-106", f"table {table!r} {said}", "name another one, of letters, digits and underscores")


def publish_table(
    workspace: Workspace, result: Result, branch: str, table: str, *, start: Commit | None, watch: Watch
) -> Published:
    """Put a result on a branch in one commit: it waits on a branch of its own until main's gates let it through.

    Args:
        workspace: the project's.
        result: the result.
        branch: the branch; it is begun where there is none.
        table: what the result is called there; a table of that name has another version from then on.
        start: where a branch begins that there is none of.
        watch: told what happens.

    Raises:
        ShipwayError: SW-106 for a name that no branch may have, SW-603 if another process runs the project.
    """
    lake = workspace.tables
    said = f"score {result.rows.name} by {result.scorer.name}"
    with workspace.hold():
        head = lake.head(branch)
        if branch == MAIN:
            assert head is not None, "there is a main branch"
            stage_audit(lake, head)
            commit = lake.commit(AUDIT, {table: result.snapshot}, expect=head, message=said)
            moved = offer_audit(workspace, commit, {table: "scored"}, watch)
            put = Published(table, MAIN, commit.id, moved.moved, moved.outcome, moved.reasons)
        else:
            if head is None and start is not None:
                lake.fork(branch, at=start.id)
                head = start.id
            commit = lake.commit(branch, {table: result.snapshot}, expect=head, message=said)
            put = Published(table, branch, commit.id)
        if put.moved:
            _remember(workspace, result, put)
    return put


def publish_file(workspace: Workspace, result: Result, path: Path) -> Published:
    """Write a result to a Parquet or CSV file, whole or not at all.

    Raises:
        ShipwayError: SW-601 or SW-602 if it cannot be written.
    """
    write_parts(workspace.tables.read_parts(result.snapshot), path)
    put = Published(str(path))
    _remember(workspace, result, put)
    return put


def _remember(workspace: Workspace, result: Result, put: Published) -> None:
    """Remember what scored what into where, once."""
    manifest = result.scorer.manifest
    score = Score(
        model=manifest.model,
        number=manifest.version,
        bundle=result.scorer.digest,
        rows_of=result.rows.name,
        rows_digest=result.rows.snapshot.digest,
        rows=result.rows.snapshot.rows,
        failed=result.failed,
        into=put.into,
        branch=put.branch,
        commit=put.commit,
        digest=result.snapshot.digest,
    )
    known = workspace.state().scores.get(f"{put.branch}:{put.into}")
    if known is None or known.score != score:
        workspace.remember((f"model:{manifest.model}@{manifest.version}", TableScored(score=score)))
