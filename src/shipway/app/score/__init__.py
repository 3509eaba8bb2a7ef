"""Scoring in batches: what a bundle says of every row of a table, as a table of the lake or a file.

Features are built offline by the views of the bundle, exactly as known at each row's instant; the form that is served
predicts. So a row's prediction is what the server answers for the same row and instant.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from shipway.app.candidate import make_runner
from shipway.app.feature import check_ending
from shipway.app.progress import Watch, ignore
from shipway.app.project import Project
from shipway.app.runner import Runner, peak_mb
from shipway.app.score.publication import Published, Result, publish_file, publish_table, refuse_target
from shipway.app.score.question import ask_features, ask_vectors, list_instants, refuse_rows
from shipway.app.score.rows import Rows, find_rows
from shipway.app.score.scorer import Scorer, open_scorer
from shipway.app.score.work import Unseen, assemble, count_failed, list_unseen, make_job, score_rows
from shipway.app.target import check_target
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.core.gate import Outcome
from shipway.core.table import MAIN, Commit
from shipway.data.batch import PIECE_ROWS


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What scoring came to.

    Attributes:
        version: the version that scored, as `model@number`.
        bundle: digest of its bundle.
        rows_of: what was scored.
        rows: how many rows it has, and so has the result.
        failed: rows without a prediction.
        unseen: columns that have what training did not see.
        partitions: in how many parts they were scored.
        unchanged: how many of them were there already.
        into: the table or the file with the result.
        branch: the branch of that table; empty for a file.
        commit: the commit that has it; empty for a file.
        moved: whether the branch is there, or the file was written.
        outcome: what the gates on data said; None where none was asked.
        reasons: why they did not pass.
        seconds: real time it took.
        peak_mb: this process's peak memory, in 10^6 bytes.
    """

    version: str
    bundle: str
    rows_of: str
    rows: int
    failed: int
    unseen: list[Unseen]
    partitions: int
    unchanged: int
    into: str
    branch: str
    commit: str
    moved: bool
    outcome: Outcome | None
    reasons: tuple[str, ...]
    seconds: float
    peak_mb: float


def score(
    project: Project,
    ref: str,
    on: str,
    *,
    at: str | None = None,
    key: Sequence[str] = (),
    vectors: bool = False,
    since: str = "",
    branch: str = MAIN,
    into: str = "",
    to: Path | None = None,
    force: bool = False,
    watch: Watch = ignore,
) -> Scored:
    """Score every row of a table, in its order; a call that was killed is continued by the same one.

    Args:
        project: whose.
        ref: the version: a service, `model@number`, or a model.
        on: the rows, as `find_rows` takes them.
        at: the column that says when each row is asked about, or an instant; where None, the model's own instant.
        key: the columns that name a row in the result; those of the bundle where there is none.
        vectors: whether rows hold the model's inputs, and no features are built.
        since: the version of the lake that is read: a branch, a tag or a commit; by default that of `branch`.
        branch: the branch that the result is put on, and that is begun where there is none.
        into: the result's table; `MODEL_scores` where it is empty.
        to: a Parquet or CSV file for the result, in place of a table.
        force: score every partition, also where its result is there already.
        watch: told what happens.

    Raises:
        ShipwayError: SW-104, SW-202, SW-203, SW-205 and SW-302 for what cannot be scored; SW-603 if another process
            scores in the project, or runs it when the table is put on its branch; nothing is on a branch then.
    """
    if to is not None:
        check_ending(to)
        check_target(to)
    with closing(Workspace(project)) as workspace:
        begun = workspace.stopwatch.seconds()
        scorer = open_scorer(workspace, ref)
        table = into or f"{scorer.manifest.model}_scores"
        if to is None:
            refuse_target(workspace, branch, table)
        commit = _find_commit(workspace, since, branch)
        with workspace.hold("score.lock"):
            rows = find_rows(workspace, on, commit, list_instants(project, scorer.manifest, at))
            if vectors or scorer.manifest.features is None:
                question = ask_vectors(scorer.manifest, rows, at=at, key=key)
            else:
                question = ask_features(project, scorer.manifest, rows, at=at, key=key)
            job = make_job(workspace, scorer, rows, question, commit)
            refuse_rows(question, rows, workspace.tables.read_parts(rows.snapshot, question.read, rows=PIECE_ROWS))
            runner = make_runner(workspace, watch, force=force)
            made = score_rows(runner, job, name=f"score {scorer.name} on {rows.name}")
            result = Result(scorer, rows, assemble(made), count_failed(made))
            if to is None:
                put = publish_table(workspace, result, branch, table, start=commit, watch=watch)
            else:
                put = publish_file(workspace, result, to)
            workspace.store_state()
        seconds = workspace.stopwatch.seconds() - begun
    return _report(scorer, rows, made, put, runner, seconds)


def _find_commit(workspace: Workspace, since: str, branch: str) -> Commit | None:
    """Return the version of the lake that is read: of a branch that is yet to be begun that of main; None for none."""
    if not workspace.has_data or not (known := workspace.tables.branches()):
        if since:
            workspace.main_commit()
        return None
    lake = workspace.tables
    name = since or (branch if branch in known else MAIN)
    return lake.get(lake.refs.find(name))


def _report(
    scorer: Scorer, rows: Rows, made: Sequence[Artifact], put: Published, runner: Runner, seconds: float
) -> Scored:
    return Scored(
        version=scorer.name,
        bundle=scorer.digest,
        rows_of=rows.name,
        rows=rows.snapshot.rows,
        failed=count_failed(made),
        unseen=list_unseen(made),
        partitions=len(made),
        unchanged=sum(task.unchanged for task in runner.tasks),
        into=put.into,
        branch=put.branch,
        commit=put.commit,
        moved=put.moved,
        outcome=put.outcome,
        reasons=put.reasons,
        seconds=round(seconds, 3),
        peak_mb=round(peak_mb(), 1),
    )
