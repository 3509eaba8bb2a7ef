"""The work of scoring: what all partitions share, who scores them, and what comes of all of them together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from shipway.app.count import write_plural
from shipway.app.engine import load_engine, take_stock
from shipway.app.frame import describe_plan
from shipway.app.runner import Made, Runner
from shipway.app.score.partition import Job, Scored, Span, Store, cut_rows, read_span, score_blank, score_span
from shipway.app.score.question import Question
from shipway.app.score.rows import Rows
from shipway.app.score.scorer import Scorer
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.core.compute import ComputeSection
from shipway.core.table import Commit, Part, Snapshot, start_snapshot
from shipway.data.room import fits
from shipway.data.slice import STREAM_FACTOR, VALUE_BYTES, stream_columns
from shipway.kit.canonical import digest_value
from shipway.kit.size import parse_size
from shipway.ports.engine import Engine

MOST_ROWS: Final = 1 << 18
"""Rows of a partition at most: some seconds of work, so that little is lost with a process."""
LEAST_ROWS: Final = 1 << 12
"""Rows of a partition at least, for sorting the streams would cost more than all else."""


class Unseen(msgspec.Struct, frozen=True, kw_only=True):
    """What training did not see of a column: in how many rows, and an example."""

    column: str
    rows: int
    example: str


def make_job(workspace: Workspace, scorer: Scorer, rows: Rows, question: Question, commit: Commit | None) -> Job:
    """Return what all partitions share, after seeing on no rows at all that columns are of the right types.

    Raises:
        ShipwayError: SW-401 if a table that features are read from is not there, SW-203 for a column of a wrong type.
    """
    config = workspace.project.config
    memory_bytes = parse_size(config.resources.memory) if config.resources.memory else 0
    job = Job(
        name=rows.name,
        store=Store(workspace.folder, config.storage.files),
        question=question,
        snapshot=rows.snapshot,
        manifest=scorer.manifest,
        bundle=scorer.digest,
        model=scorer.model,
        memory_bytes=memory_bytes,
        providers=config.resources.providers,
        unpickle=config.security.unpickle,
    )
    if question.plan is not None:
        columns = stream_columns(question.plan)
        tables = workspace.admitted(columns, commit)
        stock = take_stock(workspace, columns, tables)
        whole = not memory_bytes or fits(question.plan, stock, memory_bytes) or is_apart(workspace)
        streams = {name: workspace.tables.read(tables[name], columns[name]) for name in columns} if whole else None
        job = replace(job, tables=tables, blank=stock.blank, streams=streams)
    score_blank(job)
    return job


def score_rows(runner: Runner, job: Job, *, name: str) -> list[Artifact]:
    """Score every partition that is not scored yet, by the engine of the project, and return all of them in order.

    Args:
        runner: runs and remembers: each partition is a task.
        job: what they share.
        name: what people read.

    Raises:
        ShipwayError: as `score_span` and the engine; partitions that were scored by then are kept.
    """
    inputs = {"rows": job.snapshot.digest, "bundle": job.bundle}
    inputs |= {f"table {table}": snapshot.digest for table, snapshot in job.tables.items()}
    question = job.question
    asked = {
        "plan": None if question.plan is None else digest_value(describe_plan(question.plan)),
        "key": list(question.key),
        "at": question.at,
        "providers": list(job.providers),
    }
    spans = list(cut_rows(job.snapshot.rows, size_spans(job)))

    def params(span: Span) -> dict[str, Any]:
        return {**asked, "from": span.start, "to": span.stop}

    left = [span for span in spans if runner.find(_score, inputs=inputs, params=params(span)) is None]
    made: list[Artifact] = []
    with ExitStack() as stack:
        found = _share(runner.workspace, job, left, stack)
        for place, span in enumerate(spans, start=1):
            label = name if len(spans) == 1 else f"{name} {place}/{len(spans)}"
            task = partial(_score, found)
            made.append(runner.make(label, task, inputs=inputs, params=params(span))["part"])
    return made


def size_spans(job: Job) -> int:
    """Return how many rows a partition has, so that who scores it stays within the project's memory."""
    if not job.memory_bytes:
        return MOST_ROWS
    plan = job.question.plan
    features = len(job.manifest.inputs) if plan is None else len(plan.columns) + len(job.manifest.inputs)
    row = VALUE_BYTES * (len(job.question.read) + features + 4)
    held = STREAM_FACTOR * sum(int(rows.estimated_size()) for rows in (job.streams or {}).values())
    return max(LEAST_ROWS, min(MOST_ROWS, (job.memory_bytes - held) // row))


def assemble(made: Sequence[Artifact]) -> Snapshot:
    """Return the table that partitions make: their files are its files."""
    facts = [each.facts for each in made]
    files = [
        Part(digest=each.digest, rows=int(each.facts["rows"]), size_bytes=int(each.facts["size_bytes"]))
        for each in made
    ]
    return start_snapshot(dict(facts[0]["columns"]), files)


def count_failed(made: Sequence[Artifact]) -> int:
    """Return how many rows have no prediction."""
    return sum(int(each.facts["failed"]) for each in made)


def list_unseen(made: Sequence[Artifact]) -> list[Unseen]:
    """Return what training did not see, by column."""
    found: dict[str, Unseen] = {}
    for each in made:
        for column, (rows, example) in each.facts["beyond"].items():
            first = found.get(column, Unseen(column=column, rows=0, example=example))
            found[column] = msgspec.structs.replace(first, rows=first.rows + rows)
    return [found[column] for column in sorted(found)]


def is_apart(workspace: Workspace) -> bool:
    """Tell whether who scores cannot read the files of this machine."""
    config = workspace.project.config
    return bool(config.compute.address) and not config.storage.files


def _share(workspace: Workspace, job: Job, spans: Sequence[Span], stack: ExitStack) -> Iterator[Scored]:
    """Yield what partitions come to, scored here or by the engine of the project; nobody starts before the first."""
    compute: ComputeSection = workspace.project.config.compute
    if not spans or compute.engine == "here":
        return (score_span(job, span) for span in spans)
    engine = stack.enter_context(closing(load_engine(compute)))
    if not is_apart(workspace):
        return engine.run(score_span, job, spans)
    return _send(engine, job, spans, compute.workers)


def _send(engine: Engine, job: Job, spans: Sequence[Span], workers: int) -> Iterator[Scored]:
    """Let an engine that cannot read this machine's files score, so many partitions at once."""
    for first in range(0, len(spans), workers):
        loaded = [replace(span, rows=read_span(job, span)) for span in spans[first : first + workers]]
        yield from engine.run(score_span, job, loaded)


def _score(found: Iterator[Scored], report: Callable[[int, int], None]) -> Made:
    """Keep what the next partition came to."""
    del report
    scored = next(found)
    beyond: Mapping[str, tuple[int, str]] = {name: (each.rows, each.example) for name, each in scored.beyond.items()}
    facts: dict[str, Any] = {
        "rows": scored.rows,
        "size_bytes": len(scored.content),
        "failed": scored.failed,
        "columns": list(scored.columns.items()),
        "beyond": beyond,
    }
    said = write_plural(scored.rows, "row")
    if scored.failed:
        said += f", {scored.failed:,} without a prediction"
    return Made({"part": ("score", scored.content, facts)}, said=said)
